"""Statements in the less usual of their documented forms: keys, clones, schedules, functions, sharing, SHOW."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from replicator.emulator import Endpoint, sql
from replicator.emulator.errors import ApiError, SqlError

SETUP = (
    "CREATE CATALOG c",
    "CREATE SCHEMA c.s",
    "USE c.s",
    "CREATE TABLE t (id INT, name STRING, day DATE) PARTITIONED BY (day)",
    "INSERT INTO t VALUES (1, 'a', DATE '2024-01-01'), (2, 'b', DATE '2024-01-02')",
)
Run = Callable[[str], list[tuple[Any, ...]]]


@pytest.fixture
def run(endpoint: Callable[..., Endpoint]) -> Run:
    """`run(statement)`: its rows as tuples, in the schema `c.s` with the table `t`."""
    session = endpoint().session()

    def execute(statement: str) -> list[tuple[Any, ...]]:
        return [tuple(row.values()) for row in sql.execute(session, statement).table.to_pylist()]

    for statement in SETUP:
        execute(statement)
    return execute


def refused(run: Run, statement: str) -> str:
    with pytest.raises((SqlError, ApiError)) as error:
        run(statement)
    return error.value.error_class if isinstance(error.value, SqlError) else error.value.error_code


def test_a_primary_key_that_is_referred_to_goes_with_cascade_only(run: Run) -> None:
    run("CREATE TABLE parent (x INT NOT NULL, CONSTRAINT p PRIMARY KEY (x))")
    run("CREATE TABLE child (x INT, CONSTRAINT f FOREIGN KEY (x) REFERENCES parent (x))")
    assert refused(run, "ALTER TABLE parent DROP PRIMARY KEY") == "INVALID_PARAMETER_VALUE"
    assert refused(run, "ALTER TABLE parent DROP CONSTRAINT p RESTRICT") == "INVALID_PARAMETER_VALUE"
    run("ALTER TABLE parent DROP PRIMARY KEY CASCADE")
    assert run("SHOW KEYS IN CATALOG c IN SCHEMA s IN TABLE parent") == []
    assert run("SHOW FOREIGN KEYS IN CATALOG c IN SCHEMA s IN TABLE child") == []


def test_keys_are_shown_with_what_they_refer_to(run: Run) -> None:
    run("CREATE TABLE parent (x INT NOT NULL, CONSTRAINT p PRIMARY KEY (x))")
    run("CREATE TABLE child (y INT, CONSTRAINT f FOREIGN KEY (y) REFERENCES parent (x))")
    assert run("SHOW KEYS IN CATALOG c IN SCHEMA s IN TABLE parent") == [("c", "s", "parent", "x", "p", 1)]
    (row,) = run("SHOW FOREIGN KEYS IN CATALOG c IN SCHEMA s IN TABLE child")
    assert row[:11] == ("c", "s", "child", "y", "f", 1, "c", "s", "parent", "x", "p")


def test_shallow_clones_do_not_nest(run: Run) -> None:
    run("CREATE TABLE one SHALLOW CLONE t")
    assert refused(run, "CREATE TABLE two SHALLOW CLONE one") == "CANNOT_SHALLOW_CLONE_NESTED"
    run("CREATE TABLE two DEEP CLONE one")
    assert len(run("SELECT * FROM two")) == 2


def test_a_table_like_another_keeps_its_defaults(run: Run) -> None:
    run("CREATE TABLE d (a INT DEFAULT 5, b INT) TBLPROPERTIES ('delta.feature.allowColumnDefaults' = 'supported')")
    run("CREATE TABLE e LIKE d")
    run("INSERT INTO e (b) VALUES (1)")
    assert run("SELECT * FROM e") == [(5, 1)]


def test_schedules_are_added_changed_and_dropped(run: Run) -> None:
    run("CREATE MATERIALIZED VIEW mv SCHEDULE EVERY 1 HOUR AS SELECT count(*) AS n FROM t")
    assert refused(run, "ALTER MATERIALIZED VIEW mv ADD SCHEDULE EVERY 2 HOURS") == "INVALID_SCHEDULE"
    run("ALTER MATERIALIZED VIEW mv ALTER SCHEDULE CRON '0 0 * * * ?' AT TIME ZONE 'UTC'")
    run("ALTER MATERIALIZED VIEW mv DROP SCHEDULE")
    assert refused(run, "ALTER MATERIALIZED VIEW mv DROP SCHEDULE") == "INVALID_SCHEDULE"
    run("CREATE OR REFRESH STREAMING TABLE st SCHEDULE REFRESH CRON '0 0 * * * ?' AS SELECT * FROM STREAM(t)")
    run("ALTER STREAMING TABLE st DROP SCHEDULE")
    assert refused(run, "CREATE MATERIALIZED VIEW bad SCHEDULE EVERY 1 YEAR AS SELECT 1 AS n") == "PARSE_SYNTAX_ERROR"


def test_functions_take_arguments_by_name_and_by_default(run: Run) -> None:
    run("CREATE FUNCTION f(x INT, y INT DEFAULT 3) RETURNS INT RETURN x - y")
    assert run("SELECT f(10), f(10, 2), c.s.f(y => 1, x => 5), f(x => 4)") == [(7, 8, 4, 1)]
    assert refused(run, "SELECT f(z => 1)") == "UNRECOGNIZED_PARAMETER_NAME"
    assert refused(run, "SELECT f(y => 1)") == "REQUIRED_PARAMETER_NOT_FOUND"


def test_a_function_returns_a_table(run: Run) -> None:
    body = "SELECT id, name FROM t WHERE id > n"
    run(f"CREATE FUNCTION above(n INT) RETURNS TABLE (id BIGINT, label STRING) RETURN {body}")
    assert run("SELECT * FROM above(1)") == [(2, "b")]
    assert run("SELECT x.label, t.name FROM c.s.above(n => 0) AS x JOIN t ON t.id = x.id ORDER BY 1") == [
        ("a", "a"),
        ("b", "b"),
    ]
    assert refused(run, "SELECT above(1)") == "NOT_A_SCALAR_FUNCTION"
    assert ("Type: TABLE",) in run("DESCRIBE FUNCTION above")


def test_partitions_are_shared_in_sql(run: Run, endpoint: Callable[..., Endpoint]) -> None:
    run("CREATE SHARE sh")
    run("ALTER SHARE sh ADD TABLE t PARTITION (day = '2024-01-01'), (day LIKE '2025%') AS s.some")
    (row,) = run("SHOW ALL IN SHARE sh")
    assert (row[0], row[6]) == ("s.some", "(day = '2024-01-01'),(day LIKE '2025%')")
    other = endpoint("eu-west")
    identifier = sql.execute(other.session(), "SELECT current_metastore()").table.column(0)[0].as_py()
    run(f"CREATE RECIPIENT r USING ID '{identifier}'")
    run("GRANT SELECT ON SHARE sh TO RECIPIENT r")
    reader = other.session()
    (provider,) = sql.execute(reader, "SHOW PROVIDERS").table.column("name").to_pylist()
    sql.execute(reader, f"CREATE CATALOG m USING SHARE `{provider}`.sh")
    assert sql.execute(reader, "SELECT id FROM m.s.some").table.column(0).to_pylist() == [1]
    sql.execute(reader, f"ALTER PROVIDER `{provider}` RENAME TO partner")
    assert sql.execute(reader, "SHOW PROVIDERS").table.column("name").to_pylist() == ["partner"]


def test_properties_of_recipients_are_added_and_removed_one_by_one(run: Run) -> None:
    run("CREATE RECIPIENT r PROPERTIES ('country' = 'us', 'x' = 'y')")
    run("ALTER RECIPIENT r SET PROPERTIES ('country' = 'eu')")
    run("ALTER RECIPIENT r UNSET PROPERTIES ('x')")
    run("CREATE SHARE sh")
    run("ALTER SHARE sh ADD TABLE t PARTITION (day = CURRENT_RECIPIENT().country)")
    assert run("SHOW ALL IN SHARE sh")[0][6] == "(day = CURRENT_RECIPIENT().country)"


def test_what_guards_the_metastore_is_shown(run: Run) -> None:
    run("GRANT USE CATALOG ON CATALOG c TO `ann@x.com`")
    run("GRANT USE CATALOG ON CATALOG c TO team")
    assert ("ann@x.com",) in run("SHOW USERS LIKE 'ann*'")
    assert run("SHOW GROUPS") == [("team", "false")]
    for words in ("CONNECTION", "STORAGE CREDENTIAL", "CREDENTIAL", "EXTERNAL LOCATION"):
        assert run(f"SHOW {words}S") == []
        assert refused(run, f"DESCRIBE {words} absent").endswith("_DOES_NOT_EXIST")


def test_patterns_of_show_are_regular_expressions_with_stars(run: Run) -> None:
    run("CREATE TABLE t_2 (a INT)")
    names = lambda statement: [row[1] for row in run(statement)]  # noqa: E731
    assert names("SHOW TABLES LIKE 't*'") == ["t", "t_2"]
    assert names("SHOW TABLES LIKE 't|x'") == ["t"]
    assert names("SHOW TABLES LIKE 't_[0-9]'") == ["t_2"]
    assert names("SHOW TABLES IN CATALOG c SCHEMA LIKE 's' LIKE 't..'") == ["t_2"]
    assert names("SHOW TABLES LIKE '('") == []


def test_intervals_and_time_zones(run: Run) -> None:
    assert run(
        "SELECT INTERVAL '1 02:03:04.5' DAY TO SECOND, INTERVAL '-1-2' YEAR TO MONTH, INTERVAL '-90' MINUTE"
    ) == [("1 02:03:04.500000000", "-1-2", "-0 01:30:00.000000000")]
    assert refused(run, "SELECT INTERVAL '1:2' DAY TO SECOND") == "INVALID_INTERVAL_FORMAT.UNMATCHED_FORMAT_STRING"
    run("SET TIME ZONE 'America/New_York'")
    assert run("SELECT string(TIMESTAMP'2024-01-01 00:00:00Z'), current_timezone()") == [
        ("2023-12-31 19:00:00", "America/New_York")
    ]
    assert refused(run, "SET TIME ZONE 'Mars/Olympus'") == "INVALID_CONF_VALUE.TIME_ZONE"
