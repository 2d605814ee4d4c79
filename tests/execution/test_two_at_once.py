"""Real processes over one state: two applies at once, one that is killed, and one that is told to stop."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from replicator.config import load
from replicator.emulator import requestlog
from replicator.emulator.faults import Rule, write_rules
from replicator.errors import ExitCode
from replicator.execution.session import open_session
from tests.execution import keeping, wire

pytestmark = pytest.mark.slow

Process = subprocess.Popen[str]
WRITE = {"method": "POST|PATCH", "path": "/unity-catalog/"}
WHERE = {"folder": "state: {directory: state}\n", "volume": f"state: {{volume: {keeping.VOLUME}}}\n"}


@pytest.fixture(params=WHERE)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A deployment to be made, its state in a folder or in a volume."""
    wire.begin(tmp_path)
    endpoint = keeping.start_workspace(wire.root(tmp_path))
    (tmp_path / "replicator.yaml").write_text(wire.CONFIG + WHERE[request.param], encoding="utf-8")
    (tmp_path / "files").symlink_to(
        tmp_path / "state" if request.param == "folder" else keeping.volume_files(endpoint) / "default"
    )
    wire.end(tmp_path)
    return tmp_path


def slow(folder: Path, after: int, seconds: float) -> None:
    """From now on each process's call after so many takes long."""
    write_rules(wire.root(folder), Rule(action="latency", after=after, ms=seconds * 1000, **WRITE))  # type: ignore[arg-type]


def begun(folder: Path, *arguments: str) -> Process:
    command = [sys.executable, "-m", "replicator", *arguments]
    return subprocess.Popen(
        command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def ended(process: Process) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=120)
    assert "Traceback" not in err
    assert "a defect" not in err
    return process.returncode, out, err


def run(folder: Path, *arguments: str) -> tuple[int, str, str]:
    return ended(begun(folder, *arguments))


def until(process: Process, condition: Callable[[], bool]) -> None:
    """Wait for something that a running process does."""
    give_up = time.monotonic() + 60
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < give_up
        time.sleep(0.02)


def lines(folder: Path) -> int:
    """How many lines the journal has."""
    files = [path for pattern in ("*.journal", "journal.*") for path in (folder / "files").glob(pattern)]
    return sum(path.read_bytes().count(b"\n") for path in files)


def is_held(folder: Path) -> bool:
    return any(b'"pid"' in path.read_bytes() for path in (folder / "files").glob("*lock*"))


def writes(folder: Path) -> list[str]:
    """What changed an object; the state's own files are none."""
    found = requestlog.read(wire.root(folder), 0, writes=True)
    return [f"{entry['method']} {entry['path']}" for entry in found if "/fs/" not in entry["path"]]


def settles(folder: Path) -> None:
    """One apply ends what was begun. After it nothing is left to do, nothing is there twice, and the lock is free."""
    write_rules(wire.root(folder))
    code, _, err = run(folder, "apply", "--yes")
    assert code == ExitCode.OK, err
    known = writes(folder)
    assert wire.apply(folder).exit_code == ExitCode.OK
    assert wire.plan(folder).actions == ()
    assert wire.orphans(folder) == set()
    assert writes(folder) == known
    with open_session(load(folder / "replicator.yaml")) as session:
        opened = session.store.open()
        assert (dict(opened.pending), opened.saved, session.store.backend.holder()) == ({}, True, None)
    wire.end(folder)


def test_of_two_applies_at_once_exactly_one_proceeds_and_the_other_names_it(place: Path) -> None:
    slow(place, 2, 15)
    first = begun(place, "apply", "--yes")
    second = begun(place, "apply", "--yes")
    until(first if first.poll() is None else second, lambda: is_held(place))
    assert run(place, "plan")[0] == ExitCode.OK  # takes no lock, and waits for none
    (won, *_), (lost, _, said) = sorted([ended(first), ended(second)], key=lambda end: end[0])
    assert (won, lost) == (ExitCode.OK, ExitCode.LOCKED)
    winner = first if first.returncode == 0 else second
    assert re.search(rf"the state is locked: apply by \S+ on \S+, process {winner.pid}, since 2\d{{3}}-", said)
    settles(place)


def test_one_that_is_killed_is_finished_by_the_next_which_says_so(place: Path) -> None:
    slow(place, 4, 300)
    first = begun(place, "apply", "--yes")
    until(first, lambda: lines(place) >= 6)
    code, _, said = run(place, "apply", "--yes")
    assert code == ExitCode.LOCKED
    assert f"process {first.pid}" in said
    os.kill(first.pid, signal.SIGKILL)
    first.communicate()
    write_rules(wire.root(place))
    code, _, said = run(place, "apply", "--yes")
    assert code == ExitCode.OK, said
    assert "took over the lock of a run that died: apply by" in said
    assert f"process {first.pid}" in said
    assert "did not end; continuing from its journal" in said
    settles(place)


@pytest.mark.parametrize(
    ("place", "number"), [("folder", signal.SIGINT), ("volume", signal.SIGTERM)], indirect=["place"]
)
def test_the_first_signal_finishes_what_runs_and_the_second_stops_at_once(place: Path, number: signal.Signals) -> None:
    slow(place, 1, 3)
    first = begun(place, "apply", "--yes")
    until(first, lambda: lines(place) >= 3)
    first.send_signal(number)
    code, out, said = ended(first)
    assert code == ExitCode.INTERRUPTED, said
    assert "interrupt again to stop at once" in said
    assert "Interrupted: applied" in out
    assert lines(place) == 0  # the state is saved, and the journal is gone

    slow(place, 1, 300)
    second = begun(place, "apply", "--yes")
    until(second, lambda: lines(place) >= 2)
    second.send_signal(number)
    time.sleep(0.1)
    second.send_signal(number)
    code, out, said = ended(second)
    assert code == ExitCode.INTERRUPTED
    assert "interrupted at once: what was under way may or may not have happened" in said
    assert lines(place) >= 2
    settles(place)


def test_one_that_is_cancelled_while_it_reads_gives_its_lock_back(place: Path) -> None:
    write_rules(wire.root(place), Rule(action="latency", method="GET", path="/unity-catalog/", ms=5_000, times=None))
    first = begun(place, "apply", "--yes")
    until(first, lambda: is_held(place))
    first.send_signal(signal.SIGTERM)
    code, _, said = ended(first)
    assert (code, said.splitlines()[-1]) == (ExitCode.INTERRUPTED, "interrupted")
    assert said.count("interrupted: nothing was changed; it ends when what is being asked is answered") == 1
    write_rules(wire.root(place))
    code, _, said = run(place, "plan")
    assert code == ExitCode.OK, said
    with open_session(load(place / "replicator.yaml")) as session:
        assert session.store.backend.holder() is None
    wire.end(place)
