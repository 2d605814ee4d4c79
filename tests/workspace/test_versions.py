"""Where the data of many tables stands, in few statements."""

from collections.abc import Callable

import pytest

from replicator.emulator.faults import Rule
from replicator.errors import Unavailable
from replicator.workspace import WorkspaceWriter, read_versions, versions

from .conftest import World

Run = Callable[[WorkspaceWriter, str], None]
BEGIN = (
    "CREATE CATALOG c; CREATE SCHEMA c.s; CREATE TABLE c.s.t (id INT, note STRING); INSERT INTO c.s.t VALUES (1, 'a')"
)
COPY = "CREATE TABLE c.s.copy DEEP CLONE c.s.t"


def statements(world: World, since: int) -> list[str]:
    return [entry["statement"] for entry in world.requests(since) if "DESCRIBE HISTORY" in entry.get("statement", "")]


def test_many_tables_take_one_statement(world: World, run: Run) -> None:
    writer = world.open()
    run(writer, BEGIN)
    run(writer, ";".join(f"CREATE TABLE c.s.t{number} (id INT)" for number in range(12)))
    since = world.position()
    found = read_versions(writer, ["c.s.t", *(f"c.s.t{number}" for number in range(12))])
    assert {name: version.version for name, version in found.items()} == {
        "c.s.t": 1,
        **{f"c.s.t{number}": 0 for number in range(12)},
    }
    assert len(statements(world, since)) == 1


def test_time_stamps_are_utc(world: World, run: Run) -> None:
    writer = world.open()
    run(writer, BEGIN)
    assert read_versions(writer, ["c.s.t"])["c.s.t"].timestamp.endswith("+00:00")


def test_tables_that_spoil_a_statement_are_left_out_alone(world: World, run: Run) -> None:
    writer = world.open()
    run(writer, BEGIN + "; CREATE VIEW c.s.v AS SELECT 1 AS one; CREATE TABLE c.s.u (id INT)")
    found = read_versions(writer, ["c.s.t", "c.s.v", "c.s.gone", "c.s.u"])
    assert found.keys() == {"c.s.t", "c.s.u"}


def test_a_workspace_that_does_not_answer_is_no_table_without_a_history(world: World, run: Run) -> None:
    writer = world.open()
    run(writer, BEGIN)
    world.endpoint().faults.add(Rule("drop_before", statement="DESCRIBE HISTORY", times=None))
    with pytest.raises(Unavailable):
        read_versions(writer, ["c.s.t", "c.s.u"])


def test_a_copy_tells_what_it_was_cloned_from(world: World, run: Run) -> None:
    writer = world.open()
    run(writer, f"{BEGIN}; {COPY}")
    found = read_versions(writer, ["c.s.copy"], clones=True)["c.s.copy"]
    assert found.clone is not None
    assert (found.clone.source_version, found.clone.at_version) == (1, found.version)
    assert found.foreign is None


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO c.s.copy VALUES (2, 'b')",
        "DELETE FROM c.s.copy WHERE id = 1",
        "UPDATE c.s.copy SET note = 'changed'",
        "TRUNCATE TABLE c.s.copy",
        "INSERT OVERWRITE c.s.copy SELECT 7, 'g'",
        "MERGE INTO c.s.copy USING (SELECT 1 AS id) n ON copy.id = n.id WHEN MATCHED THEN DELETE",
        "CREATE OR REPLACE TABLE c.s.copy AS SELECT 9 AS id, 'x' AS note",
    ],
)
def test_whoever_writes_to_a_copy_is_noticed(world: World, run: Run, statement: str) -> None:
    writer = world.open()
    run(writer, f"{BEGIN}; {COPY}; {statement}")
    found = read_versions(writer, ["c.s.copy"], clones=True)["c.s.copy"]
    assert found.foreign is not None
    assert found.foreign[0] == found.version


@pytest.mark.parametrize(
    "statement",
    [
        "COMMENT ON TABLE c.s.copy IS 'a copy'",
        "ALTER TABLE c.s.copy SET TBLPROPERTIES ('a' = 'b')",
        "ALTER TABLE c.s.copy ALTER COLUMN note COMMENT 'noted'",
        "ALTER TABLE c.s.copy ADD COLUMNS (extra INT)",
        "OPTIMIZE c.s.copy",
    ],
)
def test_a_copy_whose_rows_stay_the_same_was_not_written_to(world: World, run: Run, statement: str) -> None:
    writer = world.open()
    run(writer, f"{BEGIN}; {COPY}; {statement}")
    assert read_versions(writer, ["c.s.copy"], clones=True)["c.s.copy"].foreign is None


def test_a_clone_far_back_is_found_with_one_more_statement(
    world: World, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(versions, "CLONE_WITHIN", 3)
    writer = world.open()
    run(writer, f"{BEGIN}; {COPY}")
    run(writer, ";".join(f"COMMENT ON TABLE c.s.copy IS 'comment {number}'" for number in range(5)))
    since = world.position()
    found = read_versions(writer, ["c.s.copy"], clones=True)["c.s.copy"]
    assert found.clone is not None
    assert found.version == found.clone.at_version + 5
    assert len(statements(world, since)) == 2


def test_names_that_need_quotes_are_quoted(world: World, run: Run) -> None:
    writer = world.open()
    run(writer, "CREATE CATALOG c; CREATE SCHEMA c.s; CREATE TABLE c.s.`o'ne``two-x` (id INT)")
    assert read_versions(writer, ["c.s.o'ne`two-x"])["c.s.o'ne`two-x"].version == 0
