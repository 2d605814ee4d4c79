"""docs/emulator.md names what the emulator has: routes, statements, faults; and its examples run."""

import json
import re
import shlex
from pathlib import Path
from typing import get_args

from replicator.cli.emulator import app, statements
from replicator.emulator import faults, sql, start, stop
from replicator.emulator.launch import ROUTES
from replicator.emulator.sql import parser
from replicator.emulator.sql.statements.pipelines import _FORMS
from tests.docs.pages import blocks, code, page, rows

PAGE = page("emulator.md")


def example(kind: str) -> str:
    (text,) = (block.text for block in blocks(PAGE) if block.kind == kind)
    return text


def test_every_route_is_below_a_path_that_the_page_names() -> None:
    named = [code(row["REST below"]) for row in rows(PAGE, "REST below")]
    paths = {
        route.pattern for route in ROUTES if not re.match(r"/$|/\.well-known|/emulator|/delta_sharing", route.pattern)
    }
    assert {path for path in paths if not f"{path}/".startswith(tuple(f"{name}/" for name in named))} == set()
    assert {name for name in named if not any(f"{path}/".startswith(f"{name}/") for path in paths)} == set()


def test_every_statement_is_named() -> None:
    listed = " ".join(row["statements"] for row in rows(PAGE, "SQL"))
    missing = {words for words in parser._STATEMENTS if not re.search(rf"\b{words}\b", listed)}
    assert missing == set()


def test_every_fault_and_every_form_of_a_backing_table_is_named() -> None:
    assert {code(row["action"]) for row in rows(PAGE, "action")} == set(get_args(faults.Action))
    assert all(f"`{form}`" in PAGE for form in _FORMS)


def test_every_command_is_named() -> None:
    named = {code(row["command"]) for row in rows(PAGE, "command")}
    assert named == {command.name for command in [*app.registered_commands, *app.registered_groups]}
    assert {shlex.split(line)[2] for line in example("bash").splitlines()} == named


def test_the_example_of_sql_runs(tmp_path: Path) -> None:
    endpoint = start("us-east", tmp_path)
    try:
        session = endpoint.session()
        history = [sql.execute(session, statement) for _, statement in statements(example("sql"))][-1].table
        assert history.column("operation").to_pylist() == ["CLONE"]
    finally:
        stop(endpoint)


def test_the_example_of_weather_is_read(tmp_path: Path) -> None:
    (tmp_path / faults.FILE).write_text(example("json"), encoding="utf-8")
    assert len(faults.read_rules(tmp_path / faults.FILE)) == len(json.loads(example("json"))["rules"])
