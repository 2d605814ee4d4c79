"""What every place for a state promises, whatever it is: whole or refused, one at a time, and nothing from the past."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from replicator.emulator import Endpoint
from replicator.engine.state import Entry, State, dump, same
from replicator.errors import LockedError, ReplicatorError, StateError
from replicator.execution.backend import silent
from replicator.execution.edits import forget, move, unprotect
from replicator.execution.journal import Header, Journal, Record, What, encode, merge
from replicator.execution.store import KEPT_SERIALS, StateStore, open_state, repair, restore, save
from tests.execution import keeping
from tests.execution.keeping import Kept

A, B, C = "target:schema/c.a", "target:schema/c.b", "target:schema/c.c"
AT = "2026-01-01T00:00:00+00:00"
METASTORES = {"source": "s", "target": "t"}


def a_state(serial: int = 3, **entries: Entry) -> State:
    resources = {f"target:schema/c.{name}": entry for name, entry in entries.items()}
    return State(environment="prod", lineage="L", serial=serial, metastores=METASTORES, resources=resources)


def header(serial: int = 3, lineage: str = "L") -> Header:
    return Header("run-1", "p" * 64, "prod", lineage, serial, METASTORES)


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


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    endpoint = keeping.start_workspace(tmp_path_factory.mktemp("workspace"))
    yield endpoint
    endpoint.close()


@pytest.fixture(params=keeping.BOTH)
def kept(request: pytest.FixtureRequest, tmp_path: Path, endpoint: Endpoint) -> Kept:
    return keeping.kept_in(request.param, tmp_path, endpoint)


exhaustive = pytest.mark.parametrize("kept", ["folder", pytest.param("volume", marks=pytest.mark.slow)], indirect=True)
"""Every byte: some thousand requests, where it is a volume."""


def saved(kept: Kept, *states: State) -> None:
    with kept.backend.lock("apply", silent):
        for state in states:
            save(kept.backend, state)


def journalled(kept: Kept, *records: Record, head: Header | None = None) -> tuple[bytes, list[bytes]]:
    """A journal as a run leaves it that died: its bytes, and its lines."""
    with kept.backend.lock("apply", silent):
        book = Journal(kept.backend, head or header())
        for record in records:
            book.append(record)
        book.close()
    data = b"".join(path.read_bytes() for path in kept.journal)
    return data, data.splitlines(keepends=True)


def test_an_environment_that_was_never_applied_has_no_lineage(kept: Kept) -> None:
    opened = open_state(kept.backend)
    assert (opened.state.lineage, opened.state.serial, opened.state.resources) == ("", 0, {})


def test_a_saved_state_is_what_every_other_process_reads(kept: Kept) -> None:
    saved(kept, a_state(a=Entry(id="1")))
    assert same(open_state(kept.another()).state, a_state(a=Entry(id="1")))


def test_the_last_ten_serials_are_kept(kept: Kept) -> None:
    saved(kept, *(a_state(serial=serial) for serial in range(1, 15)))
    assert kept.backend.serials() == list(range(15 - KEPT_SERIALS, 15))
    assert open_state(kept.another()).state.serial == 14


DAMAGED: dict[str, bytes] = {
    "zero bytes": b"",
    "a line break": b"\n",
    "nothing but NUL": b"\0" * 512,
    "null": b"null\n",
    "an empty list": b"[]\n",
    "an empty mapping": b"{}\n",
    "another document": b'{"items": [], "format_version": 1}\n',
    "a state without checksum": b'{"format_version": 1, "environment": "prod", "lineage": "L"}\n',
    "not UTF-8": b"\xff\xfe{}",
    "text": b"not json",
    "nested too deep": b"[" * 100_000,
    "a number too long": b"1" * 5_000,
}


@pytest.mark.parametrize("damage", DAMAGED.values(), ids=DAMAGED)
def test_what_is_no_state_is_never_read_as_one(kept: Kept, damage: bytes) -> None:
    saved(kept, a_state(a=Entry(id="1")))
    kept.state.write_bytes(damage)
    with pytest.raises(StateError, match="damaged") as refused:
        open_state(kept.backend)
    assert f"replicator state restore{kept.backend.options}" in refused.value.hint


@exhaustive
def test_a_state_truncated_at_any_byte_is_never_read_as_empty(kept: Kept) -> None:
    saved(kept, a_state(a=Entry(id="1", inputs={"comment": "é"})))
    path, data = kept.state, kept.state.read_bytes()
    for length in range(len(data) - 1):
        path.write_bytes(data[:length])
        with pytest.raises(StateError, match="damaged"):
            open_state(kept.backend)


@exhaustive
def test_a_state_whose_end_became_nul_is_refused(kept: Kept) -> None:
    """What some file systems leave after a power cut: the right length, and nothing in it."""
    saved(kept, a_state(a=Entry(id="1")))
    path, data = kept.state, kept.state.read_bytes()
    for length in range(0, len(data) - 1, 5):
        path.write_bytes(data[:length] + b"\0" * (len(data) - length))
        with pytest.raises(StateError, match="damaged"):
            open_state(kept.backend)


@exhaustive
@pytest.mark.parametrize("bit", [0x01, 0x04, 0x20])
def test_a_flipped_bit_anywhere_in_the_state_is_noticed(kept: Kept, bit: int) -> None:
    original = a_state(a=Entry(id="1"))
    saved(kept, original)
    path, data = kept.state, kept.state.read_bytes()
    for at in range(len(data)):
        path.write_bytes(data[:at] + bytes([data[at] ^ bit]) + data[at + 1 :])
        try:
            found = open_state(kept.backend).state
        except StateError:
            continue
        assert same(found, original), at


def test_a_lost_state_is_not_a_new_environment(kept: Kept) -> None:
    saved(kept, a_state(serial=3), a_state(serial=4))
    kept.state.unlink()
    with pytest.raises(StateError, match="missing, though serial 4 was saved") as refused:
        open_state(kept.backend)
    assert "replicator state restore" in refused.value.hint


def test_the_state_of_another_environment_is_refused(kept: Kept) -> None:
    saved(kept, a_state())
    kept.state.write_text(dump(a_state().model_copy(update={"environment": "dev"})), encoding="utf-8")
    with pytest.raises(StateError, match="environment 'dev', not of 'prod'"):
        open_state(kept.backend)


def test_restoring_takes_the_newest_readable_serial_and_a_number_above_all(kept: Kept) -> None:
    saved(kept, a_state(serial=1, a=Entry(id="1")), a_state(serial=2, b=Entry(id="2")))
    kept.serial(2).write_text("{", encoding="utf-8")
    kept.state.write_text("{", encoding="utf-8")
    with kept.backend.lock("state restore", silent):
        assert list(restore(kept.backend).resources) == [A]
    opened = open_state(kept.another())
    assert (opened.state.serial, list(opened.state.resources)) == (3, [A])


def test_a_restored_state_leaves_the_journal_of_the_damaged_one_behind(kept: Kept) -> None:
    saved(kept, a_state(serial=1), a_state(serial=2))
    _, lines = journalled(kept, *RECORDS, head=header(serial=2))
    with kept.backend.lock("state restore", silent):
        restore(kept.backend, 1)
    opened = open_state(kept.backend)
    assert (opened.state.serial, opened.saved, opened.notices) == (3, True, ())
    assert b"".join(lines) in kept.everything().values()


def test_restoring_a_serial_that_is_not_kept_is_refused(kept: Kept) -> None:
    saved(kept, a_state(serial=1))
    with kept.backend.lock("state restore", silent), pytest.raises(StateError, match="serial 7"):
        restore(kept.backend, 7)
    assert open_state(kept.backend).state.serial == 1


@exhaustive
@pytest.mark.parametrize("with_state", [True, False], ids=["state", "first apply"])
def test_every_prefix_of_a_journal_recovers_to_one_of_its_whole_lines(kept: Kept, with_state: bool) -> None:
    """A crash may stop the writing at any byte. What was durable before is understood, and nothing else is invented."""
    before = a_state(serial=0, c=Entry(id="9"))
    if with_state:
        saved(kept, before)
    data, lines = journalled(kept, *RECORDS, head=header(serial=0))
    base = before if with_state else State(environment="prod", lineage="L", metastores=METASTORES)
    ends = [at + 1 for at, byte in enumerate(data) if byte == 0x0A]
    for length in range(1, len(data) + 1):
        kept.put_journal(data[:length], lines)
        whole = sum(end - 1 <= length for end in ends)
        opened = open_state(kept.backend)
        expected, pending = merge(base, RECORDS[: max(0, whole - 1)])
        assert opened.state.resources == expected.resources, length
        assert dict(opened.pending) == pending, length
        torn = length not in {*ends, *(end - 1 for end in ends)}
        assert any("is ignored" in notice for notice in opened.notices) == torn, length


@exhaustive
def test_damage_before_the_last_line_is_refused_with_the_repair_command(kept: Kept) -> None:
    saved(kept, a_state())
    data, lines = journalled(kept, *RECORDS)
    last = data.rindex(b"\n", 0, len(data) - 1)
    for at in range(0, last, 7):
        kept.put_journal(data[:at] + bytes([data[at] ^ 0x01]) + data[at + 1 :], lines)
        with pytest.raises(StateError, match=r"line \d+ of the journal is damaged") as refused:
            open_state(kept.backend)
        assert "replicator state repair" in refused.value.hint


def test_a_line_of_zero_bytes_or_of_nul_is_damage(kept: Kept) -> None:
    saved(kept, a_state())
    _, lines = journalled(kept, *RECORDS)
    for instead in (b"", b"\n", b"\0" * len(lines[2])):
        damaged = [*lines[:2], instead, *lines[3:]]
        kept.put_journal(b"".join(damaged), damaged)
        with pytest.raises(StateError, match="line 3 of the journal is damaged"):
            open_state(kept.backend)


def test_a_journal_without_its_header_is_damage_and_never_nothing(kept: Kept) -> None:
    saved(kept, a_state())
    _, lines = journalled(kept, *RECORDS)
    kept.put_journal(b"".join(lines[1:]), lines[1:])
    with pytest.raises(StateError, match="line 1 of the journal is damaged"):
        open_state(kept.backend)


def test_repair_keeps_the_readable_lines_and_the_damaged_journal(kept: Kept) -> None:
    saved(kept, a_state())
    data, lines = journalled(kept, *RECORDS)
    broken = data.replace(b'"id":"1"', b'"id":"2"')
    kept.put_journal(broken, lines)
    with kept.backend.lock("state repair", silent):
        repaired = repair(kept.backend)
    assert repaired is not None
    assert repaired[:2] == (6, 1)
    assert broken in kept.everything().values()
    expected, pending = merge(a_state(), (RECORDS[0], *RECORDS[2:]))
    opened = open_state(kept.another())
    assert opened.state.resources == expected.resources
    assert dict(opened.pending) == pending


def test_the_checks_of_a_run_that_died_are_due_again_for_their_results_died_with_it(kept: Kept) -> None:
    saved(kept, a_state())
    check = Record(What.DONE, "target:check/c.a.t", "check", {"entry": {"outputs": {"verified": [3, 4]}}})
    journalled(kept, check, done(A))
    assert set(open_state(kept.backend).state.resources) == {A}


def test_there_is_nothing_to_repair_without_a_journal(kept: Kept) -> None:
    with kept.backend.lock("state repair", silent):
        assert repair(kept.backend) is None


def test_a_journal_of_another_state_is_refused(kept: Kept) -> None:
    saved(kept, a_state())
    journalled(kept, head=header(lineage="other"))
    with pytest.raises(StateError, match="another state"):
        open_state(kept.backend)


def test_a_journal_that_continues_a_later_serial_is_refused(kept: Kept) -> None:
    saved(kept, a_state(serial=3))
    journalled(kept, done(A), head=header(serial=5))
    with pytest.raises(StateError, match="continues serial 5"):
        open_state(kept.backend)


def test_a_journal_whose_run_was_saved_is_not_merged_twice_however_damaged(kept: Kept) -> None:
    saved(kept, a_state(serial=4))
    _, lines = journalled(kept, *RECORDS, head=header(serial=3))
    assert open_state(kept.backend).state.resources == {}
    left = [lines[0], *lines[3:]]
    kept.put_journal(b"".join(left), left)
    assert open_state(kept.backend).state.resources == {}


def test_reading_a_leftover_journal_writes_nothing(kept: Kept) -> None:
    saved(kept, a_state())
    journalled(kept, *RECORDS)
    before = kept.everything()
    opened = open_state(kept.backend)
    assert A in opened.state.resources
    assert opened.state.serial == 4
    assert not opened.saved
    assert kept.everything() == before


def test_a_run_saves_what_a_crashed_one_left_before_it_starts_its_own_journal(kept: Kept) -> None:
    saved(kept, a_state())
    journalled(kept, *RECORDS[:3])
    store = StateStore(kept.another())
    with store.backend.lock("apply", silent):
        store.begin(store.open(), run="run-2", plan_id="q").close()
    opened = open_state(kept.backend)
    assert A in opened.state.resources
    assert opened.state.serial == 4
    assert set(opened.pending) == {B}
    assert opened.saved


def test_a_run_that_ends_leaves_no_journal_and_the_next_serial(kept: Kept) -> None:
    saved(kept, a_state())
    store = StateStore(kept.another())
    with store.backend.lock("apply", silent):
        opened = store.open()
        store.begin(opened, run="run-2", plan_id="q").close()
        store.commit(a_state(a=Entry(id="1")), {}, {"run": "run-2"})
    assert kept.journal == []
    assert open_state(kept.backend).state.serial == 4


def test_notes_are_kept_beside_the_state(kept: Kept) -> None:
    assert kept.backend.note("drift") is None
    for data in (b"one", b"two"):
        kept.backend.write_note("drift", data)
    stored = kept.another().note("drift")
    assert stored is not None
    assert stored.data == b"two"


def test_edits_take_the_lock_and_save_a_serial_each(kept: Kept) -> None:
    saved(kept, a_state(a=Entry(id="1", protect=True), b=Entry(id="2", depends_on=[A])))
    unprotect(kept.another(), A)
    move(kept.another(), A, C)
    forget(kept.another(), B)
    state = open_state(kept.backend).state
    assert (state.serial, list(state.resources), state.resources[C].protect) == (6, [C], False)
    with kept.backend.lock("apply", silent), pytest.raises(LockedError, match="apply by"):
        forget(kept.another(), C)
    assert open_state(kept.backend).state.serial == 6


def test_the_second_lock_names_the_holder_of_the_first(kept: Kept) -> None:
    other = kept.another()
    with kept.backend.lock("apply", silent) as mine:
        with pytest.raises(LockedError) as refused, other.lock("destroy", silent):
            pass
        assert str(mine) in refused.value.message
        assert refused.value.hint == "wait for it to end"
        assert other.holder() is not None
    assert other.holder() is None
    with other.lock("destroy", silent) as after:
        assert after.id != mine.id


def test_a_failing_run_gives_its_lock_back(kept: Kept) -> None:
    with pytest.raises(ZeroDivisionError), kept.backend.lock("apply", silent):
        raise ZeroDivisionError
    assert kept.another().holder() is None


def test_environments_have_locks_of_their_own(tmp_path: Path, endpoint: Endpoint) -> None:
    path = f"case-{tmp_path.name}"
    prod = keeping.volume(endpoint.store.root, path)
    dev = keeping.volume(endpoint.store.root, path, "dev")
    with prod.lock("apply", silent), dev.lock("apply", silent):
        pass


def test_unlocking_needs_the_id_of_the_lock_that_is_held(kept: Kept) -> None:
    with kept.backend.lock("apply", silent) as mine:
        with pytest.raises(StateError, match=f"no lock other is held, but {mine.id}: apply by"):
            kept.another().unlock("other")
        assert kept.another().holder() == mine
    with pytest.raises(StateError, match=f"no lock {mine.id} is held$"):
        kept.another().unlock(mine.id)


def test_a_run_that_a_person_unlocked_records_and_saves_nothing_more(kept: Kept) -> None:
    """It was not dead after all. What it had recorded is kept, and what it would do now is refused."""
    saved(kept, a_state())
    with kept.backend.lock("apply", silent) as mine:
        book = Journal(kept.backend, header())
        book.append(intent(A))
        kept.another().unlock(mine.id)
        other = StateStore(kept.another())
        with other.backend.lock("apply", silent):
            for record in (done(A), intent(B)):
                with pytest.raises(LockedError, match="lost its lock"):
                    book.append(record)
            opened = other.open()
            assert set(opened.pending) == {A}
            other.begin(opened, run="run-2", plan_id="q").close()
            with pytest.raises(ReplicatorError, match=r"lost its lock|saved by another run"):
                save(kept.backend, a_state(serial=4))
    assert set(open_state(kept.another()).pending) == {A}


def test_a_journal_is_one_line_after_the_other(kept: Kept) -> None:
    data, lines = journalled(kept, *RECORDS)
    assert data == b"".join(lines)
    assert lines[1] == encode(1, {name: getattr(RECORDS[0], name) for name in Record.__slots__})
