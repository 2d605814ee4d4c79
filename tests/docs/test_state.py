"""docs/state.md says what the state's code does: fields, files, and what each kind of damage ends with."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from replicator.cli.approval import approved_file
from replicator.cli.drift_record import record_file
from replicator.engine.state import Entry, State
from replicator.errors import StateError
from replicator.execution.journal import Header, Journal, What
from replicator.execution.lock import HEARTBEAT_SECONDS, TTL_SECONDS, lock_file
from replicator.execution.store import (
    KEPT_SERIALS,
    StateStore,
    history_directory,
    journal_file,
    open_state,
    state_file,
)
from tests.docs.pages import code, page, rows, sections

PAGE = page("state.md")
PARTS = sections(PAGE)


def test_the_files_are_where_the_code_keeps_them() -> None:
    folder = Path()
    kept = [state_file, journal_file, lock_file, approved_file, record_file]
    found = {str(path(folder, "ENV")) for path in kept} | {f"{history_directory(folder, 'ENV')}/SERIAL.json"}
    assert {code(row["file"]) for row in rows(PARTS["State"], "file")} == found
    assert f"the last {KEPT_SERIALS} states" in PAGE


def test_the_fields_of_the_state_are_those_of_the_format() -> None:
    listed = [code(row["field"]) for row in rows(PARTS["The state file"], "field")]
    assert listed == [*State.model_fields, "checksum", *Entry.model_fields]


def test_the_journal_and_the_lock_are_as_described() -> None:
    assert [code(row["line"]) for row in rows(PARTS["Journal"], "line")] == ["header", *What]
    assert f"every {HEARTBEAT_SECONDS:.0f} seconds" in PARTS["Lock"]
    assert f"still for {TTL_SECONDS:.0f}\nseconds" in PARTS["Lock"]


def edited(folder: Path) -> None:
    file = state_file(folder, "default")
    file.write_text(file.read_text().replace("lineage-1", "lineage-2"))


def gone(folder: Path) -> None:
    state_file(folder, "default").unlink()


def journal(folder: Path, lineage: str = "lineage-1", serial: int = 2) -> Path:
    path = journal_file(folder, "default")
    Journal(path, Header("run", "plan", "default", lineage, serial)).close()
    return path


def torn(folder: Path) -> None:
    path = journal(folder)
    path.write_bytes(path.read_bytes() + b"half a li\n{}\n")


def older(folder: Path) -> None:
    journal(folder)
    state_file(folder, "default").write_bytes((history_directory(folder, "default") / "1.json").read_bytes())


def newer(folder: Path) -> None:
    file = state_file(folder, "default")
    file.write_text(json.dumps(json.loads(file.read_text()) | {"format_version": 99}))


DAMAGE: list[Callable[[Path], object]] = [edited, gone, torn, lambda folder: journal(folder, "lineage-9"), older, newer]


@pytest.mark.parametrize(
    ("damage", "row"),
    list(zip(DAMAGE, rows(PARTS["When something is damaged"], "what is wrong"), strict=True)),
    ids=lambda item: item["what is wrong"] if isinstance(item, dict) else "",
)
def test_damage_ends_with_the_words_and_the_command_of_the_page(
    damage: Callable[[Path], object], row: dict[str, str], tmp_path: Path
) -> None:
    store, state = StateStore(tmp_path, "default"), State(environment="default", lineage="lineage-1")
    for _ in range(2):
        state = store.commit(state, {}, {})
    damage(tmp_path)
    with pytest.raises(StateError) as caught:
        open_state(tmp_path, "default")
    assert code(row["what it says"]) in caught.value.message
    command = code(row["what to do"]).replace("state/", f"{tmp_path}/").replace("ENV", "default")
    assert not command.startswith("replicator") or command in caught.value.hint.replace("'", "")
