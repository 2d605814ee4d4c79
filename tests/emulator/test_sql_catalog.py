"""Catalogs, schemas, volumes, grants, tags, sharing: the statements that sqlglot does not know."""

from __future__ import annotations

from pathlib import Path

import pytest

from replicator.emulator import sql

from .sql_support import Warehouse, open_warehouse


@pytest.fixture
def db(tmp_path: Path) -> Warehouse:
    return open_warehouse(tmp_path)


@pytest.fixture
def other(tmp_path: Path, db: Warehouse) -> Warehouse:
    """A second metastore under the same root."""
    return open_warehouse(tmp_path, "eu-west")


# ---- catalogs and schemas


def test_catalogs_are_created_described_changed_and_dropped(db: Warehouse) -> None:
    db.run("CREATE CATALOG c MANAGED LOCATION 's3://b/x' COMMENT 'it\\'s'", "CREATE CATALOG IF NOT EXISTS c")
    assert db.refusal("CREATE CATALOG c") == "CATALOG_ALREADY_EXISTS"
    db.run("ALTER CATALOG c OWNER TO `somebody`", "ALTER CATALOG c SET TAGS ('k' = 'v', 'flag')")
    facts = dict(db.rows("DESCRIBE CATALOG EXTENDED c"))
    assert (facts["Comment"], facts["Owner"], facts["Storage Root"]) == ("it's", "somebody", "s3://b/x")
    assert sorted(db.rows("SELECT tag_name, tag_value FROM c.information_schema.catalog_tags")) == [
        ("flag", ""),
        ("k", "v"),
    ]
    assert db.rows("SHOW CATALOGS LIKE 'c*'") == [("c",)]
    db.run("CREATE SCHEMA c.filled")
    assert db.refusal("DROP CATALOG c") == "CATALOG_NOT_EMPTY"
    db.run("DROP CATALOG c CASCADE", "DROP CATALOG IF EXISTS c")
    assert db.refusal("DROP CATALOG c") == "NO_SUCH_CATALOG_EXCEPTION"


def test_schemas_are_created_described_changed_and_dropped(db: Warehouse) -> None:
    db.run("CREATE SCHEMA x COMMENT 'c' MANAGED LOCATION 's3://b' WITH DBPROPERTIES ('a' = 'b')")
    assert db.refusal("CREATE DATABASE x") == "SCHEMA_ALREADY_EXISTS"
    db.run("ALTER SCHEMA x SET DBPROPERTIES ('d' = 'e')", "ALTER SCHEMA main.x SET OWNER TO somebody@x.y")
    facts = dict(db.rows("DESCRIBE SCHEMA EXTENDED x"))
    assert (facts["Comment"], facts["Owner"], facts["Properties"]) == ("c", "somebody@x.y", "((a,b),(d,e))")
    db.run("CREATE TABLE x.t (a INT)")
    assert db.refusal("DROP SCHEMA x") == "SCHEMA_NOT_EMPTY"
    db.run("DROP SCHEMA x CASCADE", "DROP SCHEMA IF EXISTS x")
    assert db.refusal("DROP SCHEMA x") == "SCHEMA_NOT_FOUND"
    assert ("x",) not in db.rows("SHOW SCHEMAS")


def test_use_changes_what_short_names_mean(db: Warehouse) -> None:
    db.run("CREATE CATALOG c", "USE CATALOG c", "CREATE TABLE t AS SELECT 1 AS a")
    assert db.rows("SELECT current_catalog(), current_schema(), a FROM c.default.t") == [("c", "default", 1)]
    db.run("USE main.s")
    assert db.refusal("SELECT * FROM t") == "TABLE_OR_VIEW_NOT_FOUND"
    assert db.refusal("USE SCHEMA nope") == "SCHEMA_NOT_FOUND"


def test_names_are_folded_and_strange_ones_quoted(db: Warehouse) -> None:
    db.run("CREATE SCHEMA `My-Schema`", "CREATE TABLE `my-schema`.`T_ö'``_x` (a INT)")
    assert db.rows("SHOW TABLES IN `my-schema`") == [("my-schema", "t_ö'`_x", False)]
    assert db.run("SELECT * FROM main.`MY-schema`.`T_ö'``_X`") == []
    assert db.refusal("CREATE TABLE `a b` (a INT)") == "INVALID_PARAMETER_VALUE"
    assert db.refusal("SELECT * FROM a.b.c.d") == "IDENTIFIER_TOO_MANY_NAME_PARTS"


def test_volumes(db: Warehouse) -> None:
    db.run(
        "CREATE VOLUME v COMMENT 'c'",
        "CREATE EXTERNAL VOLUME e LOCATION 's3://b/x'",
        "ALTER VOLUME v SET TAGS ('k' = 'v')",
    )
    found = db.rows("SELECT volume_name, volume_type, comment FROM information_schema.volumes ORDER BY 1")
    assert found == [("e", "EXTERNAL", None), ("v", "MANAGED", "c")]
    assert db.rows("SELECT volume_name, tag_name FROM information_schema.volume_tags") == [("v", "k")]
    db.run("ALTER VOLUME v RENAME TO w", "DROP VOLUME w", "DROP VOLUME IF EXISTS w")
    assert db.refusal("DROP VOLUME w") == "VOLUME_DOES_NOT_EXIST"


# ---- tags


def test_tags_on_every_object_and_column(db: Warehouse) -> None:
    db.run("CREATE TABLE t (a INT, b INT)", "CREATE VIEW v AS SELECT 1 AS a")
    db.run(
        "ALTER SCHEMA s SET TAGS ('s' = '1')",
        "ALTER TABLE t SET TAGS ('t' = 'it\\'s', 'u' = '')",
        "ALTER TABLE t ALTER COLUMN b SET TAGS ('c' = '2')",
        "ALTER VIEW v SET TAGS ('v' = '3')",
        "SET TAG ON COLUMN main.s.t.a pii = email",
    )
    db.run("ALTER TABLE t UNSET TAGS ('u', 'never')")
    assert db.rows("SELECT schema_name, tag_name, tag_value FROM system.information_schema.schema_tags") == [
        ("s", "s", "1")
    ]
    tables = db.rows("SELECT table_name, tag_name, tag_value FROM information_schema.table_tags ORDER BY 1")
    assert tables == [("t", "t", "it's"), ("v", "v", "3")]
    columns = db.rows("SELECT column_name, tag_name, tag_value FROM information_schema.column_tags ORDER BY 1")
    assert columns == [("a", "pii", "email"), ("b", "c", "2")]
    db.run("UNSET TAG ON COLUMN t.a pii")
    assert len(db.rows("SELECT * FROM information_schema.column_tags")) == 1


# ---- grants


def test_grants_are_given_shown_inherited_and_revoked(db: Warehouse) -> None:
    db.run(
        "CREATE TABLE t (a INT)",
        "GRANT USE CATALOG, USE SCHEMA, SELECT ON CATALOG main TO `team one`",
        "GRANT ALL PRIVILEGES ON SCHEMA main.s TO `bob@x.y`",
        "GRANT MODIFY ON TABLE t TO `team one`",
        "GRANT SELECT ON t TO carol@x.y",
    )
    shown = db.rows("SHOW GRANTS `team one` ON TABLE t")
    assert ("team one", "MODIFY", "TABLE", "main.s.t") in shown
    assert ("team one", "SELECT", "CATALOG", "main") in shown
    query = "SELECT grantee, privilege_type, inherited_from FROM information_schema.table_privileges ORDER BY 1, 2, 3"
    assert db.rows(query) == [
        ("bob@x.y", "ALL_PRIVILEGES", "SCHEMA"),
        ("carol@x.y", "SELECT", "NONE"),
        ("team one", "MODIFY", "NONE"),
        ("team one", "SELECT", "CATALOG"),
    ]
    db.run(
        "REVOKE SELECT, USE SCHEMA ON CATALOG main FROM `team one`", "REVOKE ALL PRIVILEGES ON SCHEMA s FROM `bob@x.y`"
    )
    assert db.rows("SELECT privilege_type FROM main.information_schema.catalog_privileges") == [("USE_CATALOG",)]
    assert db.refusal("GRANT CREATE SHARE ON TABLE t TO x") == "INVALID_PARAMETER_VALUE"


def test_privileges_are_enforced_and_filter_what_is_seen(db: Warehouse) -> None:
    db.run("CREATE TABLE open (a INT)", "CREATE TABLE shut (a INT)")
    user = db.as_principal("ann@x.y")
    db.run("GRANT USE CATALOG ON CATALOG main TO `ann@x.y`", "GRANT USE SCHEMA ON SCHEMA s TO `ann@x.y`")
    db.run("GRANT SELECT ON TABLE open TO `ann@x.y`")
    assert user.run("SELECT * FROM open") == []
    assert user.refusal("SELECT * FROM shut") == "INSUFFICIENT_PERMISSIONS"
    assert user.refusal("INSERT INTO open VALUES (1)") == "INSUFFICIENT_PERMISSIONS"
    assert user.refusal("CREATE TABLE mine (a INT)") == "INSUFFICIENT_PERMISSIONS"
    assert user.refusal("DROP TABLE open") == "INSUFFICIENT_PERMISSIONS"
    assert user.refusal("DESCRIBE HISTORY shut") == "INSUFFICIENT_PERMISSIONS"
    assert user.refusal("CREATE TABLE x DEEP CLONE shut") == "INSUFFICIENT_PERMISSIONS"
    names = "SELECT table_name FROM information_schema.tables WHERE table_schema = 's'"
    assert user.rows(names) == [("open",)]
    assert user.rows("SHOW TABLES") == [("s", "open", False)]
    assert {row[0] for row in user.rows("SELECT grantee FROM information_schema.table_privileges")} == {"ann@x.y"}
    db.run("GRANT MODIFY ON TABLE open TO `ann@x.y`")
    assert user.run("INSERT INTO open VALUES (1)") == [{"num_affected_rows": 1, "num_inserted_rows": 1}]


def test_who_owns_all_sees_the_privileges_that_an_admin_sees(db: Warehouse) -> None:
    db.run(
        *(f"CREATE TABLE t{number} (a INT)" for number in range(3)),
        "CREATE SCHEMA main.empty",
        "CREATE VOLUME vol",
        "GRANT READ VOLUME ON VOLUME vol TO `bob@x.y`",
        "GRANT USE CATALOG, USE SCHEMA, SELECT ON CATALOG main TO `Team One`",
        "GRANT MODIFY, CREATE TABLE ON SCHEMA s TO `bob@x.y`",
        "GRANT USE CATALOG ON CATALOG main TO `carol@x.y`",
        "GRANT USE SCHEMA, SELECT ON SCHEMA empty TO `carol@x.y`",
        "GRANT SELECT, MODIFY ON TABLE t1 TO `Team One`",
        "GRANT SELECT ON TABLE t2 TO `carol@x.y`",
        *(f"ALTER {what} OWNER TO `ann@x.y`" for what in ("TABLE t0", "TABLE t1", "TABLE t2", "VOLUME vol")),
        *(f"ALTER {what} OWNER TO `ann@x.y`" for what in ("SCHEMA main.s", "SCHEMA main.empty", "CATALOG main")),
    )
    ann, carol = db.as_principal("ann@x.y"), db.as_principal("carol@x.y")
    own = " WHERE schema_name IN ('s', 'empty')"
    for kind, where, rows in (("catalog", "", 4), ("schema", own, 8), ("table", "", 9), ("volume", "", 1)):
        query = f"SELECT * FROM main.information_schema.{kind}_privileges{where}"
        assert len(db.rows(query)) == rows
        assert ann.rows(query) == db.rows(query)
        assert {row[1] for row in carol.rows(query)} <= {"carol@x.y"}
    query = "SELECT * FROM main.information_schema.tables WHERE table_schema = 's'"
    assert len(db.rows(query)) == 3
    assert ann.rows(query) == db.rows(query)


def test_folders_are_reached_by_admins_or_through_an_external_location(db: Warehouse, tmp_path: Path) -> None:
    folder = tmp_path / "outside"
    db.run(f"CREATE TABLE t (a INT) LOCATION '{folder}'")
    db.run("GRANT USE CATALOG ON CATALOG main TO `ann`", "GRANT ALL PRIVILEGES ON SCHEMA s TO `ann`")
    user = db.as_principal("ann")
    for statement in (
        f"SELECT * FROM delta.`{folder}`",
        f"CREATE TABLE mine LOCATION '{folder}'",
        f"COPY INTO t FROM '{folder}' FILEFORMAT = PARQUET",
        f"INSERT INTO delta.`{folder}` VALUES (1)",
    ):
        assert user.refusal(statement) == "INSUFFICIENT_PERMISSIONS"
    assert db.run(f"SELECT * FROM delta.`{folder}`") == []


def test_a_view_reads_with_its_owners_rights(db: Warehouse) -> None:
    db.run("CREATE TABLE shut AS SELECT 1 AS a", "CREATE VIEW v AS SELECT * FROM shut")
    db.run(
        "GRANT USE CATALOG ON CATALOG main TO `ann`",
        "GRANT USE SCHEMA ON SCHEMA s TO `ann`",
        "GRANT SELECT ON VIEW v TO `ann`",
    )
    user = db.as_principal("ann")
    assert user.run("SELECT * FROM v") == [{"a": 1}]
    assert user.refusal("SELECT * FROM shut") == "INSUFFICIENT_PERMISSIONS"


# ---- sharing


def share(db: Warehouse, other: Warehouse, *add: str) -> None:
    """Share something with the other metastore and mount it there as `shared`."""
    db.run(
        "CREATE SHARE IF NOT EXISTS sh COMMENT 'x'",
        *(f"ALTER SHARE sh ADD {item}" for item in add),
        f"CREATE RECIPIENT IF NOT EXISTS rec USING ID '{other.session.metastore.global_id}'",
        "GRANT SELECT ON SHARE sh TO RECIPIENT rec",
    )
    other.run("CREATE CATALOG IF NOT EXISTS shared USING SHARE `us-east`.sh")


def test_a_shared_schema_is_read_in_the_other_metastore(db: Warehouse, other: Warehouse) -> None:
    db.run("CREATE TABLE t AS SELECT 1 AS a", "INSERT INTO t VALUES (2)")
    share(db, other, "SCHEMA main.s")
    assert other.rows(
        "SELECT provider_name, data_provider_global_metastore_id FROM system.information_schema.providers"
    ) == [("us-east", db.session.metastore.global_id)]
    assert other.rows("SHOW TABLES IN shared.s") == [("s", "t", False)]
    assert sorted(other.rows("SELECT a FROM shared.s.t")) == [(1,), (2,)]
    assert other.rows("SELECT a FROM shared.s.t VERSION AS OF 0") == [(1,)]
    assert other.run("DESCRIBE HISTORY shared.s.t LIMIT 1")[0]["version"] == 1
    assert other.rows(
        "SELECT catalog_name, share_name FROM system.information_schema.catalog_provider_share_usage"
    ) == [("shared", "sh")]
    db.run("INSERT INTO t VALUES (3)")
    other.run("CREATE SCHEMA main.dr", "CREATE OR REPLACE TABLE main.dr.t DEEP CLONE shared.s.t")
    assert other.value("SELECT count(*) FROM main.dr.t") == 3
    history = other.run("DESCRIBE HISTORY main.dr.t LIMIT 1")[0]
    assert dict(history["operationParameters"])["source"] == "shared.s.t"


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO shared.s.t VALUES (9)",
        "DELETE FROM shared.s.t",
        "UPDATE shared.s.t SET a = 1",
        "CREATE TABLE shared.s.u (a INT)",
        "CREATE SCHEMA shared.u",
        "DROP TABLE shared.s.t",
        "ALTER TABLE shared.s.t ADD COLUMN b INT",
        "COMMENT ON TABLE shared.s.t IS 'x'",
        "OPTIMIZE shared.s.t",
        "CREATE OR REPLACE TABLE shared.s.t DEEP CLONE main.s.x",
    ],
)
def test_shared_catalogs_are_read_only(db: Warehouse, other: Warehouse, statement: str) -> None:
    db.run("CREATE TABLE t AS SELECT 1 AS a")
    share(db, other, "SCHEMA main.s")
    other.run("CREATE TABLE main.s.x AS SELECT 2 AS a")
    assert other.refusal(statement) in ("DELTA_SHARING_READ_ONLY", "INVALID_STATE")
    assert db.rows("SELECT * FROM t") == [(1,)]


def test_time_travel_needs_shared_history(db: Warehouse, other: Warehouse) -> None:
    db.run("CREATE TABLE t AS SELECT 1 AS a")
    share(db, other, "TABLE main.s.t AS alias.t2 WITHOUT HISTORY")
    assert other.rows("SELECT a FROM shared.alias.t2") == [(1,)]
    assert other.refusal("SELECT a FROM shared.alias.t2 VERSION AS OF 0") == "DS_TIME_TRAVEL_NOT_PERMITTED"
    assert other.refusal("DESCRIBE HISTORY shared.alias.t2") == "DS_TIME_TRAVEL_NOT_PERMITTED"
    db.run("ALTER SHARE sh ALTER TABLE main.s.t WITH HISTORY")
    assert other.rows("SELECT a FROM shared.alias.t2 VERSION AS OF 0") == [(1,)]


def test_a_shared_view_reads_the_providers_tables(db: Warehouse, other: Warehouse) -> None:
    db.run("CREATE TABLE t AS SELECT 1 AS a", "CREATE VIEW v AS SELECT a + 1 AS b FROM t")
    share(db, other, "VIEW main.s.v")
    assert other.run("SELECT * FROM shared.s.v") == [{"b": 2}]


def test_shares_and_recipients_are_listed_changed_and_dropped(db: Warehouse, other: Warehouse) -> None:
    db.run("CREATE TABLE t (a INT)", "CREATE TABLE u (a INT)")
    share(db, other, "TABLE main.s.t COMMENT 'c'", "TABLE main.s.u AS x.y")
    assert db.refusal("CREATE SHARE sh") == "SHARE_ALREADY_EXISTS"
    content = db.run("SHOW ALL IN SHARE sh")
    assert [
        (row["name"], row["type"], row["shared_object"], row["history_data_sharing_status"]) for row in content
    ] == [
        ("s.t", "TABLE", "main.s.t", "ENABLED"),
        ("x.y", "TABLE", "main.s.u", "ENABLED"),
    ]
    usage = db.rows(
        "SELECT table_name, shared_as_schema, shared_as_table FROM information_schema.table_share_usage ORDER BY 1"
    )
    assert usage == [("t", "s", "t"), ("u", "x", "y")]
    assert db.rows("SHOW GRANTS ON SHARE sh") == [("rec", "SELECT")]
    assert db.rows("SELECT recipient_name, authentication_type FROM system.information_schema.recipients") == [
        ("rec", "DATABRICKS")
    ]
    assert db.refusal("ALTER SHARE sh ADD TABLE main.s.nope") == "TABLE_OR_VIEW_NOT_FOUND"
    db.run("ALTER SHARE sh REMOVE TABLE main.s.t", "REVOKE SELECT ON SHARE sh FROM RECIPIENT rec")
    assert other.refusal("SELECT * FROM shared.x.y") in ("SHARE_DOES_NOT_EXIST", "TABLE_OR_VIEW_NOT_FOUND")
    db.run("DROP RECIPIENT rec", "DROP SHARE sh", "DROP SHARE IF EXISTS sh", "DROP RECIPIENT IF EXISTS rec")
    assert db.refusal("DROP SHARE sh") == "SHARE_DOES_NOT_EXIST"


# ---- classification, which the request log relies on


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("SELECT 1", ("SELECT", False)),
        ("  -- c\n /* d */ WITH q AS (SELECT 1) SELECT * FROM q;", ("SELECT", False)),
        ("(SELECT 1) UNION (SELECT 2)", ("SELECT", False)),
        ("DESCRIBE HISTORY t LIMIT 1", ("DESCRIBE_HISTORY", False)),
        ("SHOW GRANTS ON TABLE t", ("SHOW_GRANTS", False)),
        ("USE main.s", ("USE", False)),
        ("SET x = 1", ("SET", False)),
        ("VACUUM t DRY RUN", ("VACUUM", False)),
        ("CREATE OR REPLACE TABLE t DEEP CLONE s", ("CLONE", True)),
        ("CREATE TABLE t AS SELECT 1", ("CREATE_TABLE_AS_SELECT", True)),
        ("INSERT INTO t VALUES (1)", ("INSERT", True)),
        ("MERGE INTO t USING s ON true WHEN MATCHED THEN DELETE", ("MERGE", True)),
        ("GRANT SELECT ON TABLE t TO x", ("GRANT", True)),
        ("COMMENT ON TABLE t IS 'x'", ("COMMENT", True)),
        ("ALTER TABLE t SET TAGS ('a' = 'b')", ("ALTER_TABLE", True)),
        ("DROP TABLE t", ("DROP_TABLE", True)),
    ],
)
def test_statements_are_told_apart_without_running(statement: str, expected: tuple[str, bool]) -> None:
    assert sql.classify(statement) == expected


@pytest.mark.parametrize(
    "statement",
    [
        "UNDROP TABLE t",
        "INSERT WITH SCHEMA EVOLUTION INTO t SELECT 1",
        "MERGE WITH SCHEMA EVOLUTION INTO t USING s ON true WHEN MATCHED THEN DELETE",
        "CALL something()",
        "DROP CONNECTION c",
        "SHOW LOCKS",
    ],
)
def test_statements_that_are_not_supported_say_so(statement: str) -> None:
    with pytest.raises(Exception, match="not supported by the emulator"):
        sql.classify(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "",
        " ; ",
        "-- only a comment",
        "SELEC 1",
        "CREATE",
        "DROP TABLE",
        "GRANT SELECT ON t",
        "ALTER TABLE t",
        "'",
        "/* x",
        "USE a b",
    ],
)
def test_statements_that_cannot_be_read_are_syntax_errors(statement: str) -> None:
    with pytest.raises(Exception) as caught:
        sql.classify(statement)
    assert getattr(caught.value, "sqlstate", None) in ("42601", "0A000")
