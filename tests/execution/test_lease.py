"""The lock in a volume: who is dead, judged by our own clock alone, and what becomes of one who was thought dead."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from replicator.emulator import Endpoint
from replicator.emulator.faults import Rule
from replicator.errors import LockedError, ReplicatorError, StateError, Unavailable
from replicator.execution import holder, lease
from replicator.execution.backend import silent
from replicator.execution.holder import Holder, is_alive, machine, start_of, this_process
from replicator.execution.journal import Header, Journal
from replicator.execution.lease import Generation
from replicator.execution.volume import Volume
from replicator.workspace.files import VolumeFolder
from tests.execution import keeping

ELSEWHERE = Holder("abc", "apply", "ana", "elsewhere", 7, "https://ci/1", "1999-01-01T00:00:00+00:00", 3, 5.0)
HOLDER = """
import sys
from pathlib import Path
from replicator.execution.backend import silent
from tests.execution import keeping
with keeping.volume(Path(sys.argv[1]), sys.argv[2]).lock("apply", silent):
    print("held", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    endpoint = keeping.start_workspace(tmp_path_factory.mktemp("workspace"))
    yield endpoint
    endpoint.close()


@pytest.fixture
def another(tmp_path: Path, endpoint: Endpoint) -> Iterator[Callable[[], Volume]]:
    """The state in a volume, as one process after the other opens it."""
    yield lambda: keeping.volume(endpoint.store.root, tmp_path.name)
    endpoint.faults.clear()


@pytest.fixture
def time_flies(monkeypatch: pytest.MonkeyPatch) -> list[Callable[[], None]]:
    """Nobody sleeps: a second of the lease's clock passes at each look, and what is listed here happens."""
    happenings: list[Callable[[], None]] = []
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds
        for happening in happenings:
            happening()

    monkeypatch.setattr(lease, "clock", lambda: now[0])
    monkeypatch.setattr(lease.time, "sleep", sleep)
    return happenings


def put(volume: Volume, generation: Generation) -> None:
    volume._folder.replace(generation.name, generation.data)


def test_a_lock_of_another_machine_that_beats_is_alive(
    another: Callable[[], Volume], time_flies: list[Callable[[], None]]
) -> None:
    put(another(), Generation(4, ELSEWHERE))
    time_flies.append(lambda: put(another(), Generation(4, replace(ELSEWHERE, heartbeat=4))))
    heard: list[str] = []
    with pytest.raises(LockedError) as refused, another().lock("apply", heard.append):
        pass
    assert "apply by ana on elsewhere, process 7, since 1999-01-01T00:00:00+00:00 (https://ci/1)" in str(refused.value)
    assert "replicator state unlock abc" in refused.value.hint
    assert "watching for up to 5 seconds" in heard[0]


def test_a_silent_lock_of_another_machine_is_taken_over_whatever_its_clock_said(
    another: Callable[[], Volume], time_flies: list[Callable[[], None]]
) -> None:
    put(another(), Generation(4, replace(ELSEWHERE, created="2999-01-01T00:00:00+00:00")))
    heard: list[str] = []
    with another().lock("apply", heard.append):
        assert heard[1].startswith("took over the lock of a run that died: apply by ana on elsewhere")
    names = another()._folder.names()
    assert [name for name in names if name.startswith("lock")] == ["lock.5.json"]


def test_a_lock_that_is_given_back_while_we_watch_is_free(
    another: Callable[[], Volume], time_flies: list[Callable[[], None]]
) -> None:
    put(another(), Generation(4, ELSEWHERE))
    time_flies.append(lambda: put(another(), Generation(4, ELSEWHERE, released=True)))
    with another().lock("apply", silent):
        pass


def test_another_one_may_be_faster_in_taking_over(
    another: Callable[[], Volume], time_flies: list[Callable[[], None]]
) -> None:
    put(another(), Generation(4, ELSEWHERE))
    faster = replace(ELSEWHERE, id="faster", host="third")
    time_flies.append(lambda: put(another(), Generation(5, faster)))
    with pytest.raises(LockedError, match="on third"), another().lock("apply", silent):
        pass


def test_of_many_that_take_a_free_lock_at_once_one_gets_it(another: Callable[[], Volume]) -> None:
    first, second = another(), another()
    honest = second._folder.create

    def later(name: str, data: bytes) -> bool:
        with first.lock("apply", silent):
            return honest(name, data)

    second._folder.create = later  # type: ignore[method-assign]
    with pytest.raises(LockedError, match="apply by"), second.lock("destroy", silent):
        pass


def test_a_process_of_this_machine_is_known_to_be_alive_or_dead() -> None:
    mine = this_process("apply")
    assert is_alive(mine) is True
    assert is_alive(replace(mine, started=mine.started + 1)) is False
    assert is_alive(replace(mine, machine="another/1")) is None
    assert is_alive(replace(mine, machine="")) is None
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    one = replace(mine, pid=child.pid, started=start_of(child.pid) or 0)
    assert is_alive(one) is True
    child.kill()
    while start_of(child.pid) is not None:
        time.sleep(0.01)
    assert is_alive(one) is False  # even before its parent has asked how it ended
    child.communicate()
    assert is_alive(one) is False
    assert machine()


def test_the_lock_of_a_killed_process_of_this_machine_is_free_at_once_and_its_journal_is_sealed(
    another: Callable[[], Volume], endpoint: Endpoint, tmp_path: Path
) -> None:
    arguments = [sys.executable, "-c", HOLDER, str(endpoint.store.root), tmp_path.name]
    process = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    with pytest.raises(LockedError, match=f"process {process.pid}"), another().lock("apply", silent):
        pass
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    heard: list[str] = []
    began = time.monotonic()
    with another().lock("apply", heard.append):
        assert f"process {process.pid}" in heard[0]
    assert time.monotonic() - began < lease.LOOK_SECONDS
    assert another()._folder.names() == ["journal.1.000000.ndjson", "lock.2.json"]


def test_a_holder_that_slept_looks_before_it_goes_on(
    another: Callable[[], Volume], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A suspended laptop: nothing beat for an hour, and meanwhile another machine took over, applied and ended."""
    now = [0.0]
    monkeypatch.setattr(lease, "clock", lambda: now[0])
    sleeper = another()
    with sleeper.lock("apply", silent) as mine:
        book = Journal(sleeper, Header("run", "plan", "prod", "L", 0))
        now[0] += 3600
        sleeper._held().check()  # nobody took over, so it is still ours
        put(another(), Generation(1, replace(mine, machine="another/1", ttl_s=0.0)))
        with another().lock("apply", silent) as other:
            now[0] += 3600
            with pytest.raises(LockedError, match="lost its lock") as refused:
                book._end.append(b"{}\n")
            assert str(other) in refused.value.message


def test_a_holder_that_cannot_reach_its_lock_stops_before_another_may_take_it(
    another: Callable[[], Volume], endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert lease.CONFIRMED_SECONDS < holder.TTL_SECONDS
    assert 2 * holder.HEARTBEAT_SECONDS <= lease.CONFIRMED_SECONDS
    now = [0.0]
    monkeypatch.setattr(lease, "clock", lambda: now[0])
    volume = another()
    with volume.lock("apply", silent):
        now[0] += lease.CONFIRMED_SECONDS + 1
        endpoint.faults.add(Rule(action="status", path=r"lock\.", status=503, times=None))
        monkeypatch.setattr("replicator.workspace.rest._wait", lambda state: 0.0)
        with pytest.raises(Unavailable, match="cannot be reached"):
            volume._held().check()
        endpoint.faults.clear()
        volume._held().check()


@pytest.mark.parametrize("moment", ["drop_before", "drop_after"])
def test_a_lost_answer_takes_no_lock_twice_and_loses_no_line(
    another: Callable[[], Volume], endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    monkeypatch.setattr("replicator.workspace.rest._wait", lambda state: 0.0)
    for name in ("lock", "journal", "state"):
        endpoint.faults.add(Rule(action=moment, method="PUT", path=rf"{name}\."))  # type: ignore[arg-type]
    volume = another()
    with volume.lock("apply", silent):
        Journal(volume, Header("run", "plan", "prod", "L", 0)).close()
        volume.save(1, b"{}", 10)
    names = another()._folder.names()
    assert names == ["journal.1.000000.ndjson", "lock.1.json", "state.1.json"]
    assert another().holder() is None


def test_a_lock_that_cannot_be_given_back_is_told(
    another: Callable[[], Volume], endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("replicator.workspace.rest._wait", lambda state: 0.0)
    heard: list[str] = []
    with another().lock("apply", heard.append):
        endpoint.faults.add(Rule(action="status", method="PUT", path=r"lock\.", status=503, times=None))
    assert "the lock could not be given back, so it is free only after 30 seconds" in heard[0]
    endpoint.faults.clear()
    with another().lock("apply", silent):  # we know better
        pass


def test_a_process_that_lives_on_gives_its_lock_back_when_it_can(
    another: Callable[[], Volume], endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("replicator.workspace.rest._wait", lambda state: 0.0)
    monkeypatch.setattr(holder, "HEARTBEAT_SECONDS", 0.01)
    with another().lock("apply", silent):
        endpoint.faults.add(Rule(action="status", method="PUT", path=r"lock\.", status=503, times=None))
    assert another().holder() is not None
    endpoint.faults.clear()
    give_up = time.monotonic() + 30
    while another().holder() is not None:
        assert time.monotonic() < give_up


@pytest.mark.parametrize("arrives", ["before we are interrupted", "after that"])
def test_an_interrupt_while_the_lock_is_being_taken_leaves_it_free(
    another: Callable[[], Volume], monkeypatch: pytest.MonkeyPatch, arrives: str
) -> None:
    created = VolumeFolder.create
    under_way: list[tuple[str, bytes]] = []

    def interrupted(self: VolumeFolder, name: str, data: bytes) -> bool:
        if under_way:
            return created(self, name, data)
        under_way.append((name, data))
        if arrives == "before we are interrupted":
            created(self, name, data)
        raise KeyboardInterrupt  # the answer is never heard

    volume = another()
    with monkeypatch.context() as patched:
        patched.setattr(VolumeFolder, "create", interrupted)
        with pytest.raises(KeyboardInterrupt), volume.lock("apply", silent):
            pass
    volume._folder.create(*under_way[0])
    assert another().holder() is None
    with another().lock("apply", silent):
        pass


def test_a_living_lock_beats(another: Callable[[], Volume], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holder, "HEARTBEAT_SECONDS", 0.001)
    with another().lock("apply", silent):
        seen: set[int] = set()
        while len(seen) < 3:
            found = another().holder()
            seen |= {found.heartbeat} if found else set()


def test_a_damaged_lock_is_refused_and_named(another: Callable[[], Volume]) -> None:
    another()._folder.replace("lock.3.json", b"{")
    for use in (lambda: another().read(), lambda: another().holder()):
        with pytest.raises(StateError, match=r"lock\.3\.json: the lock is damaged"):
            use()


def test_a_wall_clock_that_jumps_decides_nothing(
    another: Callable[[], Volume], monkeypatch: pytest.MonkeyPatch, time_flies: list[Callable[[], None]]
) -> None:
    """A day forward or back: the lock of another machine is watched for its time to live, not more and not less."""
    honest = time.time
    for jump in (86_400.0, -86_400.0):
        monkeypatch.setattr(time, "time", lambda jump=jump: honest() + jump)
        put(another(), Generation(40, ELSEWHERE))
        time_flies[:] = [lambda: put(another(), Generation(40, replace(ELSEWHERE, heartbeat=9)))]
        with pytest.raises(ReplicatorError, match="elsewhere"), another().lock("apply", silent):
            pass
