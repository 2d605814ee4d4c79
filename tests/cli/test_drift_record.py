"""What was seen last night is not news tonight."""

import json
from pathlib import Path

import pytest

from replicator.cli.drift import _without
from replicator.cli.drift_baseline import in_force, read_baseline
from replicator.cli.drift_record import read_record, sort_out, updated, write_record
from replicator.errors import StateError, UsageError
from replicator.execution.folder import Folder
from tests.render.drifted import item, report


def test_nothing_recorded_makes_everything_new(tmp_path: Path) -> None:
    news = sort_out(report(item("target:schema/a.b")), read_record(Folder(tmp_path, "prod")))
    assert [found.address for found in news.new] == ["target:schema/a.b"]
    assert news.known == ()


def test_recorded_drift_is_known_changed_drift_is_new_and_what_went_away_is_resolved(tmp_path: Path) -> None:
    first = report(item("target:schema/a.same"), item("target:schema/a.other", "x"), item("target:schema/a.gone"))
    write_record(Folder(tmp_path, "prod"), updated(first, {}, (), everything=True))
    second = report(item("target:schema/a.same"), item("target:schema/a.other", "y"))
    news = sort_out(second, read_record(Folder(tmp_path, "prod")))
    assert [found.address for found in news.known] == ["target:schema/a.same"]
    assert [found.address for found in news.new] == ["target:schema/a.other"]
    assert news.resolved == ("target:schema/a.gone",)


def test_the_day_of_the_first_sighting_is_kept(tmp_path: Path) -> None:
    found = report(item("target:schema/a.b"))
    mark = found.items[0].fingerprint
    before = {mark: {"address": "target:schema/a.b", "first_seen": "2026-01-02"}}
    write_record(Folder(tmp_path, "prod"), updated(found, before, (), everything=True))
    assert sort_out(found, read_record(Folder(tmp_path, "prod"))).since == {mark: "2026-01-02"}


def test_a_damaged_record_is_not_read_as_empty(tmp_path: Path) -> None:
    path = tmp_path / "drift" / "prod.json"
    path.parent.mkdir()
    path.write_text(json.dumps([]))
    with pytest.raises(StateError, match="cannot be read"):
        read_record(Folder(tmp_path, "prod"))


def test_ignored_addresses_and_fields_are_left_out() -> None:
    found = report(item("target:schema/a.b", "x"), item("target:schema/a.c", "x"))
    assert [left.address for left in _without(found, ["target:schema/a.b"]).items] == ["target:schema/a.c"]
    assert _without(found, ["target:schema/*#comment"]).items == ()
    assert len(_without(found, ["target:schema/*#owner"]).items) == 2


def test_accepted_drift_is_neither_new_nor_known_until_it_looks_otherwise(tmp_path: Path) -> None:
    first = report(item("target:schema/a.b", "x"), item("target:schema/a.c", "x"))
    agreed = {first.items[0].fingerprint}
    recorded = updated(first, {}, agreed, everything=False)
    news = sort_out(first, recorded)
    assert [found.address for found in news.accepted] == ["target:schema/a.b"]
    assert [found.address for found in news.new] == ["target:schema/a.c"]
    edited = sort_out(report(item("target:schema/a.b", "y")), recorded)
    assert (len(edited.new), edited.accepted) == (1, ())


def test_recording_everything_keeps_what_was_accepted(tmp_path: Path) -> None:
    found = report(item("target:schema/a.b", "x"), item("target:schema/a.c", "x"))
    mark = found.items[0].fingerprint
    before = {mark: {"address": "target:schema/a.b", "first_seen": "2026-01-02", "accepted": "2026-01-03"}}
    after = updated(found, before, (), everything=True)
    assert after[mark] == before[mark]
    assert len(after) == 2


@pytest.mark.parametrize(("expires", "accepted"), [("2999-12-31", 1), ("2020-01-01", 0)])
def test_a_baseline_holds_until_its_day(expires: str, accepted: int, tmp_path: Path) -> None:
    found = report(item("target:schema/a.b"))
    path = tmp_path / "baseline.yaml"
    entry = {"fingerprint": found.items[0].fingerprint, "expires": expires, "reason": "until the audit"}
    path.write_text(json.dumps({"format_version": "1.0", "accepted": [entry]}))
    marks, expired = in_force(read_baseline(path))
    news = sort_out(found, {}, marks)
    assert (len(news.accepted), len(news.new), len(expired)) == (accepted, 1 - accepted, 1 - accepted)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[", "neither YAML nor JSON"),
        ("[]", "this is no baseline"),
        ("{format_version: '1.0', accepted: [{fingerprint: abc, expires: 2030-01-01}]}", "accepted.0.fingerprint"),
        ("{format_version: '1.0', accepted: [{fingerprint: abc}]}", "accepted.0"),
    ],
)
def test_a_wrong_baseline_is_refused(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "baseline.yaml"
    path.write_text(text)
    with pytest.raises(UsageError, match=said):
        read_baseline(path)
