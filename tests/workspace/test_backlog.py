"""How much a copy lacks, from the origin's own history."""

from collections.abc import Callable

import pytest

from replicator.emulator.faults import Rule
from replicator.errors import Unavailable
from replicator.workspace import WorkspaceWriter, backlog, read_backlog, read_sizes

from .conftest import World

Run = Callable[[WorkspaceWriter, str], None]
BEGIN = (
    "CREATE CATALOG c; CREATE SCHEMA c.s; CREATE TABLE c.s.t (id INT, note STRING); INSERT INTO c.s.t VALUES (1, 'a')"
)


def test_every_kind_of_commit_says_what_it_added(world: World, run: Run) -> None:
    writer = world.open()
    run(
        writer,
        f"{BEGIN}; INSERT INTO c.s.t VALUES (2, 'b'), (3, 'c'); DELETE FROM c.s.t WHERE id = 2;"
        "UPDATE c.s.t SET note = 'x' WHERE id = 3; COMMENT ON TABLE c.s.t IS 'said';"
        "MERGE INTO c.s.t t USING (SELECT 4 AS id, 'd' AS note) s ON t.id = s.id WHEN NOT MATCHED THEN INSERT *;"
        "OPTIMIZE c.s.t; INSERT OVERWRITE c.s.t VALUES (9, 'z'); RESTORE TABLE c.s.t TO VERSION AS OF 2;"
        "TRUNCATE TABLE c.s.t",
    )
    rows = writer.query("SELECT version FROM (DESCRIBE HISTORY c.s.t)")
    found = read_backlog(writer, {str(count): ("c.s.t", count) for count in range(1, len(rows) + 1)})
    sizes = [found[str(count)].bytes for count in range(1, len(rows) + 1)]
    assert None not in sizes
    assert sizes[0] == 0
    assert sizes == sorted(sizes)  # type: ignore[type-var]
    assert found[str(len(rows))].files is not None


def test_what_takes_rows_away_says_how_many_where_the_history_does(world: World, run: Run) -> None:
    writer = world.open()
    run(
        writer,
        f"{BEGIN}; INSERT INTO c.s.t VALUES (2, 'b'), (3, 'c'), (4, 'd'); UPDATE c.s.t SET note = 'x' WHERE id = 3;"
        "DELETE FROM c.s.t WHERE id > 2; DELETE FROM c.s.t WHERE id = 99;"
        "MERGE INTO c.s.t t USING (SELECT 1 AS id) s ON t.id = s.id WHEN MATCHED THEN DELETE; TRUNCATE TABLE c.s.t",
    )
    found = read_backlog(writer, {str(count): ("c.s.t", count) for count in (1, 2, 4, 5, 6)})
    assert [found[str(count)].removed for count in (1, 2, 4, 5, 6)] == [
        {"TRUNCATE": None},
        {"MERGE": 1, "TRUNCATE": None},
        {"DELETE": 2, "MERGE": 1, "TRUNCATE": None},
        {"DELETE": 2, "MERGE": 1, "TRUNCATE": None},
        {"DELETE": 2, "MERGE": 1, "TRUNCATE": None},
    ]


def test_the_first_missing_commit_tells_since_when(world: World, run: Run) -> None:
    writer = world.open()
    run(writer, f"{BEGIN}; INSERT INTO c.s.t VALUES (2, 'b'); INSERT INTO c.s.t VALUES (3, 'c')")
    times = [row["timestamp"] for row in writer.query("SELECT version, timestamp FROM (DESCRIBE HISTORY c.s.t)")]
    found = read_backlog(writer, {"one": ("c.s.t", 1), "two": ("c.s.t", 2)})
    assert found["one"].since == max(times).isoformat(timespec="milliseconds")
    assert found["two"].since == sorted(times)[-2].isoformat(timespec="milliseconds")


def test_a_whole_table_has_its_present_size(world: World, run: Run) -> None:
    writer = world.open()
    run(writer, BEGIN + "; CREATE VIEW c.s.v AS SELECT 1 AS one; CREATE TABLE c.s.u (id INT)")
    found = read_sizes(writer, ["c.s.t", "c.s.u", "c.s.v", "c.s.gone"])
    assert found.keys() == {"c.s.t", "c.s.u"}
    assert (found["c.s.u"].files, found["c.s.u"].bytes) == (0, 0)
    assert found["c.s.t"].files == 1
    assert (found["c.s.t"].bytes or 0) > 0


def test_neither_too_many_tables_nor_too_many_rows_in_a_statement(
    world: World, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = world.open()
    run(writer, BEGIN + ";" + ";".join(f"INSERT INTO c.s.t VALUES ({number}, '')" for number in range(5)))
    monkeypatch.setattr(backlog, "ROWS_PER_STATEMENT", 6)
    since = world.position()
    read_backlog(writer, {f"copy{number}": ("c.s.t", 3) for number in range(5)})
    asked = [entry for entry in world.requests(since) if "DESCRIBE HISTORY" in entry.get("statement", "")]
    assert len(asked) == 3


def test_a_workspace_that_does_not_answer_is_no_table_without_a_size(world: World, run: Run) -> None:
    writer = world.open()
    run(writer, BEGIN)
    world.endpoint().faults.add(Rule("drop_before", statement="DESCRIBE (HISTORY|DETAIL)", times=None))
    with pytest.raises(Unavailable):
        read_backlog(writer, {"copy": ("c.s.t", 1)})
    with pytest.raises(Unavailable):
        read_sizes(writer, ["c.s.t"])
