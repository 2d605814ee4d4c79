"""The weather of production on request: latency, refusals, lost responses, stale reads, a kill.

Rules live in the process (`Faults.add`) and in `<root>/faults.json` (`write_rules`), so that a test can also set them
for a client that runs in another process together with its emulator.
"""

from __future__ import annotations

import json
import math
import os
import re
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal, get_args

from replicator.emulator.disk import Stage
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
    "disk_full",
    "slow_statement",
    "statement_error",
    "visibility",
    "stale_information_schema",
]
# Actions that no request sets off: they are about a statement while it runs, or about time.
_ELSEWHERE = frozenset({"statement_error", "slow_statement", "visibility", "stale_information_schema"})


@dataclass(frozen=True)
class Rule:
    """What happens to requests that match: after the first `after` matches, `times` times (None: always).

    `method`, `path`, `statement` and `principal` are regular expressions (path and statement: searched); None matches
    everything.

    `status` answers with an error; `latency` waits `ms` first; `drop_*` closes the connection; `kill_*` sends SIGKILL
    to `pid` (None: this process); `stale` answers a GET as it was answered last (404 if it never was); `empty_page`
    answers a listing with no item and a token; `expire_token` revokes the caller's token; `sql` first runs the
    statement in `sql` as the metastore's owner: what others do midway; `rate_limit` answers 429 to what exceeds
    `per_second` requests of one token, on average or at once, however often, with Retry-After (`retry_after`, or until
    the next may pass); `disk_full` lets what the request or statement writes fail `at` the data files, the table's log
    or the catalog.

    Some are about no request. `statement_error` fails a statement, whatever brings it, with `error_class` and
    `sqlstate`: a lost executor. `slow_statement` lets it run `ms` longer. While `visibility` is in force, what is newly
    shared shows on the side of the recipients of `metastore` only after `ms`, as Databricks documents a cache of
    shares. While `stale_information_schema` is in force, the information_schema of a shared catalog in `metastore`
    keeps the tables that it had, and takes up new ones when they are read or described, as Databricks documents it.
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
    per_second: float = 10
    at: Stage = "data"

    def matches(self, metastore: str, method: str, path: str, statement: str, principal: str = "") -> bool:
        """Whether the rule is about this request."""
        return (
            self.action not in _ELSEWHERE
            and not (self.action == "disk_full" and statement)  # it strikes while the statement runs
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
        self._seen: Counter[tuple[Rule, int]] = Counter()
        self._buckets: dict[tuple[Rule, str, str], tuple[float, float]] = {}
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
            self._forget()

    def due(
        self, metastore: str, method: str, path: str, statement: str, principal: str = "", token: str = ""
    ) -> list[Rule]:
        """The rules that strike this request, counting it as a match."""
        request = (metastore, method, path, statement, principal)
        found = []
        with self._lock:
            for rule, nth in self._numbered():
                if not rule.matches(*request):
                    continue
                if rule.action == "rate_limit":
                    wait = self._spend(rule, metastore, token)
                    found += [replace(rule, retry_after=rule.retry_after or math.ceil(wait))] if wait else []
                elif self._count(rule, nth):
                    found.append(rule)
        return found

    def check_statement(self, metastore: str, text: str, wait: Callable[[float], object]) -> Stage | None:
        """What rules have in store for a statement: to `wait` so many seconds, or where the disk is full.

        Raises the SqlError of a `statement_error` rule.
        """
        if not self.refresh():
            return None
        with self._lock:
            due = [rule for rule, nth in self._numbered() if _about(rule, metastore, text) and self._count(rule, nth)]
        for rule in due:
            if rule.action == "statement_error":
                raise SqlError(rule.error_class, rule.sqlstate, rule.message)
            if rule.action == "slow_statement":
                wait(rule.ms / 1000)
        return next((rule.at for rule in due if rule.action == "disk_full"), None)

    def _numbered(self) -> Iterator[tuple[Rule, int]]:
        """All rules, each with its number among those that are equal to it: each has its own count."""
        met: Counter[Rule] = Counter()
        for rule in (*self._own, *self._filed):
            yield rule, met[rule]
            met[rule] += 1

    def _forget(self) -> None:
        """What is no longer in force begins anew when it comes back."""
        left = set(self._numbered())
        for key in [key for key in self._seen if key not in left]:
            del self._seen[key]
        self.active = bool(left)

    def _spend(self, rule: Rule, metastore: str, token: str) -> float:
        """Take a request out of the bucket of a token, which is full at first: 0, or how many seconds it is empty."""
        key, now, most = (rule, metastore, token), time.monotonic(), max(1.0, rule.per_second)
        level, since = self._buckets.get(key, (most, now))
        level = min(most, level + (now - since) * rule.per_second)
        self._buckets[key] = (level - 1 if level >= 1 else level, now)
        return 0.0 if level >= 1 else (1 - level) / rule.per_second

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

    def _count(self, rule: Rule, nth: int) -> bool:
        seen = self._seen[rule, nth]
        self._seen[rule, nth] += 1
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
                self._forget()
        return self.active


def strike_before(rules: Iterable[Rule]) -> None:
    """Let the rules act that act before the effect. Raises ApiError or DropConnectionError."""
    for rule in rules:
        if rule.ms:
            time.sleep(rule.ms / 1000)
        if rule.action == "status":
            raise InjectedError(rule)
        if rule.action == "rate_limit":
            message = f"Too many requests: the rate limit is {rule.per_second:g} per second."
            raise InjectedError(replace(rule, status=429, error_code="RESOURCE_EXHAUSTED", message=message))
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


def _about(rule: Rule, metastore: str, text: str) -> bool:
    """Whether a rule is about a statement while it runs."""
    if rule.action not in ("statement_error", "slow_statement", "disk_full"):
        return False
    if rule.path is not None or rule.method is not None:
        return False
    return rule.metastore in (None, metastore) and re.search(rule.statement or "", text, re.I | re.S) is not None


def _kill(rule: Rule) -> None:
    os.kill(rule.pid or os.getpid(), signal.SIGKILL)


def read_rules(path: Path) -> list[Rule]:
    """The rules in a file. Raises ValueError for a key that no rule has."""
    known = {item.name for item in fields(Rule)}
    rules = json.loads(path.read_text())["rules"]
    unknown = {key for rule in rules for key in rule} - known
    if unknown:
        raise ValueError(f"{path}: unknown keys {sorted(unknown)}; a rule has {sorted(known)}")
    made = [Rule(**rule) for rule in rules]
    for rule in made:
        check(rule)
    return made


def check(rule: Rule) -> None:
    """Raises ValueError for a rule that cannot strike: an unknown action, a pattern that is none, nothing to run."""
    if rule.action not in get_args(Action):
        raise ValueError(f"{rule.action}: no such action; there are {', '.join(get_args(Action))}")
    for name in ("method", "path", "statement", "principal"):
        try:
            re.compile(getattr(rule, name) or "")
        except re.error as error:
            raise ValueError(f"{name}: not a regular expression: {error}") from None
    if rule.at not in get_args(Stage):
        raise ValueError(f"at: one of {', '.join(get_args(Stage))}, not {rule.at}")
    if rule.action == "sql" and not rule.sql:
        raise ValueError("sql: the statement to run is missing")
    if rule.action == "rate_limit" and rule.per_second <= 0:
        raise ValueError("per_second: must be more than 0")


def write_rules(root: Path, *rules: Rule) -> None:
    """Put rules in force for every process that serves this root; none lifts them."""
    path = root / FILE
    if not rules:
        path.unlink(missing_ok=True)
        return
    root.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(f".{os.getpid()}")
    temporary.write_text(json.dumps({"rules": [said(rule) for rule in rules]}, indent=2))
    temporary.replace(path)


def said(rule: Rule) -> dict[str, Any]:
    """A rule as its file has it: the action and what is not as it is when nothing is said."""
    usual = asdict(Rule(rule.action))
    return {"action": rule.action} | {key: value for key, value in asdict(rule).items() if value != usual[key]}
