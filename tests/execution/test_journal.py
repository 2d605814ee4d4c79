"""The journal and the state file: whatever a crash leaves is either understood or refused, never taken for nothing."""

import os
import stat
import threading
from pathlib import Path

import pytest

from replicator.engine.state import Entry, State, dump, same
from replicator.errors import StateError
from replicator.execution import journal
from replicator.execution.journal import Header, Journal, Record, What, merge
from replicator.execution.store import StateStore, journal_file, open_state, restore, save, serials, state_file

A, B, C = "target:schema/c.a", "target:schema/c.b", "target:schema/c.c"
AT = "2026-01-01T00:00:00+00:00"


def a_state(serial: int = 3, **entries: Entry) -> State:
    return State(
        environment="prod",
        lineage="L",
        serial=serial,
        metastores={"source": "s", "target": "t"},
        resources={f"target:schema/c.{name}": entry for name, entry in entries.items()},
    )


def header(serial: int = 3, lineage: str = "L") -> Header:
    return Header("run-1", "p" * 64, "prod", lineage, serial, {"source": "s", "target": "t"})


def intent(address: str, do: str = "create") -> Record:
    return Record(What.INTENT, address, do, {"at": AT, "entry": {"inputs": {"comment": "x"}}})


def done(address: str) -> Record:
    return Record(What.DONE, address, "create", {"entry": {"id": "1", "inputs": {"comment": "x"}}})


RECORDS = (
    intent(A),
    done(A),
    intent(B),
    intent(C, "delete"),
    Record(What.GONE, C, "delete"),
    Record(What.FAILED, B, "create", {"error": "no"}),
)


def write(path: Path, *records: Record, head: Header | None = None) -> bytes:
    book = Journal(path, head or header())
    for record in records:
        book.append(record)
    book.close()
    return path.read_bytes()


def test_a_journal_reads_back_as_written(tmp_path: Path) -> None:
    path = tmp_path / "prod.journal"
    write(path, *RECORDS)
    found = journal.read(path)
    assert found.header == header()
    assert found.records == RECORDS
    assert found.notices == ()


def test_each_line_is_on_disk_before_append_returns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    book = Journal(tmp_path / "prod.journal", header())
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


@pytest.mark.parametrize("with_state", [True, False], ids=["state", "first apply"])
def test_every_prefix_of_a_journal_recovers_to_one_of_its_whole_lines(tmp_path: Path, with_state: bool) -> None:
    """A crash may stop the writing at any byte. What was durable before is understood, and nothing else is invented."""
    before = a_state(serial=0, c=Entry(id="9"))
    if with_state:
        save(tmp_path, before)
    path = journal_file(tmp_path, "prod")
    data = write(path, *RECORDS, head=header(serial=0))
    base = before if with_state else State(environment="prod", lineage="L", metastores={"source": "s", "target": "t"})
    ends = [at + 1 for at, byte in enumerate(data) if byte == 0x0A]
    for length in range(len(data) + 1):
        path.write_bytes(data[:length])
        whole = sum(end - 1 <= length for end in ends)
        opened = open_state(tmp_path, "prod")
        expected, pending = merge(base, RECORDS[: max(0, whole - 1)])
        assert opened.state.resources == expected.resources, length
        assert dict(opened.pending) == pending, length
        torn = length not in {*ends, *(end - 1 for end in ends)}
        assert any("is ignored" in notice for notice in opened.notices) == torn, length


def test_damage_before_the_last_line_is_refused_with_the_repair_command(tmp_path: Path) -> None:
    path = journal_file(tmp_path, "prod")
    data = write(path, *RECORDS)
    last = data.rindex(b"\n", 0, len(data) - 1)
    for at in range(0, last, 7):
        path.write_bytes(data[:at] + bytes([data[at] ^ 0x01]) + data[at + 1 :])
        with pytest.raises(StateError) as refused:
            journal.read(path)
        assert f"replicator state repair --file '{path}'" in refused.value.hint


def test_a_missing_line_is_damage(tmp_path: Path) -> None:
    path = journal_file(tmp_path, "prod")
    lines = write(path, *RECORDS).splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:2] + lines[3:]))
    with pytest.raises(StateError, match="line 3"):
        journal.read(path)


def test_repair_keeps_the_readable_lines_and_the_damaged_file(tmp_path: Path) -> None:
    path = journal_file(tmp_path, "prod")
    data = write(path, *RECORDS)
    broken = data.replace(b'"id":"1"', b'"id":"2"')
    path.write_bytes(broken)
    assert journal.repair(path) == (6, 1)
    found = journal.read(path)
    assert found.records == (RECORDS[0], *RECORDS[2:])
    assert path.with_name("prod.journal.damaged").read_bytes() == broken


def test_a_journal_of_another_state_is_refused(tmp_path: Path) -> None:
    save(tmp_path, a_state())
    write(journal_file(tmp_path, "prod"), head=header(lineage="other"))
    with pytest.raises(StateError, match="another state"):
        open_state(tmp_path, "prod")


def test_a_journal_that_continues_a_later_serial_is_refused(tmp_path: Path) -> None:
    save(tmp_path, a_state(serial=3))
    write(journal_file(tmp_path, "prod"), done(A), head=header(serial=5))
    with pytest.raises(StateError, match="continues serial 5"):
        open_state(tmp_path, "prod")


def test_a_journal_whose_run_was_saved_is_not_merged_twice(tmp_path: Path) -> None:
    save(tmp_path, a_state(serial=4))
    write(journal_file(tmp_path, "prod"), done(A), head=header(serial=3))
    assert open_state(tmp_path, "prod").state.resources == {}


def test_reading_a_leftover_journal_changes_no_file(tmp_path: Path) -> None:
    save(tmp_path, a_state())
    write(journal_file(tmp_path, "prod"), *RECORDS)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    opened = open_state(tmp_path, "prod")
    assert A in opened.state.resources
    assert opened.state.serial == 4
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_an_environment_that_was_never_applied_has_no_lineage(tmp_path: Path) -> None:
    opened = open_state(tmp_path, "prod")
    assert (opened.state.lineage, opened.state.serial, opened.state.resources) == ("", 0, {})


def test_a_state_file_truncated_at_any_byte_is_never_read_as_empty(tmp_path: Path) -> None:
    save(tmp_path, a_state(a=Entry(id="1", inputs={"comment": "é"})))
    path = state_file(tmp_path, "prod")
    data = path.read_bytes()
    for length in range(len(data) - 1):
        path.write_bytes(data[:length])
        with pytest.raises(StateError, match="damaged"):
            open_state(tmp_path, "prod")


def test_a_changed_byte_anywhere_in_the_state_file_is_noticed(tmp_path: Path) -> None:
    original = a_state(a=Entry(id="1"))
    save(tmp_path, original)
    path = state_file(tmp_path, "prod")
    data = path.read_bytes()
    for at in range(len(data)):
        path.write_bytes(data[:at] + bytes([data[at] ^ 0x04]) + data[at + 1 :])
        try:
            found = open_state(tmp_path, "prod").state
        except StateError:
            continue
        assert same(found, original), at


def test_a_lost_state_file_is_not_a_new_environment(tmp_path: Path) -> None:
    save(tmp_path, a_state())
    state_file(tmp_path, "prod").unlink()
    with pytest.raises(StateError, match="missing") as refused:
        open_state(tmp_path, "prod")
    assert "replicator state restore --serial 3" in refused.value.hint


def test_files_are_private(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    save(folder, a_state())
    write(journal_file(folder, "prod"))
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    modes = {stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*") if path.is_file()}
    assert modes == {0o600}


def test_the_last_ten_serials_are_kept(tmp_path: Path) -> None:
    for serial in range(1, 15):
        save(tmp_path, a_state(serial=serial))
    assert serials(tmp_path, "prod") == list(range(5, 15))


def test_restoring_takes_the_newest_readable_serial_and_a_number_above_all(tmp_path: Path) -> None:
    save(tmp_path, a_state(serial=1, a=Entry(id="1")))
    save(tmp_path, a_state(serial=2, b=Entry(id="2")))
    (tmp_path / "history" / "prod" / "2.json").write_text("{", encoding="utf-8")
    state_file(tmp_path, "prod").write_text("", encoding="utf-8")
    restored = restore(tmp_path, "prod")
    assert list(restored.resources) == [A]
    assert open_state(tmp_path, "prod").state.serial == 3


def test_restoring_a_serial_that_is_not_kept_is_refused(tmp_path: Path) -> None:
    save(tmp_path, a_state(serial=1))
    with pytest.raises(StateError, match="serial 7"):
        restore(tmp_path, "prod", 7)
    assert open_state(tmp_path, "prod").state.serial == 1


def test_a_run_saves_what_a_crashed_one_left_before_it_starts_its_own_journal(tmp_path: Path) -> None:
    save(tmp_path, a_state())
    write(journal_file(tmp_path, "prod"), *RECORDS[:3])
    store = StateStore(tmp_path, "prod")
    store.begin(store.open(), run="run-2", plan_id="q").close()
    opened = store.open()
    assert A in opened.state.resources
    assert opened.state.serial == 4
    assert set(opened.pending) == {B}
    assert opened.saved


def test_a_run_that_ends_leaves_no_journal_and_the_next_serial(tmp_path: Path) -> None:
    save(tmp_path, a_state())
    store = StateStore(tmp_path, "prod")
    opened = store.open()
    store.begin(opened, run="run-2", plan_id="q").close()
    store.commit(a_state(a=Entry(id="1")), {}, {"run": "run-2"})
    assert not journal_file(tmp_path, "prod").exists()
    assert open_state(tmp_path, "prod").state.serial == 4


def test_an_apply_does_not_begin_when_its_journal_cannot_be_written(tmp_path: Path) -> None:
    journal_file(tmp_path, "prod").mkdir()
    (journal_file(tmp_path, "prod") / "x").touch()
    with pytest.raises(StateError, match="nothing was done"):
        Journal(journal_file(tmp_path, "prod"), header())


def test_a_state_that_cannot_be_replaced_stays_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(tmp_path, a_state(serial=1))
    before = state_file(tmp_path, "prod").read_bytes()

    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StateError, match="No space left"):
        save(tmp_path, a_state(serial=2))
    assert state_file(tmp_path, "prod").read_bytes() == before
    assert not list(tmp_path.glob(".*.tmp"))


def test_the_state_of_another_environment_is_refused(tmp_path: Path) -> None:
    state_file(tmp_path, "dev").write_text(dump(a_state()), encoding="utf-8")
    with pytest.raises(StateError, match="environment 'prod'"):
        open_state(tmp_path, "dev")


def test_a_journal_that_failed_once_takes_nothing_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "prod.journal"
    book = Journal(path, header())
    book.append(intent(A))
    honest = os.write
    monkeypatch.setattr(os, "write", lambda handle, data: honest(handle, data[:10]))
    with pytest.raises(StateError, match="No space left"):
        book.append(done(A))
    monkeypatch.setattr(os, "write", honest)
    with pytest.raises(StateError, match="No space left"):
        book.append(intent(B))
    assert journal.read(path).records == (intent(A),)


def test_lines_of_many_threads_are_all_kept_in_one_order(tmp_path: Path) -> None:
    path = tmp_path / "prod.journal"
    book = Journal(path, header())
    addresses = [f"target:schema/c.n{number}" for number in range(400)]

    def work(part: int) -> None:
        for address in addresses[part::8]:
            book.append(intent(address))

    threads = [threading.Thread(target=work, args=(part,)) for part in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(record.address for record in journal.read(path).records) == sorted(addresses)
