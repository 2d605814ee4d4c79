"""The catalog calls of the connector: catalogs, schemas, tables and columns, as ODBC and JDBC tools ask for them."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture
def filled(cursor: Any, schema: str) -> tuple[Any, str, str]:
    cursor.execute(
        "CREATE TABLE people (id BIGINT NOT NULL COMMENT 'key', name STRING, pay DECIMAL(10,2)) COMMENT 'staff'"
    )
    cursor.execute("CREATE TABLE `people_2` (tags ARRAY<STRING>, at TIMESTAMP)")
    cursor.execute("CREATE VIEW names AS SELECT name FROM people")
    catalog, name = schema.split(".")
    return cursor, catalog, name


def test_catalogs_are_listed(filled: Any) -> None:
    cursor, catalog, _ = filled
    cursor.catalogs()
    assert cursor.description[0][0].upper() in ("TABLE_CAT", "CATALOG")
    assert catalog in [row[0] for row in cursor.fetchall()]


def test_schemas_are_listed(filled: Any) -> None:
    cursor, catalog, name = filled
    cursor.schemas(catalog_name=catalog)
    assert {name, "information_schema"} <= {row[0] for row in cursor.fetchall()}
    cursor.schemas(catalog_name=catalog, schema_name=name)
    assert {row[0] for row in cursor.fetchall()} == {name}


def test_tables_are_listed(filled: Any) -> None:
    cursor, catalog, name = filled
    cursor.tables(catalog_name=catalog, schema_name=name)
    assert named(cursor) == {"people", "people_2", "names"}
    cursor.tables(catalog_name=catalog, schema_name=name, table_name="people")
    assert named(cursor) == {"people"}
    cursor.tables(catalog_name=catalog, schema_name=name, table_types=["VIEW"])
    assert named(cursor) == {"names"}


def named(cursor: Any) -> set[str]:
    """Names of the tables in a listing: TABLE_NAME over Thrift, tableName over the Statement Execution API."""
    labels = [column[0].upper().replace("_", "") for column in cursor.description]
    position = labels.index("TABLENAME")
    return {row[position] for row in cursor.fetchall()}


def test_columns_are_listed(filled: Any) -> None:
    cursor, catalog, name = filled
    cursor.columns(catalog_name=catalog, schema_name=name, table_name="people")
    table = cursor.fetchall_arrow()
    position = {label.upper(): index for index, label in enumerate(table.column_names)}
    label = "COLUMN_NAME" if "COLUMN_NAME" in position else "COL_NAME"
    assert table.column(position[label]).to_pylist() == ["id", "name", "pay"]
    cursor.columns(catalog_name=catalog, schema_name=name, table_name="people", column_name="name")
    assert cursor.fetchall_arrow().num_rows == 1
