"""docs/state.md says what the state's code does: fields, files, and what each kind of damage ends with."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from replicator.cli.approval import APPROVED
from replicator.cli.drift_record import RECORD
from replicator.engine.state import Entry, State
from replicator.errors import StateError
from replicator.execution.backend import silent
from replicator.execution.folder import Folder
from replicator.execution.holder import HEARTBEAT_SECONDS, TTL_SECONDS
from replicator.execution.journal import Header, Journal, What
from replicator.execution.store import KEPT_SERIALS, StateStore, open_state
from tests.docs.pages import code, page, rows, sections
from tests.execution import keeping

PAGE = page("state.md")
PARTS = sections(PAGE)


def test_the_files_are_where_the_code_keeps_them(tmp_path: Path) -> None:
    store = StateStore(Folder(tmp_path, "ENV"))
    with store.backend.lock("apply", silent):
        store.commit(State(environment="ENV", lineage="lineage-1", serial=40), {}, {})
        Journal(store.backend, Header("run", "plan", "ENV", "lineage-1", 41)).close()
        for name in (APPROVED, RECORD):
            store.backend.write_note(name, b"{}")
        files = [path for path in tmp_path.rglob("*") if path.is_file()]
        found = {str(path.relative_to(tmp_path)).replace("41", "SERIAL") for path in files}
    assert {code(row["file"]) for row in rows(PARTS["In a folder"], "file")} == found
    assert f"the last {KEPT_SERIALS} states" in PAGE


def test_the_files_of_a_volume_are_where_the_code_keeps_them(tmp_path: Path) -> None:
    endpoint = keeping.start_workspace(tmp_path)
    store = StateStore(keeping.volume(tmp_path, "here", "ENV"))
    with store.backend.lock("apply", silent):
        store.commit(State(environment="ENV", lineage="lineage-1", serial=40), {}, {})
        Journal(store.backend, Header("run", "plan", "ENV", "lineage-1", 41)).close()
        for name in (APPROVED, RECORD):
            store.backend.write_note(name, b"{}")
        names = {path.name for path in (keeping.volume_files(endpoint) / "here" / "ENV").iterdir()}
    endpoint.close()
    words = {"41": "SERIAL", ".1.": ".LOCK.", "000000": "NUMBER"}
    found = {re.sub("41|\\.1\\.|000000", lambda match: words[match[0]], name) for name in names}
    heading = "file in `VOLUME/ENV`"
    assert {code(row[heading]) for row in rows(PARTS["In a volume"], heading)} == found


def test_the_fields_of_the_state_are_those_of_the_format() -> None:
    listed = [code(row["field"]) for row in rows(PARTS["The state file"], "field")]
    assert listed == [*State.model_fields, "checksum", *Entry.model_fields]


def test_the_journal_and_the_lock_are_as_described() -> None:
    assert [code(row["line"]) for row in rows(PARTS["Journal"], "line")] == ["header", *What]
    assert f"every {HEARTBEAT_SECONDS:.0f} seconds" in PARTS["Lock"]
    assert f"still for {TTL_SECONDS:.0f}\nseconds" in PARTS["Lock"]


def edited(folder: Path) -> None:
    file = folder / "default.json"
    file.write_text(file.read_text().replace("lineage-1", "lineage-2"))


def gone(folder: Path) -> None:
    (folder / "default.json").unlink()


def journal(folder: Path, lineage: str = "lineage-1", serial: int = 2) -> Path:
    Journal(Folder(folder, "default"), Header("run", "plan", "default", lineage, serial)).close()
    return folder / "default.journal"


def torn(folder: Path) -> None:
    path = journal(folder)
    path.write_bytes(path.read_bytes() + b"half a li\n{}\n")


def older(folder: Path) -> None:
    journal(folder)
    (folder / "default.json").write_bytes((folder / "history" / "default" / "1.json").read_bytes())


def newer(folder: Path) -> None:
    file = folder / "default.json"
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
    store, state = StateStore(Folder(tmp_path, "default")), State(environment="default", lineage="lineage-1")
    for _ in range(2):
        state = store.commit(state, {}, {})
    damage(tmp_path)
    with pytest.raises(StateError) as caught:
        open_state(store.backend)
    assert code(row["what it says"]) in caught.value.message
    command = code(row["what to do"]).replace("state/", f"{tmp_path}/").replace("ENV", "default")
    assert not command.startswith("replicator") or command in caught.value.hint.replace("'", "")
