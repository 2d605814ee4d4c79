"""The lock: a real second process holds it, dies with it, or meets it."""

import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from replicator.errors import ExitCode, LockedError, StateError
from replicator.execution import holder, lock
from replicator.execution.backend import Notify, silent
from replicator.execution.folder import Folder
from replicator.execution.holder import Holder, run_url
from replicator.execution.lock import read_holder

HOLDER = """
import sys
from pathlib import Path
from replicator.execution.folder import Folder
from replicator.execution.backend import silent
with Folder(Path(sys.argv[1]), "prod").lock("apply", silent):
    print("held", flush=True)
    sys.stdin.readline()
"""


def hold_prod(folder: Path, notify: Notify = silent) -> AbstractContextManager[Holder]:
    return Folder(folder, "prod").lock("apply", notify)


@pytest.fixture
def other(tmp_path: Path):  # type: ignore[no-untyped-def]
    """Another process that holds the lock of `tmp_path` until its standard input closes."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_two_processes_cannot_hold_one_lock_and_the_second_hears_who_does(
    tmp_path: Path, other: "subprocess.Popen[str]"
) -> None:
    with pytest.raises(LockedError) as refused, hold_prod(tmp_path):
        pass
    assert refused.value.exit_code == ExitCode.LOCKED
    assert f"process {other.pid}" in refused.value.message
    assert refused.value.hint == "wait for it to end"


def test_a_lock_is_free_again_when_its_holder_ends(tmp_path: Path, other: "subprocess.Popen[str]") -> None:
    other.communicate("\n")
    heard: list[str] = []
    with hold_prod(tmp_path, heard.append):
        pass
    assert heard == []
    assert not (tmp_path / "prod.lock").exists()


def test_the_lock_of_a_killed_process_is_taken_over_with_a_notice(
    tmp_path: Path, other: "subprocess.Popen[str]"
) -> None:
    os.kill(other.pid, signal.SIGKILL)
    other.wait()
    heard: list[str] = []
    with hold_prod(tmp_path, heard.append) as mine:
        assert mine.pid == os.getpid()
    assert f"process {other.pid}" in heard[0]


def test_environments_have_locks_of_their_own(tmp_path: Path, other: "subprocess.Popen[str]") -> None:
    with Folder(tmp_path, "dev").lock("apply", silent):
        assert (tmp_path / "dev.lock").exists()


def test_a_lock_whose_holder_is_still_writing_who_it_is_is_named_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    handle = lock._acquire(path)
    writing = threading.Timer(0.1, lock._write, (handle, holder.this_process("apply")))
    writing.start()
    with (
        pytest.raises(LockedError, match=f"apply by .*, process {os.getpid()}"),
        lock.hold(path, "plan", notify=silent),
    ):
        pass
    writing.join()
    os.close(handle)


def test_a_failing_run_gives_its_lock_back(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), hold_prod(tmp_path):
        raise ZeroDivisionError
    assert not (tmp_path / "prod.lock").exists()


def a_lock_of_another_host(tmp_path: Path, ttl: float) -> Path:
    path = tmp_path / "prod.lock"
    body = {
        "id": "abc",
        "operation": "apply",
        "who": "ana",
        "host": "elsewhere",
        "pid": 7,
        "run_url": "https://ci/1",
        "created": "1999-01-01T00:00:00+00:00",
        "heartbeat": 3,
        "ttl_s": ttl,
    }
    path.write_text(json.dumps(body), encoding="utf-8")
    return path


def test_the_lock_of_another_host_is_dead_only_when_its_heart_stands_still(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = a_lock_of_another_host(tmp_path, ttl=5)

    def beat(seconds: float) -> None:
        path.write_text(path.read_text().replace('"heartbeat": 3', '"heartbeat": 4'), encoding="utf-8")

    monkeypatch.setattr(lock.time, "sleep", beat)
    with pytest.raises(LockedError, match="elsewhere") as refused, hold_prod(tmp_path):
        pass
    assert "replicator state unlock abc" in refused.value.hint
    assert path.exists()


def test_a_silent_lock_of_another_host_is_taken_over_whatever_its_clock_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_lock_of_another_host(tmp_path, ttl=5)
    clock = iter(range(100))
    monkeypatch.setattr(lock.time, "monotonic", lambda: float(next(clock)))
    monkeypatch.setattr(lock.time, "sleep", lambda seconds: None)
    heard: list[str] = []
    with hold_prod(tmp_path, heard.append):
        assert "elsewhere" in heard[0]


def test_a_living_lock_beats(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "HEARTBEAT_SECONDS", 0.001)
    with hold_prod(tmp_path):
        seen = set()
        while len(seen) < 3:
            found = read_holder(tmp_path / "prod.lock")
            seen |= {found.heartbeat} if found else set()


def test_unlocking_needs_the_id_of_the_lock_that_is_held(tmp_path: Path) -> None:
    path = a_lock_of_another_host(tmp_path, ttl=5)
    with pytest.raises(StateError, match="abc"):
        Folder(tmp_path, "prod").unlock("other")
    assert path.exists()
    Folder(tmp_path, "prod").unlock("abc")
    assert not path.exists()


def test_the_lock_names_the_ci_run() -> None:
    github = {
        "GITHUB_SERVER_URL": "https://github.com",
        "GITHUB_REPOSITORY": "acme/dr",
        "GITHUB_RUN_ID": "42",
    }
    assert run_url(github) == "https://github.com/acme/dr/actions/runs/42"
    assert run_url({"GITHUB_RUN_ID": "42", "BUILD_URL": "https://jenkins/7"}) == "https://jenkins/7"
    assert run_url({}) == ""
