"""The weather of production on request: latency, refusals, lost responses, stale reads, a kill.

Rules live in the process (`Faults.add`) and in `<root>/faults.json` (`write_rules`), so that a test can also set them
for a client that runs in another process together with its emulator.
"""

from __future__ import annotations

import json
import os
import re
import signal
import threading
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Literal

from replicator.emulator.errors import ApiError, SqlError

FILE = "faults.json"
Action = Literal[
    "latency",
    "status",
    "drop_before",
    "drop_after",
    "kill_before",
    "kill_after",
    "stale",
    "empty_page",
    "expire_token",
    "sql",
    "rate_limit",
    "statement_error",
    "visibility",
    "stale_information_schema",
]
# Actions that no request sets off: they are about a statement while it runs, or about time.
_ELSEWHERE = frozenset({"statement_error", "visibility", "stale_information_schema"})
_AFTER = frozenset({"drop_after", "kill_after"})


@dataclass(frozen=True)
class Rule:
    """What happens to requests that match: after the first `after` matches, `times` times (None: always).

    `method`, `path`, `statement` and `principal` are regular expressions (path and statement: searched); None matches
    everything.

    `status` answers with an error; `latency` waits `ms` first; `drop_*` closes the connection; `kill_*` sends SIGKILL
    to `pid` (None: this process); `stale` answers a GET as it was answered last (404 if it never was); `empty_page`
    answers a listing with no item and a token; `expire_token` revokes the caller's token; `sql` first runs the
    statement in `sql` as the metastore's owner: what others do midway; `rate_limit` answers 429, or as `status` says,
    what exceeds `per_second` requests on average or at once (a bucket of so many tokens).

    Three are about no request. `statement_error` fails a statement, whatever brings it, with `error_class` and
    `sqlstate`: a full disk, a lost executor. While `visibility` is in force, what is newly shared shows on the side of
    the recipients of `metastore` only after `ms`, as Databricks documents a cache of shares. While
    `stale_information_schema` is in force, the information_schema of a shared catalog in `metastore` keeps the tables
    that it had, and takes up new ones when they are read or described, as Databricks documents it.
    """

    action: Action
    method: str | None = None
    path: str | None = None
    statement: str | None = None
    principal: str | None = None
    metastore: str | None = None
    after: int = 0
    times: int | None = 1
    ms: float = 0
    status: int = 503
    error_code: str = "TEMPORARILY_UNAVAILABLE"
    message: str = "Injected fault"
    retry_after: int | None = None
    pid: int | None = None
    sql: str = ""
    error_class: str = "INTERNAL_ERROR"
    sqlstate: str = "XX000"
    per_second: float = 0

    def matches(self, metastore: str, method: str, path: str, statement: str, principal: str = "") -> bool:
        """Whether the rule is about this request."""
        return (
            self.action not in _ELSEWHERE
            and (self.metastore is None or self.metastore == metastore)
            and (self.method is None or re.fullmatch(self.method, method) is not None)
            and (self.principal is None or re.fullmatch(self.principal, principal) is not None)
            and (self.path is None or re.search(self.path, path) is not None)
            and (self.statement is None or re.search(self.statement, statement, re.I | re.S) is not None)
        )


class InjectedError(ApiError):
    """The refusal of a `status` rule."""

    def __init__(self, rule: Rule) -> None:
        super().__init__(rule.status, rule.error_code, rule.message)
        self.retry_after = rule.retry_after


class DropConnectionError(Exception):
    """The connection is to be closed without an answer."""


class Faults:
    """The rules in force and how often each has matched."""

    def __init__(self, root: Path) -> None:
        self._path = root / FILE
        self._lock = threading.Lock()
        self._own: list[Rule] = []
        self._filed: list[Rule] = []
        self._stamp: tuple[int, int] | None = None
        self._seen: dict[int, int] = {}
        self._buckets: dict[tuple[int, str], tuple[float, float]] = {}
        self.active = False

    def add(self, *rules: Rule) -> None:
        """Put rules in force for the servers of this process."""
        with self._lock:
            self._own.extend(rules)
            self.active = True

    def clear(self) -> None:
        """Lift the rules of this process; those of the file stay."""
        with self._lock:
            self._own.clear()
            self._seen.clear()
            self.active = bool(self._filed)

    def due(self, metastore: str, method: str, path: str, statement: str, principal: str = "") -> list[Rule]:
        """The rules that strike this request, counting it as a match."""
        request = (metastore, method, path, statement, principal)
        with self._lock:
            matching = (rule for rule in (*self._own, *self._filed) if rule.matches(*request))
            return [rule for rule in matching if self._within(rule, metastore) and self._count(rule)]

    def _within(self, rule: Rule, metastore: str) -> bool:
        """Whether a rule strikes by its rate: each metastore has a bucket of its own, full at first."""
        if rule.action != "rate_limit":
            return True
        now, most = time.monotonic(), max(1.0, rule.per_second)
        tokens, since = self._buckets.get((id(rule), metastore), (most, now))
        tokens = min(most, tokens + (now - since) * rule.per_second)
        allowed = tokens >= 1
        self._buckets[id(rule), metastore] = (tokens - 1 if allowed else tokens, now)
        return not allowed

    def check_statement(self, metastore: str, text: str) -> None:
        """Raise the SqlError of a `statement_error` rule that strikes this statement."""
        if not self.refresh():
            return
        with self._lock:
            for rule in (*self._own, *self._filed):
                about = rule.action == "statement_error" and rule.metastore in (None, metastore)
                if about and re.search(rule.statement or "", text, re.I | re.S) and self._count(rule):
                    raise SqlError(rule.error_class, rule.sqlstate, rule.message)

    def sharing_delay(self, metastore: str) -> float:
        """How long (ms) recipients of a metastore wait for what is newly shared with them."""
        return max((rule.ms for rule in self._in_force("visibility", metastore)), default=0.0)

    def stale_listing(self, metastore: str) -> bool:
        """Whether the information_schema of shared catalogs keeps what it had."""
        return bool(self._in_force("stale_information_schema", metastore))

    def _in_force(self, action: Action, metastore: str) -> list[Rule]:
        if not self.refresh():
            return []
        with self._lock:
            rules = [*self._own, *self._filed]
        return [rule for rule in rules if rule.action == action and rule.metastore in (None, metastore)]

    def _count(self, rule: Rule) -> bool:
        seen = self._seen.get(id(rule), 0)
        self._seen[id(rule)] = seen + 1
        return seen >= rule.after and (rule.times is None or seen < rule.after + rule.times)

    def refresh(self) -> bool:
        """Read the file again if it changed; whether any rule is in force."""
        try:
            stat = self._path.stat()
            stamp = (stat.st_mtime_ns, stat.st_size)
        except FileNotFoundError:
            stamp = None
        if stamp != self._stamp:
            with self._lock:
                self._stamp = stamp
                self._filed = read_rules(self._path) if stamp else []
                self.active = bool(self._own or self._filed)
        return self.active


def strike_before(rules: Iterable[Rule]) -> None:
    """Let the rules act that act before the effect. Raises ApiError or DropConnectionError."""
    for rule in rules:
        if rule.ms:
            time.sleep(rule.ms / 1000)
        if rule.action in ("status", "rate_limit"):
            raise InjectedError(rule)
        if rule.action == "drop_before":
            raise DropConnectionError
        if rule.action == "kill_before":
            _kill(rule)


def strike_after(rules: Iterable[Rule]) -> None:
    """Let the rules act that act after the effect and before the answer. Raises DropConnectionError."""
    for rule in rules:
        if rule.action == "drop_after":
            raise DropConnectionError
        if rule.action == "kill_after":
            _kill(rule)


def _kill(rule: Rule) -> None:
    os.kill(rule.pid or os.getpid(), signal.SIGKILL)


def read_rules(path: Path) -> list[Rule]:
    """The rules in a file. Raises ValueError for a key that no rule has."""
    known = {item.name for item in fields(Rule)}
    rules = json.loads(path.read_text())["rules"]
    unknown = {key for rule in rules for key in rule} - known
    if unknown:
        raise ValueError(f"{path}: unknown keys {sorted(unknown)}; a rule has {sorted(known)}")
    return [Rule(**rule) for rule in rules]


def write_rules(root: Path, *rules: Rule) -> None:
    """Put rules in force for every process that serves this root; none lifts them."""
    path = root / FILE
    if not rules:
        path.unlink(missing_ok=True)
        return
    root.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(f".{os.getpid()}")
    temporary.write_text(json.dumps({"rules": [asdict(rule) for rule in rules]}, indent=2))
    temporary.replace(path)
