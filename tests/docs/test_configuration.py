"""docs/configuration.md says what the models say: every key, its levels, its default; and its YAML loads."""

import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from replicator.config import declared, load, sections, settings
from replicator.config.connection import Connection, SecretRef
from replicator.config.declared import KEYS
from replicator.config.document import ROOT_KEYS, Document
from replicator.errors import ConfigError
from replicator.resources import TYPES
from replicator.resources.base import Effect, Lifecycle
from replicator.resources.clone import MaxLag
from replicator.resources.share import SharedObject
from replicator.resources.table import Column
from tests.docs.pages import Block, blocks, code, page, rows
from tests.docs.pages import sections as parts_of

PAGE = page("configuration.md")
PARTS = parts_of(PAGE)
BLOCKS = blocks(PAGE)
CONNECTIONS = {
    "source_databricks_connect_config": 'source_databricks_connect_config: {host: "emulator://us-east"}\n',
    "target_databricks_connect_config": 'target_databricks_connect_config: {host: "emulator://eu-west"}\n',
}

MODELS: dict[str, type[BaseModel]] = {
    "Connections": Connection,
    "Secrets": SecretRef,
    "concurrency": settings.Concurrency,
    "retry": settings.Retry,
    "logging": settings.Logging,
    "state": settings.StateConfig,
    "audit_config": settings.AuditConfig,
    "lifecycle": Lifecycle,
    "max_lag": MaxLag,
    "moved and forget": settings.Moved,
}
"""A heading and the model whose keys its table lists."""

LEVELS: dict[str, dict[str, type[BaseModel]]] = {
    "backup_config": {
        "section": sections.BackupConfig,
        "catalog": sections.BackupCatalog,
        "schema": sections.BackupSchema,
        "table": sections.BackupTable,
    },
    "delta_share_config": {
        "section": sections.DeltaShareConfig,
        "share": sections.Share,
        "schema": sections.SchemaEntry,
        "table": sections.TableEntry,
    },
    "replication_config": {
        "section": sections.ReplicationConfig,
        "catalog": sections.ReplicationCatalog,
        "schema": sections.ReplicationSchema,
        "table": sections.ReplicationTable,
    },
    "reconciliation_config": {
        "section": sections.ReconciliationConfig,
        "catalog": sections.ReconciliationCatalog,
        "schema": sections.ReconciliationSchema,
        "table": sections.ReconciliationTable,
    },
}
NESTED: dict[str, tuple[str, type[BaseModel]]] = {"tables": ("columns", Column), "shares": ("objects", SharedObject)}
SHORTHANDS = {"catalog": {"share"}, "recipient": {"metastore"}}
EFFECTS = {Effect.UPDATE: "in place", Effect.REPLACE: "replaces", Effect.OWNER: "owner, last", Effect.IGNORED: "–"}


def shown(info: FieldInfo) -> str:
    """A field's default as the page writes it."""
    if info.is_required():
        return "required"
    default = info.get_default(call_default_factory=True)
    if default == ():
        return "none"
    if default is None or isinstance(default, BaseModel):
        return "–"
    if isinstance(default, bool):
        return str(default).lower()
    return f"{default:g}" if isinstance(default, int | float) else str(default)


def expected(model: type[BaseModel]) -> dict[str, str]:
    return {info.alias or name: shown(info) for name, info in model.model_fields.items()}


@pytest.mark.parametrize("heading", MODELS)
def test_a_table_lists_the_keys_of_its_model_with_their_defaults(heading: str) -> None:
    found = {code(row["key"]): code(row["default"]) for row in rows(PARTS[heading], "key")}
    assert found == expected(MODELS[heading])


def test_the_keys_of_the_file_are_listed_with_their_defaults() -> None:
    found = {code(row["key"]): code(row["default"]) for row in rows(PARTS["Keys of the file"], "key")}
    assert found.keys() == ROOT_KEYS
    assert {name: found[name] for name in expected(Document)} == expected(Document)


@pytest.mark.parametrize("heading", LEVELS)
def test_an_operation_lists_its_keys_with_the_levels_they_stand_on(heading: str) -> None:
    found = {code(row["key"]): (row["on"].split(", "), code(row["default"])) for row in rows(PARTS[heading], "key")}
    wanted: dict[str, tuple[list[str], str]] = {}
    for level, model in LEVELS[heading].items():
        for name, default in expected(model).items():
            wanted.setdefault(name, ([], default))[0].append(level)
    assert found == wanted


@pytest.mark.parametrize("heading", KEYS)
def test_a_resource_lists_its_fields_and_what_a_change_does(heading: str) -> None:
    rtype = TYPES[KEYS[heading]]
    listed, nested = list(rows(PARTS[heading], "key")), NESTED.get(heading)
    fields = {code(row["key"]): row["a change"] for row in listed if "a change" in row}
    extra = SHORTHANDS.get(rtype.name, set()) | {key for key, (_, on) in declared._NESTED.items() if rtype.name in on}
    assert fields.keys() == rtype.rules.keys() | extra
    assert {name: fields[name] for name in rtype.rules} == {n: EFFECTS[rule.effect] for n, rule in rtype.rules.items()}
    below = {code(row["key"]): code(row["default"]) for row in listed if "default" in row}
    tags = {"tags": "–"} if rtype.name == "table" else {}
    assert below == (expected(nested[1]) | tags if nested else {})


def test_every_entry_of_resources_may_hold_what_the_page_says() -> None:
    assert {code(row["key"]) for row in rows(PARTS["resources"], "key")} == {"lifecycle", "after"}


def test_selection_speaks_of_the_keys_that_all_operations_share() -> None:
    shared = set.intersection(*(set(model.model_fields) for model in (sections.CatalogEntry, sections.Share)))
    shared |= {*sections.SchemaEntry.model_fields, *sections.TableEntry.model_fields}
    assert {code(row["key"]) for row in rows(PARTS["Selecting tables"], "key")} == shared


def loaded(block: Block, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(folder)
    names = re.findall(r"\$\{env:(\w+)\}", block.text)
    given = "".join(line for key, line in CONNECTIONS.items() if "wrong" not in block.kind and key not in block.text)
    Path("replicator.yaml").write_text(given + block.text, encoding="utf-8")
    return load(Path("replicator.yaml"), environ=dict.fromkeys(names, "x"))


@pytest.mark.parametrize("block", [b for b in BLOCKS if b.kind == "yaml"], ids=lambda block: f"line{block.line}")
def test_an_example_loads(block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert loaded(block, tmp_path, monkeypatch).hash


WRONG = [index for index, block in enumerate(BLOCKS) if block.kind == "yaml wrong"]


@pytest.mark.parametrize("index", WRONG, ids=lambda index: f"line{BLOCKS[index].line}")
def test_a_wrong_example_is_refused_with_the_words_below_it(
    index: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert BLOCKS[index + 1].kind == "text"
    with pytest.raises(ConfigError) as caught:
        loaded(BLOCKS[index], tmp_path, monkeypatch)
    assert set(BLOCKS[index + 1].text.splitlines()) <= set(caught.value.message.splitlines())
