"""What is told about a run: events, the JSON log, the audit rows; and that telling never harms the run."""

import io
import json
from pathlib import Path

import pytest

from replicator.address import Side
from replicator.engine.actions import Do
from replicator.engine.state import State
from replicator.errors import PermissionDenied
from replicator.execution.audit import COLUMNS, AuditTrail, Place, creating, inserting
from replicator.execution.book import Book
from replicator.execution.events import Event, EventFile, Events, Kind, correlation_id, new_run_id
from replicator.execution.folder import Folder
from replicator.execution.journal import Header, Journal
from replicator.execution.logs import json_log
from replicator.values import keep_secret, redact

TOKEN = "dapi" + "0123456789abcdef" * 2


def an_end(result: str = "done", address: str = "target:clone/dr.sales.orders", **more: object) -> dict[str, object]:
    return {
        "address": address,
        "do": "sync",
        "correlation_id": correlation_id("run", address),
        "result": result,
        "seconds": 1.5,
        "attempts": 1,
        "max_attempts": 3,
        "section": "replication",
        "outputs": {"copied_files": 3},
        **more,
    }


def test_events_are_numbered_and_heard_by_all_in_order() -> None:
    first: list[Event] = []
    second: list[Event] = []
    events = Events("run", first.append, second.append)
    for _ in range(3):
        events.emit(Kind.ACTION_START, address="a")
    assert [event.seq for event in first] == [1, 2, 3]
    assert first == second


def test_a_broken_observer_is_dropped_and_the_others_hear_why() -> None:
    heard: list[Event] = []

    def broken(event: Event) -> None:
        raise OSError("disk full")

    events = Events("run", broken, heard.append)
    events.emit(Kind.ACTION_START, address="a")
    events.emit(Kind.ACTION_START, address="b")
    assert [event.kind for event in heard].count(Kind.WARNING) == 1
    assert "disk full" in next(event.data["message"] for event in heard if event.kind is Kind.WARNING)
    assert [event.data["address"] for event in heard if event.kind is Kind.ACTION_START] == ["a", "b"]


def test_the_last_observer_to_break_is_named_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    def broken(event: Event) -> None:
        raise OSError("disk full")

    Events("run", broken).emit(Kind.RUN_START)
    assert "disk full" in capsys.readouterr().err


def test_an_event_file_holds_one_json_object_per_line(tmp_path: Path) -> None:
    path = tmp_path / "events.ndjson"
    with EventFile(str(path)) as sink:
        events = Events("run", sink)
        events.emit(Kind.RUN_START, environment="prod")
        events.emit(Kind.RUN_END, exit_code=0)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["event"] for line in lines] == ["run_start", "run_end"]
    assert lines[0] | {"at": ""} == {
        "format_version": "1.0",
        "event": "run_start",
        "run_id": "run",
        "environment": "prod",
        "seq": 1,
        "at": "",
    }
    assert path.stat().st_mode & 0o777 == 0o600


def test_run_ids_differ_and_correlation_ids_do_not() -> None:
    assert new_run_id() != new_run_id()
    assert correlation_id("run", "a") == correlation_id("run", "a") != correlation_id("run", "b")


def test_the_log_has_one_line_per_ended_action_with_ids_attempt_duration_and_error() -> None:
    stream = io.StringIO()
    events = Events("run", json_log(stream))
    events.emit(Kind.ACTION_START, address="a")
    events.emit(Kind.ACTION_END, **an_end())
    events.emit(Kind.ACTION_END, **an_end("failed", error="no such table"))
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line["level"] for line in lines] == ["info", "error"]
    assert lines[1]["error"] == "no such table"
    assert {"run_id", "correlation_id", "attempts", "seconds"} <= lines[0].keys()


def test_the_log_keeps_what_is_at_least_as_severe_as_asked_for() -> None:
    counts = {}
    for level in ("debug", "info", "warning", "error"):
        stream = io.StringIO()
        events = Events("run", json_log(stream, level=level))  # type: ignore[arg-type]
        events.emit(Kind.ACTION_START, address="a")
        events.emit(Kind.ACTION_END, **an_end())
        events.emit(Kind.WARNING, message="the audit table was not written")
        events.emit(Kind.ACTION_END, **an_end("failed", error="no such table"))
        counts[level] = len(stream.getvalue().splitlines())
    assert counts == {"debug": 4, "info": 3, "warning": 2, "error": 1}


def test_a_log_as_text_has_one_readable_line_per_event() -> None:
    keep_secret("hunter2")
    stream = io.StringIO()
    events = Events("run", json_log(stream, form="text"))
    events.emit(Kind.ACTION_END, **an_end("failed", error="no such\ntable hunter2", outputs={"copied_files": 1}))
    (line,) = stream.getvalue().splitlines()
    assert " level=error event=action_end address=" in line
    assert 'error="no such\\ntable ***"' in line


def test_nothing_secret_reaches_the_log_or_any_other_listener(tmp_path: Path) -> None:
    keep_secret("hunter2")
    stream, file = io.StringIO(), tmp_path / "events.ndjson"
    executed: list[str] = []
    audit = trail(executed)
    events = Events("run", json_log(stream), EventFile(str(file)), audit)
    error = f"Bearer abc.def refused for {TOKEN} at https://me:pw@host/x with hunter2"
    events.emit(Kind.ACTION_END, **an_end("failed", error=error, outputs={"hunter2": [TOKEN]}))
    audit.flush()
    told = stream.getvalue() + file.read_text() + "".join(executed)
    assert told.count("***") >= 15
    for secret in ("hunter2", TOKEN, "abc.def", "me:pw"):
        assert secret not in told


def test_the_journal_keeps_no_secret_of_an_error(tmp_path: Path) -> None:
    keep_secret("hunter2")
    journal = Journal(Folder(tmp_path, "test"), Header("run", "plan", "test", "lineage", 1))
    book = Book(State(environment="test", lineage="lineage"), {}, journal)
    book.failed("target:schema/a.b", Do.CREATE, "no hunter2 here", partial=False)
    journal.close()
    assert "no *** here" in (tmp_path / "test.journal").read_text()


def test_redaction_leaves_ordinary_text_alone() -> None:
    text = "target:table/sales.eyJ at https://host/path: 403 PERMISSION_DENIED for me@corp.com"
    assert redact(text) == text


def trail(executed: list[str], fail: bool = False) -> AuditTrail:
    def run(sql: str) -> None:
        if fail:
            raise PermissionDenied("no")
        executed.append(sql)

    return AuditTrail(Place("ops.audit.logs"), run, {Side.TARGET: "me@corp"})


def test_a_run_is_one_insert_into_a_table_that_is_made_if_missing() -> None:
    executed: list[str] = []
    audit = trail(executed)
    events = Events("run", audit)
    for number in range(3):
        events.emit(Kind.ACTION_END, **an_end(address=f"target:clone/dr.sales.t{number}"))
    assert executed == []
    audit.flush()
    assert executed[:2] == creating(Place("ops.audit.logs"))
    assert len(executed) == 3
    assert executed[2].count("'success'") == 3
    audit.flush()
    assert len(executed) == 3


def test_a_run_that_did_nothing_leaves_no_row() -> None:
    executed: list[str] = []
    audit = trail(executed)
    Events("run", audit).emit(Kind.ACTION_END, **an_end("skipped"))
    audit.flush()
    assert executed == []


def test_failures_and_mismatches_are_told_apart() -> None:
    executed: list[str] = []
    audit = trail(executed)
    events = Events("run", audit)
    events.emit(Kind.ACTION_END, **an_end("failed", error="it's gone; DROP"))
    check = "target:check/dr.sales.orders"
    events.emit(Kind.CHECK_RESULT, address=check, equal=False)
    events.emit(Kind.ACTION_END, **an_end(address=check))
    audit.flush()
    assert "'failed'" in executed[-1]
    assert "'mismatch'" in executed[-1]
    assert "it's gone" not in executed[-1]


def test_long_runs_are_written_in_batches() -> None:
    executed: list[str] = []
    audit = trail(executed)
    events = Events("run", audit)
    for number in range(1001):
        events.emit(Kind.ACTION_END, **an_end(address=f"target:clone/dr.sales.t{number}"))
    audit.flush()
    inserts = [sql for sql in executed if sql.startswith("INSERT")]
    assert [sql.count("'success'") for sql in inserts] == [500, 500, 1]


def test_a_refused_audit_table_is_a_warning_to_the_others() -> None:
    heard: list[Event] = []
    events = Events("run", trail([], fail=True), heard.append)
    for number in range(500):
        events.emit(Kind.ACTION_END, **an_end(address=f"target:clone/dr.sales.t{number}"))
    assert [event.kind for event in heard].count(Kind.ACTION_END) == 500
    assert [event.kind for event in heard].count(Kind.WARNING) == 1


def test_an_audit_catalog_is_created_only_where_the_configuration_says_so() -> None:
    place = Place("ops.audit.logs", create_catalog=True, catalog_location="s3://b/audit")
    assert creating(place)[0].startswith("CREATE CATALOG IF NOT EXISTS `ops` MANAGED LOCATION 's3://b/audit'")


@pytest.mark.parametrize(
    ("address", "names"),
    [
        ("target:clone/a.b.c", "'a', 'b', 'c'"),
        ("target:schema/a.b", "'a', 'b', CAST(NULL AS STRING)"),
        ("target:grants/schema/a.b", "'a', 'b', CAST(NULL AS STRING)"),
        ("source:share/s", "CAST(NULL AS STRING), CAST(NULL AS STRING), 's'"),
        ("source:grants/share/s", "CAST(NULL AS STRING), CAST(NULL AS STRING), 'share/s'"),
    ],
)
def test_a_row_names_catalog_schema_and_object(address: str, names: str) -> None:
    executed: list[str] = []
    audit = trail(executed)
    Events("run", audit).emit(Kind.ACTION_END, **an_end(address=address))
    audit.flush()
    assert names in executed[-1]


def test_the_insert_names_every_column() -> None:
    statement = inserting("a.b.c", [dict.fromkeys(COLUMNS, "x")])
    assert statement.startswith("INSERT INTO `a`.`b`.`c` (`run_id`, `correlation_id`,")
    assert statement.endswith("WHERE `run_id` = 'x' AND `correlation_id` = 'x')")
    assert len(COLUMNS) == 17
