"""Requests and statements that nobody would send: never a failure of the server, no change without a valid token."""

from __future__ import annotations

import ast
import hashlib
import http.client
import itertools
import json
import random
import sqlite3
import threading
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from replicator.emulator import Endpoint, engine, requestlog, sql, start, stop
from replicator.emulator.errors import ApiError, SqlError
from replicator.emulator.launch import ROUTES
from replicator.emulator.session import Session
from replicator.emulator.sql.tokens import Kind, tokenize
from tests.emulator.test_wire_server import _FIELDS, _PARAMETERS

UNTRUSTED, TRUSTED, STATEMENTS = 3_000, 7_000, 8_000
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "PROPFIND", "get")
NAMES = (
    "c", "c.s",
    "c.s.t", "s", "t", "sh", "r", "ann@x.com", "TABLE", "catalog", "", ".", "..", "%2e%2e", "a/b", "é", "\u202e",
    "' OR 1=1 --", "x" * 300, "\x00", "null", "-1", "99999999999999999999", "*", "~", "{}", "Volumes", "_delta_log",
)  # fmt: skip
HEADERS = {
    "Accept": ("*/*", "text/html", ""),
    "Content-Type": ("application/json", "application/x-thrift", "text/plain", "multipart/form-data", "é"),
    "Range": ("bytes=0-", "bytes=5-1", "bytes=-", "items=1"),
    "If-None-Match": ('"x"', "*"),
    "Cookie": ("token=abc", "emulator=abc; ;=", ";"),
    "X-Databricks-Workspace-Id": ("1", "x"),
    "delta-sharing-capabilities": ("responseformat=delta;readerfeatures=x", "=;=", "responseformat"),
}
fuzz = settings(deadline=None, suppress_health_check=list(HealthCheck), database=None, derandomize=True)


def value(dice: random.Random, depth: int = 0) -> Any:
    """A JSON value of any type."""
    kind = dice.randrange(10 if depth < 3 else 7)
    if kind < 3:
        return dice.choice(NAMES)
    if kind < 7:
        return dice.choice([None, True, False, 0, -1, 2**63, 1e308, 0.5, "2026-01-01", "ADD", "SELECT", "\ud800"])
    if kind < 8:
        return [value(dice, depth + 1) for _ in range(dice.randrange(3))]
    return {dice.choice(_FIELDS): value(dice, depth + 1) for _ in range(dice.randrange(4))}


def body(dice: random.Random) -> bytes:
    """A body that is JSON of the API's fields, most of the time."""
    kind = dice.randrange(10)
    if kind == 0:
        return dice.randbytes(dice.randrange(200))
    if kind == 1:
        return dice.choice([b"", b"[]", b"null", b"{", b'{"name":', b"\xff\xfe", b"[" * 5_000, b'{"a":' * 2_000])
    made = {dice.choice(_FIELDS): value(dice) for _ in range(dice.randrange(6))}
    return json.dumps(made).encode("utf-8", "surrogatepass")


def send(e: Endpoint, dice: random.Random, token: str | None) -> tuple[int, str]:
    """One request to a route, or near one; its status and what was asked."""
    route = dice.choice(ROUTES)
    parts = [dice.choice(NAMES) if part.startswith("{") else part for part in route.pattern.split("/")]
    if dice.random() < 0.1:
        parts.insert(dice.randrange(len(parts) + 1), dice.choice(NAMES))
    path = "/".join(quote(part.encode("utf-8", "surrogatepass"), safe="") for part in parts) or "/"
    query = "&".join(f"{dice.choice(_PARAMETERS)}={quote(dice.choice(NAMES))}" for _ in range(dice.randrange(4)))
    target = (path if path.startswith("/") else f"/{path}") + (f"?{query}" if query else "")
    method = route.method if dice.random() < 0.8 else dice.choice(METHODS)
    headers = {name: dice.choice(values).encode() for name, values in HEADERS.items() if dice.random() < 0.15}
    if token is not None:
        headers["Authorization"] = f"Bearer {token}".encode()
    connection = http.client.HTTPConnection(e.url.removeprefix("http://"), timeout=60)
    try:
        connection.request(method, target, body(dice), headers)
        answer = connection.getresponse()
        answer.read()
        return answer.status, f"{method} {target}"
    finally:
        connection.close()


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    """A metastore with one of everything."""
    e = start("fuzz", tmp_path_factory.mktemp("fuzz"))
    for statement in (
        "CREATE CATALOG c", "CREATE SCHEMA c.s", "CREATE TABLE c.s.t (id INT, v STRING) PARTITIONED BY (v)",
        "INSERT INTO c.s.t VALUES (1, 'a'), (2, 'b')", "CREATE VIEW c.s.v AS SELECT * FROM c.s.t",
        "CREATE VOLUME c.s.files", "CREATE FUNCTION c.s.f(x INT) RETURNS INT RETURN x + 1", "CREATE SHARE sh",
        "ALTER SHARE sh ADD TABLE c.s.t", "CREATE RECIPIENT r", "GRANT SELECT ON SHARE sh TO RECIPIENT r",
        "GRANT USE CATALOG ON CATALOG c TO `ann@x.com`",
    ):  # fmt: skip
        sql.execute(e.session(), statement)
    yield e
    stop(e)


def everything(e: Endpoint) -> list[str]:
    """What a metastore holds: documents, and files by their content."""
    with sqlite3.connect(e.store.root / "metastores.db") as database:
        found = list(database.iterdump())
    files = sorted(file for file in (e.store.root / "storage").rglob("*") if file.is_file())
    return found + [f"{file} {hashlib.sha256(file.read_bytes()).hexdigest()}" for file in files]


@pytest.mark.slow
def test_without_a_valid_token_nothing_changes(filled: Endpoint) -> None:
    before = everything(filled)
    tokens = [None, "", "x", filled.token[:-1], filled.token + "x", filled.token.swapcase(), "\xe9", " " + "a" * 5_000]

    @settings(fuzz, max_examples=UNTRUSTED)
    @given(st.integers(0, 2**64))
    def check(seed: int) -> None:
        dice = random.Random(seed)
        status, asked = send(filled, dice, dice.choice(tokens))
        assert status < 500, asked

    check()
    assert everything(filled) == before
    assert not [entry for entry in requestlog.read(filled.store.root, writes=True) if entry["status"] == 200]


@pytest.mark.slow
def test_no_request_makes_the_server_fail(filled: Endpoint) -> None:
    others = [filled.token, filled.token, filled.token_for("ann@x.com")]

    @settings(fuzz, max_examples=TRUSTED)
    @given(st.integers(0, 2**64))
    def check(seed: int) -> None:
        dice = random.Random(seed)
        status, asked = send(filled, dice, dice.choice(others))
        assert status < 500 or status == 507, asked

    check()


# ---- SQL


@cache
def corpus() -> list[str]:
    """Statements that the tests of this folder run, as far as they stand there as plain text and name no folder."""
    found = set()
    for file in sorted(Path(__file__).parent.glob("test_sql_*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and len(node.value) > 10:
                words = node.value.split(None, 1)
                if words and words[0].isupper() and "/" not in node.value and "LOCATION" not in node.value.upper():
                    found.add(node.value)
    return sorted(found)


@cache
def words() -> list[str]:
    """All the tokens of the corpus, and some that are trouble elsewhere."""
    found = {token.text for text in corpus() for token in _tokens(text)}
    small = {word for word in found if not (word.isdigit() and len(word) > 3)}
    return [
        *sorted(small),
        "NULL",
        "-0",
        "1e400",
        "''",
        "``",
        "(",
        ")",
        ";",
        "--",
        "/*",
        "\ud800",
        "@v1",
        ":p",
        "?",
        "DEFAULT",
    ]


def _tokens(text: str) -> list[Any]:
    try:
        return [token for token in tokenize(text) if token.kind is not Kind.END]
    except SqlError:
        return []


def mutated(dice: random.Random) -> str:
    """A statement of the corpus with a few tokens changed, or words in any order."""
    if dice.random() < 0.15:
        return " ".join(dice.choice(words()) for _ in range(dice.randrange(1, 12)))
    text = dice.choice(corpus())
    tokens = _tokens(text)
    parts = [text[token.start : following.start] for token, following in itertools.pairwise(tokens)]
    parts += [text[tokens[-1].start :]] if tokens else []
    for _ in range(dice.randrange(1, 4)):
        at = dice.randrange(len(parts)) if parts else 0
        match dice.randrange(4):
            case 0 if parts:
                del parts[at]
            case 1 if parts:
                parts[at] = f" {dice.choice(words())} "
            case 2 if parts:
                other = dice.randrange(len(parts))
                parts[at], parts[other] = parts[other], parts[at]
            case _:
                parts.insert(at, f" {dice.choice(words())} ")
    return "".join(parts)


@pytest.mark.slow
def test_no_statement_makes_the_sql_front_fail(tmp_path: Path) -> None:
    e = start("us-east", tmp_path)
    failures: dict[str, str] = {}

    @settings(fuzz, max_examples=STATEMENTS)
    @given(st.integers(0, 2**64))
    def check(seed: int) -> None:
        text = mutated(random.Random(seed))
        if len(failures) < 60:
            failure = _failure(e.session(), text)
            if failure:
                failures.setdefault(failure, text)

    for statement in ("CREATE CATALOG main", "CREATE SCHEMA main.s", "CREATE TABLE main.s.t (id INT, name STRING)"):
        sql.execute(e.session(), statement)
    try:
        check()
    finally:
        stop(e)
    assert not failures, "\n".join(f"{what}\n    {text}" for what, text in failures.items())


def _failure(session: Session, text: str) -> str | None:
    """What is wrong with how a statement ends; None for rows and for a refusal that says its class."""
    session.catalog, session.schema = "main", "s"
    stops: list[Any] = []
    timer = threading.Timer(5, lambda: [stop() for stop in stops if stop])
    timer.start()
    try:
        with engine.watched(lambda stop: stops.append(stop)):
            sql.execute(session, text)
    except (SqlError, ApiError) as error:
        own = error.error_class if isinstance(error, SqlError) else error.error_code
        return f"INTERNAL_ERROR: {error.message[:60]}" if own == "INTERNAL_ERROR" else None
    except Exception as error:  # noqa: BLE001 - this is what is looked for
        frame = error.__traceback__
        while frame is not None and frame.tb_next is not None:
            frame = frame.tb_next
        where = f"{Path(frame.tb_frame.f_code.co_filename).name}:{frame.tb_lineno}" if frame else ""
        return f"{type(error).__name__} {where} {str(error)[:60]}"
    finally:
        timer.cancel()
    return None
