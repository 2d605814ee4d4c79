"""Who holds a lock, as the lock itself says it, and whether that process can be known to be alive or dead."""

import contextlib
import getpass
import json
import os
import socket
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from replicator.errors import LockedError

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
    """What a lock says. `heartbeat` counts beats, `created` is ISO-8601 UTC. `machine` and `started` tell the process
    from every other one (see `machine`); empty where that is not known."""

    id: str
    operation: str
    who: str
    host: str
    pid: int
    run_url: str
    created: str
    heartbeat: int = 0
    ttl_s: float = TTL_SECONDS
    machine: str = ""
    started: int = 0

    def __str__(self) -> str:
        where = f" ({self.run_url})" if self.run_url else ""
        return f"{self.operation} by {self.who} on {self.host}, process {self.pid}, since {self.created}{where}"


def load(data: bytes) -> dict[str, Any]:
    """Raises ValueError."""
    found: dict[str, Any] = json.loads(data)
    return found


def dump(body: Mapping[str, Any]) -> bytes:
    return json.dumps(body, sort_keys=True).encode() + b"\n"


def parse(data: bytes) -> Holder | None:
    """None when it says nothing readable."""
    try:
        return Holder(**load(data))
    except (ValueError, TypeError):
        return None


def encode(holder: Holder) -> bytes:
    return dump(asdict(holder))


def run_url(environment: Mapping[str, str]) -> str:
    """The page of the CI run we are part of, empty outside CI."""
    for variable, form in _RUN_URLS:
        if environment.get(variable):
            with contextlib.suppress(KeyError):
                return form.format_map(environment)
    return ""


def this_process(operation: str) -> Holder:
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
        machine=machine(),
        started=start_of(os.getpid()) or 0,
    )


def machine() -> str:
    """A name of this boot and this space of process ids, empty where the system does not tell.

    A host's name is not enough: containers and machines made from one image share it.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}/{os.stat('/proc/self/ns/pid').st_ino}"
    except OSError:
        return ""


def start_of(pid: int) -> int | None:
    """When a process of this machine began, in ticks since boot; None when there is none, or it is a zombie's rest."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else int(fields[19])


def is_alive(holder: Holder) -> bool | None:
    """Whether the holder's process runs; None when it cannot be known from here."""
    if not holder.machine or holder.machine != machine():
        return None
    began = start_of(holder.pid)
    if began is not None:
        return began == holder.started
    try:
        os.kill(holder.pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return None  # it is there, and another user's: /proc may be told to hide those
    return False


def is_this_process(holder: Holder) -> bool:
    """Whether it is we who hold it."""
    return (holder.pid, holder.machine) == (os.getpid(), machine()) and holder.started == (start_of(os.getpid()) or 0)


def locked(holder: Holder | None) -> LockedError:
    """The refusal that names the holder, and the way out if a person knows better."""
    known = holder is not None and (holder.host == socket.gethostname() or is_alive(holder))
    unlock = "" if holder is None else f"; if you know that it is dead: replicator state unlock {holder.id}"
    dead = "" if known else unlock
    return LockedError(
        f"the state is locked: {holder or 'by a run that is just starting'}", hint=f"wait for it to end{dead}"
    )
