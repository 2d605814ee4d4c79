"""The journal as a file format, and what a full or failing disk means for it; see also `test_backends`."""

import os
import stat
import threading
from pathlib import Path

import pytest

from replicator.engine.state import Entry
from replicator.errors import StateError
from replicator.execution import journal
from replicator.execution.folder import Folder
from replicator.execution.journal import Header, Journal, Read, Record, What, merge
from replicator.execution.store import save
from tests.execution.test_backends import RECORDS, A, B, C, a_state, done, header, intent


def place(tmp_path: Path) -> Folder:
    return Folder(tmp_path, "prod")


def read(tmp_path: Path) -> Read:
    stored = place(tmp_path).journal()
    assert stored is not None
    return journal.read(stored)


def write(tmp_path: Path, *records: Record, head: Header | None = None) -> None:
    book = Journal(place(tmp_path), head or header())
    for record in records:
        book.append(record)
    book.close()


def test_a_journal_reads_back_as_written(tmp_path: Path) -> None:
    write(tmp_path, *RECORDS)
    found = read(tmp_path)
    assert found.header == header()
    assert found.records == RECORDS
    assert found.notices == ()


def test_each_line_is_on_disk_before_append_returns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    book = Journal(place(tmp_path), header())
    monkeypatch.setattr(os, "fsync", lambda handle: synced.append(os.fstat(handle).st_size))
    book.append(intent(A))
    book.append(done(A))
    assert len(synced) == 2
    assert synced[0] < synced[1] == (tmp_path / "prod.journal").stat().st_size


def test_merging_keeps_what_is_done_and_remembers_what_is_not_known() -> None:
    state, pending = merge(a_state(c=Entry(id="9")), RECORDS[:4])
    assert set(state.resources) == {A, C}
    assert {item.do for item in pending.values()} == {"create", "delete"}
    state, pending = merge(a_state(c=Entry(id="9")), RECORDS)
    assert set(state.resources) == {A}
    assert pending == {}


def test_a_rename_moves_the_entry_in_one_line() -> None:
    moved = Record(What.DONE, B, "rename", {"entry": {"id": "9"}, "previous": C})
    state, _ = merge(a_state(c=Entry(id="9")), [moved])
    assert list(state.resources) == [B]


def test_a_failure_in_the_middle_marks_what_we_hold_as_partial() -> None:
    failed = Record(What.FAILED, C, "update", {"error": "no", "partial": True})
    state, _ = merge(a_state(c=Entry(id="9")), [failed])
    assert state.resources[C].partial


def test_files_are_private(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    save(place(folder), a_state())
    write(folder)
    place(folder).write_note("drift", b"")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    modes = {stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*") if path.is_file()}
    assert modes == {0o600}


def test_an_apply_does_not_begin_when_its_journal_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "prod.journal").mkdir()
    ((tmp_path / "prod.journal") / "x").touch()
    with pytest.raises(StateError, match="nothing was done"):
        Journal(place(tmp_path), header())


def test_a_state_that_cannot_be_replaced_stays_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(place(tmp_path), a_state(serial=1))
    before = (tmp_path / "prod.json").read_bytes()

    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StateError, match="No space left"):
        save(place(tmp_path), a_state(serial=2))
    assert (tmp_path / "prod.json").read_bytes() == before
    assert not list(tmp_path.glob(".*.tmp"))


def test_a_journal_that_failed_once_takes_nothing_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    book = Journal(place(tmp_path), header())
    book.append(intent(A))
    honest = os.write
    monkeypatch.setattr(os, "write", lambda handle, data: honest(handle, data[:10]))
    with pytest.raises(StateError, match="No space left"):
        book.append(done(A))
    monkeypatch.setattr(os, "write", honest)
    with pytest.raises(StateError, match="No space left"):
        book.append(intent(B))
    assert read(tmp_path).records == (intent(A),)


def test_lines_of_many_threads_are_all_kept_in_one_order(tmp_path: Path) -> None:
    book = Journal(place(tmp_path), header())
    addresses = [f"target:schema/c.n{number}" for number in range(400)]

    def work(part: int) -> None:
        for address in addresses[part::8]:
            book.append(intent(address))

    threads = [threading.Thread(target=work, args=(part,)) for part in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(record.address for record in read(tmp_path).records) == sorted(addresses)
