"""One apply at a time: a lock file that the kernel releases when its holder dies, and that says who holds it.

On one machine the kernel's file lock decides, whatever the file says. A lock written by another host (a shared folder
without working file locks) is dead only when its heartbeat stands still while we watch it: clocks of two hosts are
never compared.
"""

import contextlib
import fcntl
import getpass
import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from replicator.errors import LockedError, StateError
from replicator.execution.files import private_directory, remove

HEARTBEAT_SECONDS = 10.0
TTL_SECONDS = 30.0

_RUN_URLS: tuple[tuple[str, str], ...] = (
    ("GITHUB_RUN_ID", "{GITHUB_SERVER_URL}/{GITHUB_REPOSITORY}/actions/runs/{GITHUB_RUN_ID}"),
    ("CI_JOB_URL", "{CI_JOB_URL}"),
    ("BUILDKITE_BUILD_URL", "{BUILDKITE_BUILD_URL}"),
    ("CIRCLE_BUILD_URL", "{CIRCLE_BUILD_URL}"),
    (
        "BUILD_BUILDID",
        "{SYSTEM_TEAMFOUNDATIONCOLLECTIONURI}{SYSTEM_TEAMPROJECT}/_build/results?buildId={BUILD_BUILDID}",
    ),
    ("BUILD_URL", "{BUILD_URL}"),
)
"""The variables by which CI systems name a run: GitHub, GitLab, Buildkite, CircleCI, Azure, Jenkins."""


@dataclass(frozen=True, slots=True)
class Holder:
    """What a lock file says. `heartbeat` counts beats, `created` is ISO-8601 UTC."""

    id: str
    operation: str
    who: str
    host: str
    pid: int
    run_url: str
    created: str
    heartbeat: int = 0
    ttl_s: float = TTL_SECONDS

    def __str__(self) -> str:
        where = f" ({self.run_url})" if self.run_url else ""
        return f"{self.operation} by {self.who} on {self.host}, process {self.pid}, since {self.created}{where}"


def run_url(environment: Mapping[str, str]) -> str:
    """The page of the CI run we are part of, empty outside CI."""
    for variable, form in _RUN_URLS:
        if environment.get(variable):
            with contextlib.suppress(KeyError):
                return form.format_map(environment)
    return ""


def _me(operation: str) -> Holder:
    try:
        who = getpass.getuser()
    except (KeyError, OSError):
        who = str(os.getuid())
    return Holder(
        id=uuid.uuid4().hex[:12],
        operation=operation,
        who=who,
        host=socket.gethostname(),
        pid=os.getpid(),
        run_url=run_url(os.environ),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def lock_file(directory: Path, environment: str) -> Path:
    return directory / f"{environment}.lock"


def read_holder(path: Path) -> Holder | None:
    """Who holds (or held) a lock; None when there is no file or it says nothing readable."""
    try:
        return Holder(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


@contextlib.contextmanager
def hold(
    directory: Path, environment: str, operation: str, *, notify: Callable[[str], None] = lambda text: None
) -> Iterator[Holder]:
    """Hold an environment's lock. Raises LockedError naming the holder; `notify` hears of a dead lock taken over."""
    private_directory(directory)
    path = lock_file(directory, environment)
    handle = _acquire(path)
    try:
        dead = read_holder(path)
        if dead is not None:
            _watch_other_host(path, dead)
            notify(f"took over the lock of a run that died: {dead}")
        mine = _me(operation)
        _write(handle, mine)
        with _beating(handle, mine):
            yield mine
    except LockedError:
        raise
    except BaseException:
        remove(path)
        raise
    else:
        remove(path)
    finally:
        os.close(handle)


def _acquire(path: Path) -> int:
    """The open, flocked lock file. Created exclusively or opened; one that was removed meanwhile is not the lock."""
    while True:
        try:
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise StateError(f"{path}: the lock cannot be taken: {error.strerror}") from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(handle)
            raise _locked(read_holder(path)) from error
        with contextlib.suppress(FileNotFoundError):
            if os.fstat(handle).st_ino == path.stat().st_ino:
                return handle
        os.close(handle)


def _locked(holder: Holder | None) -> LockedError:
    here = holder is None or holder.host == socket.gethostname()
    dead = "" if here or holder is None else f"; if you know that it is dead: replicator state unlock {holder.id}"
    return LockedError(
        f"the state is locked: {holder or 'by a run that is just starting'}", hint=f"wait for it to end{dead}"
    )


def _watch_other_host(path: Path, seen: Holder) -> None:
    """Raises LockedError if a lock of another host beats while we watch for as long as it may be silent."""
    if seen.host == socket.gethostname():
        return
    until = time.monotonic() + seen.ttl_s
    while time.monotonic() < until:
        time.sleep(1.0)
        now = read_holder(path)
        if now is not None and (now.id, now.heartbeat) != (seen.id, seen.heartbeat):
            raise _locked(now)


def _write(handle: int, holder: Holder) -> None:
    data = json.dumps(asdict(holder), sort_keys=True).encode() + b"\n"
    os.pwrite(handle, data, 0)
    os.ftruncate(handle, len(data))
    os.fsync(handle)


@contextlib.contextmanager
def _beating(handle: int, holder: Holder) -> Iterator[None]:
    stopped = threading.Event()
    beat = threading.Thread(target=_beat, args=(handle, holder, stopped), daemon=True)
    beat.start()
    try:
        yield
    finally:
        stopped.set()
        beat.join()


def _beat(handle: int, holder: Holder, stopped: threading.Event) -> None:
    while not stopped.wait(HEARTBEAT_SECONDS):
        holder = replace(holder, heartbeat=holder.heartbeat + 1)
        with contextlib.suppress(OSError):  # a missed beat harms nobody before the time to live is over
            _write(handle, holder)


def unlock(directory: Path, environment: str, lock_id: str) -> Holder:
    """Remove a lock by its id, for a holder that a person knows to be dead. Raises StateError if another holds it."""
    path = lock_file(directory, environment)
    holder = read_holder(path)
    if holder is None or holder.id != lock_id:
        raise StateError(f"{path}: no lock {lock_id} is held" + (f", but {holder.id}: {holder}" if holder else ""))
    remove(path)
    return holder
