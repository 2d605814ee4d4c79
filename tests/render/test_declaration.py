"""Entries added to a file: what is there stays, and every string is read back as that very string."""

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from replicator.address import Address
from replicator.render.declaration import with_resources

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*/replicator.yaml"))
NEW = Address.parse("target:schema/new.one")
ODD = ["true", "no", "007", "1.5", "", " x ", "a: b # c", "line\nline", "~", "’\u2028", "- a"]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.parent.name)
def test_every_line_of_an_example_stays(path: Path) -> None:
    text = path.read_text()
    kept = iter(with_resources(text, [(NEW, {"comment": "x"})]).splitlines())
    assert [line for line in text.splitlines() if line.strip() and line not in kept] == []


@pytest.mark.parametrize("comment", ODD)
def test_a_string_stays_that_string(comment: str) -> None:
    text = with_resources("version: '1.0'\n", [(NEW, {"comment": comment})])
    assert YAML(typ="safe").load(text)["resources"]["target"]["schemas"]["new.one"]["comment"] == comment


def test_a_reference_is_escaped() -> None:
    assert '"$${name}"' in with_resources("version: '1.0'\n", [(NEW, {"comment": "${name}"})])


def test_what_was_written_empty_becomes_a_block() -> None:
    text = with_resources("resources: {source: {}, target: {}}\n", [(NEW, {"comment": "x"})])
    assert YAML(typ="safe").load(text)["resources"]["target"]["schemas"] == {"new.one": {"comment": "x"}}


def test_a_section_that_is_no_mapping_is_refused() -> None:
    with pytest.raises(ValueError, match="`target` is no mapping"):
        with_resources("resources: {target: [1]}\n", [(NEW, {"comment": "x"})])
