"""Results of any size, fetched in every way; names that are equal, empty or strange."""

from __future__ import annotations

from typing import Any

import pyarrow.compute as pc


def test_an_empty_result_has_its_columns(cursor: Any, is_sea: bool) -> None:
    cursor.execute("SELECT 1 AS one, 'x' AS two WHERE false")
    assert [column[0] for column in cursor.description] == ["one", "two"]
    assert cursor.fetchall() == []
    cursor.execute("SELECT 1 AS one WHERE false")
    assert cursor.fetchone() is None
    cursor.execute("SELECT 1 AS one, 'x' AS two WHERE false")
    # Over the Statement Execution API the connector makes an empty table of a result without chunks.
    assert cursor.fetchall_arrow().column_names == ([] if is_sea else ["one", "two"])


def test_a_million_rows_arrive_once_and_in_order(cursor: Any) -> None:
    cursor.execute("SELECT id, concat('row ', id) AS name, id % 7 = 0 AS lucky FROM range(1000000) ORDER BY id")
    table = cursor.fetchall_arrow()
    assert table.num_rows == 1_000_000
    ids = table.column("id").combine_chunks()
    assert pc.sum(ids).as_py() == 499_999_500_000
    assert pc.all(pc.equal(pc.pairwise_diff(ids).drop_null(), 1)).as_py()
    assert table.column("name")[999_999].as_py() == "row 999999"


def test_rows_are_fetched_piece_by_piece(cursor: Any) -> None:
    cursor.execute("SELECT id FROM range(250000) ORDER BY id")
    assert cursor.fetchone()[0] == 0
    assert [row[0] for row in cursor.fetchmany(3)] == [1, 2, 3]
    assert cursor.fetchmany_arrow(100_000).column(0)[0].as_py() == 4
    rest = cursor.fetchall_arrow()
    assert (rest.num_rows, rest.column(0)[-1].as_py()) == (149_996, 249_999)
    assert cursor.fetchmany(1) == []


def test_a_row_of_a_megabyte_arrives(cursor: Any) -> None:
    cursor.execute("SELECT repeat('abcdefgh', 131072) AS big FROM range(20)")
    assert {len(row[0]) for row in cursor.fetchall()} == {1_048_576}


def test_columns_keep_their_names(cursor: Any) -> None:
    cursor.execute("SELECT 1 AS `a b`, 2 AS `ü.x`, 3 AS A, 4 AS a, 5 + 1, count(*) FROM range(3)")
    names = [column[0] for column in cursor.description]
    assert names[:4] == ["a b", "ü.x", "A", "a"]
    assert names[4:] == ["(5 + 1)", "count(1)"]
    assert list(cursor.fetchall()[0]) == [1, 2, 3, 4, 6, 3]


def test_what_changes_rows_says_how_many(cursor: Any) -> None:
    cursor.execute("CREATE TABLE t (id INT, v STRING)")
    assert cursor.fetchall() == []
    cursor.execute("INSERT INTO t VALUES (1, 'a'), (2, 'b'), (3, 'c')")
    assert _counted(cursor) == {"num_affected_rows": 3, "num_inserted_rows": 3}
    cursor.execute("UPDATE t SET v = 'z' WHERE id > 1")
    assert _counted(cursor) == {"num_affected_rows": 2}
    cursor.execute(
        "MERGE INTO t USING (SELECT * FROM VALUES (1, 'm'), (9, 'n') AS s(id, v)) s ON s.id = t.id"
        " WHEN MATCHED THEN UPDATE SET v = s.v WHEN NOT MATCHED THEN INSERT *"
    )
    assert _counted(cursor) == {
        "num_affected_rows": 2,
        "num_updated_rows": 1,
        "num_deleted_rows": 0,
        "num_inserted_rows": 1,
    }
    cursor.execute("DELETE FROM t WHERE id = 9")
    assert _counted(cursor) == {"num_affected_rows": 1}


def _counted(cursor: Any) -> dict[str, int]:
    return dict(cursor.fetchall()[0].asDict())


def test_executemany_inserts_every_row(cursor: Any) -> None:
    cursor.execute("CREATE TABLE t (id INT, v STRING)")
    cursor.executemany("INSERT INTO t VALUES (?, ?)", [(1, "a"), (2, None)])
    cursor.execute("SELECT * FROM t ORDER BY id")
    assert [tuple(row) for row in cursor.fetchall()] == [(1, "a"), (2, None)]
