"""What was seen last night is not news tonight."""

import json
from pathlib import Path

import pytest

from replicator.cli.drift import _without
from replicator.cli.drift_record import read_record, record_file, sort_out, write_record
from replicator.errors import StateError
from tests.render.drifted import item, report


def test_nothing_recorded_makes_everything_new(tmp_path: Path) -> None:
    news = sort_out(report(item("target:schema/a.b")), read_record(tmp_path, "prod"))
    assert [found.address for found in news.new] == ["target:schema/a.b"]
    assert news.known == ()


def test_recorded_drift_is_known_changed_drift_is_new_and_what_went_away_is_resolved(tmp_path: Path) -> None:
    first = report(item("target:schema/a.same"), item("target:schema/a.other", "x"), item("target:schema/a.gone"))
    write_record(tmp_path, first, {})
    second = report(item("target:schema/a.same"), item("target:schema/a.other", "y"))
    news = sort_out(second, read_record(tmp_path, "prod"))
    assert [found.address for found in news.known] == ["target:schema/a.same"]
    assert [found.address for found in news.new] == ["target:schema/a.other"]
    assert news.resolved == ("target:schema/a.gone",)


def test_the_day_of_the_first_sighting_is_kept(tmp_path: Path) -> None:
    found = report(item("target:schema/a.b"))
    mark = found.items[0].fingerprint
    write_record(tmp_path, found, {mark: {"address": "target:schema/a.b", "first_seen": "2026-01-02"}})
    assert sort_out(found, read_record(tmp_path, "prod")).since == {mark: "2026-01-02"}


def test_a_damaged_record_is_not_read_as_empty(tmp_path: Path) -> None:
    path = record_file(tmp_path, "prod")
    path.parent.mkdir()
    path.write_text(json.dumps([]))
    with pytest.raises(StateError, match="cannot be read"):
        read_record(tmp_path, "prod")


def test_ignored_addresses_and_fields_are_left_out() -> None:
    found = report(item("target:schema/a.b", "x"), item("target:schema/a.c", "x"))
    assert [left.address for left in _without(found, ["target:schema/a.b"]).items] == ["target:schema/a.c"]
    assert _without(found, ["target:schema/*#comment"]).items == ()
    assert len(_without(found, ["target:schema/*#owner"]).items) == 2
