"""Delta tables that other writers made: read as their writer reads them, cloned whole, or refused by name."""

from __future__ import annotations

import json
import shutil
import urllib.parse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable, write_deltalake

from replicator.emulator import sql
from replicator.emulator.delta import types
from replicator.emulator.delta.log import Snapshot, snapshot
from tests.emulator.sql_support import Warehouse, open_warehouse

FOLDERS = Path(__file__).parent / "delta_folders"
EXPECTED: dict[str, Any] = json.loads((FOLDERS / "rows.json").read_text())
TABLES = sorted(name for name in EXPECTED if "." not in name)


@pytest.fixture
def w(root: Path) -> Warehouse:
    return open_warehouse(root)


@pytest.fixture
def other(root: Path) -> Callable[[str], Path]:
    """`other("clustering")` is a fresh copy of that table, registered as `main.s.clustering`."""

    def copied(name: str) -> Path:
        folder = root / "lake" / name
        for part in FOLDERS.glob(f"{name}*"):
            if part.is_dir() and part.name in (name, f"{name}_origin"):
                shutil.copytree(part, root / "lake" / part.name)
        # A shallow clone names the files of its origin by their absolute paths.
        for commit in (folder / "_delta_log").glob("*.json"):
            commit.write_text(commit.read_text().replace("file:/FOLDER", (root / "lake").as_uri()))
        return folder

    return copied


def plain(value: Any, kind: types.DataType) -> Any:
    """A value as `rows.json` has it: structs as lists, maps as sorted pairs."""
    match kind:
        case _ if value is None:
            return None
        case types.Struct(fields):
            return [plain(value[item.name], item.type) for item in fields]
        case types.Array(element):
            return [plain(item, element) for item in value]
        case types.Map(key, inner):
            return sorted([plain(name, key), plain(item, inner)] for name, item in value)
        case types.Primitive("variant"):
            return json.loads(value)
        case types.Primitive("binary"):
            return bytes(value).hex()
        case types.Primitive("timestamp"):
            return str(value.replace(tzinfo=None))
        case _:
            return value if isinstance(value, str | int | float | bool) else str(value)


def read(w: Warehouse, query: str, expected: Any) -> list[list[Any]]:
    """The rows of a query in the columns that Spark found."""
    kinds = [types.parse(kind) for _, kind in expected["columns"]]
    table = sql.execute(w.session, query).table
    assert table.column_names == [name for name, _ in expected["columns"]]
    columns = [
        [plain(value, kind) for value in column.to_pylist()] for column, kind in zip(table.columns, kinds, strict=True)
    ]
    return sorted([list(row) for row in zip(*columns, strict=True)], key=json.dumps)


def state_of(w: Warehouse, table: str) -> Snapshot:
    """What the log of a table in `main.s` says."""
    doc = w.session.store.get(w.session.ms, "table", "main", "s", table)
    assert doc is not None
    return snapshot(Path(doc["_path"]))


def expected(name: str) -> list[list[Any]]:
    """The rows that Spark found; variants, which are text there, as what they hold."""
    kinds = [kind for _, kind in EXPECTED[name]["columns"]]
    return [
        [json.loads(value) if kind == "variant" and value else value for value, kind in zip(row, kinds, strict=True)]
        for row in EXPECTED[name]["rows"]
    ]


@pytest.mark.parametrize("name", TABLES)
def test_a_folder_is_read_as_its_writer_reads_it(w: Warehouse, other: Callable[[str], Path], name: str) -> None:
    w.run(f"CREATE TABLE t LOCATION '{other(name)}'")
    assert read(w, "SELECT * FROM t", EXPECTED[name]) == expected(name)


@pytest.mark.parametrize("name", TABLES)
def test_a_clone_holds_the_same_rows_without_its_origin(w: Warehouse, other: Callable[[str], Path], name: str) -> None:
    folder = other(name)
    w.run(f"CREATE TABLE t LOCATION '{folder}'", "CREATE TABLE c DEEP CLONE t")
    again = w.run("CREATE OR REPLACE TABLE c DEEP CLONE t")[0]
    assert (again["num_copied_files"], again["num_removed_files"]) == (0, 0)
    assert w.value("SELECT max(version) FROM (DESCRIBE HISTORY c)") == 0
    shutil.rmtree(folder.parent)
    assert read(w, "SELECT * FROM c", EXPECTED[name]) == expected(name)


def test_rows_that_a_vector_deletes_later_are_deleted_in_the_clone(w: Warehouse, other: Callable[[str], Path]) -> None:
    """The file stays and its vector changes: a clone that only looked at paths would keep the rows."""
    folder = other("deletion_vectors")
    w.run(f"CREATE TABLE t LOCATION '{folder}'", "CREATE TABLE c DEEP CLONE t VERSION AS OF 2")
    assert w.value("SELECT count(*) FROM c") == 40
    w.run("CREATE OR REPLACE TABLE c DEEP CLONE t")
    shutil.rmtree(folder)
    assert read(w, "SELECT * FROM c", EXPECTED["deletion_vectors"]) == expected("deletion_vectors")


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM t WHERE id < 10",
        "UPDATE t SET name = 'x' WHERE id < 10",
        "MERGE INTO t USING (SELECT 3 AS id) u ON t.id = u.id WHEN MATCHED THEN DELETE",
        "OPTIMIZE t",
        "REORG TABLE t APPLY (PURGE)",
        "INSERT OVERWRITE t SELECT * FROM t",
        "RESTORE TABLE t TO VERSION AS OF 4",
    ],
)
def test_deleted_rows_never_come_back(w: Warehouse, other: Callable[[str], Path], statement: str) -> None:
    """Every kind of write on files with deletion vectors; delta-rs, another reader, finds what we find or refuses."""
    w.run(f"CREATE TABLE t LOCATION '{other('deletion_vectors')}'", statement)
    gone = {key for key in range(40) if key % 5 == 0} | ({7} if "RESTORE" not in statement else set())
    found = [key for (key,) in w.rows("SELECT id FROM t")]
    assert not gone & set(found)
    assert len(found) == len(set(found))
    if "PURGE" in statement:
        state = state_of(w, "t")
        assert not any("deletionVector" in add for add in state.files.values())


def test_vacuum_keeps_the_vectors_that_are_needed(w: Warehouse, other: Callable[[str], Path]) -> None:
    folder = other("deletion_vectors")
    w.run(f"CREATE TABLE t LOCATION '{folder}'", "SET spark.databricks.delta.retentionDurationCheck.enabled = false")
    before = len(list(folder.glob("*.bin")))
    w.run("VACUUM t RETAIN 0 HOURS")
    assert 0 < len(list(folder.glob("*.bin"))) < before
    assert read(w, "SELECT * FROM t", EXPECTED["deletion_vectors"]) == expected("deletion_vectors")


@pytest.mark.parametrize("name", ["change_feed", "deletion_vectors_in_partitions"])
def test_the_change_feed_is_what_its_writer_recorded(w: Warehouse, other: Callable[[str], Path], name: str) -> None:
    w.run(f"CREATE TABLE t LOCATION '{other(name)}'")
    found = read(w, "SELECT * EXCEPT (_commit_timestamp) FROM table_changes('t', 1)", EXPECTED[f"{name}.changes"])
    assert found == expected(f"{name}.changes")


def test_fields_inside_of_types_keep_their_names_in_files(w: Warehouse, other: Callable[[str], Path]) -> None:
    """What this emulator adds to a table with renamed fields is found by name, by others and by itself."""
    w.run(
        f"CREATE TABLE t LOCATION '{other('column_mapping')}'",
        "INSERT INTO t (id, s, m) SELECT 9, named_struct('first', 1, 'b', array(named_struct('inner', 2)), 'd', 'x'),"
        " map('k', named_struct('y', 3))",
    )
    row = w.run("SELECT s, m FROM t WHERE id = 9")[0]
    assert row == {"s": {"first": 1, "b": [{"inner": 2}], "d": "x"}, "m": [("k", {"y": 3})]}
    files = state_of(w, "t")
    newest = list(files.files)[-1]
    written = pq.read_schema(files.path / urllib.parse.unquote(newest))
    earlier = pq.read_schema(files.path / urllib.parse.unquote(next(iter(files.files))))
    physical = {item.name: item.metadata["delta.columnMapping.physicalName"] for item in files.schema.fields}
    kinds = [schema.field(physical["m"]).type.item_type for schema in (written, earlier)]
    assert [item.name for item in kinds[0]] == [item.name for item in kinds[1]]


@pytest.mark.parametrize(
    ("kind", "feature"), [("readerFeatures", "timeTravelIntoTheFuture"), ("writerFeatures", "icebergCompatV2")]
)
def test_an_unknown_feature_is_refused_by_its_name(
    w: Warehouse, other: Callable[[str], Path], kind: str, feature: str
) -> None:
    folder = other("nested")
    protocol = {"minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": [], "writerFeatures": []}
    protocol[kind] = [feature]
    (folder / "_delta_log" / f"{snapshot(folder).version + 1:020}.json").write_text(json.dumps({"protocol": protocol}))
    w.run(f"CREATE TABLE t LOCATION '{folder}'")
    error = w.error("SELECT * FROM t" if kind == "readerFeatures" else "DELETE FROM t")
    assert error.error_class.startswith("DELTA_UNSUPPORTED_FEATURES_FOR_")
    assert feature in error.message
    if kind == "writerFeatures":
        assert w.value("SELECT count(*) FROM t") == 2
    assert len(list((folder / "_delta_log").glob("*.json"))) == snapshot(folder).version + 1


def test_row_tracking_is_read_and_not_written(w: Warehouse, other: Callable[[str], Path]) -> None:
    w.run(f"CREATE TABLE t LOCATION '{other('row_tracking')}'")
    error = w.error("INSERT INTO t VALUES (9)")
    assert error.error_class == "DELTA_UNSUPPORTED_FEATURES_FOR_WRITE"
    assert "rowTracking" in error.message


def test_commits_that_only_another_catalog_knows_are_not_left_out(w: Warehouse, other: Callable[[str], Path]) -> None:
    folder = other("nested")
    protocol = {"minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": ["catalogManaged"]}
    protocol["writerFeatures"] = ["catalogManaged"]
    (folder / "_delta_log" / f"{snapshot(folder).version + 1:020}.json").write_text(json.dumps({"protocol": protocol}))
    w.run(f"CREATE TABLE t LOCATION '{folder}'")
    assert w.value("SELECT count(*) FROM t") == 2
    (folder / "_delta_log" / "_staged_commits").mkdir(exist_ok=True)
    (folder / "_delta_log" / "_staged_commits" / f"{9:020}.{'a' * 36}.json").write_text("{}\n")
    assert "catalogManaged" in w.error("SELECT * FROM t").message


@pytest.mark.parametrize("damage", ["missing", "short", "magic"])
def test_a_damaged_vector_is_an_error_and_not_more_rows(
    w: Warehouse, other: Callable[[str], Path], damage: str
) -> None:
    folder = other("deletion_vectors")
    for file in folder.glob("*.bin"):
        content = file.read_bytes()
        if damage == "missing":
            file.unlink()
        elif damage == "short":
            file.write_bytes(content[:8])
        else:
            file.write_bytes(content[:5] + b"\0\0\0\0" + content[9:])
    w.run(f"CREATE TABLE t LOCATION '{folder}'")
    assert w.refusal("SELECT * FROM t") in ("DELTA_FILE_NOT_FOUND_DETAILED", "DELTA_DELETION_VECTOR_INVALID")


def test_a_vector_in_the_log_itself_is_applied(w: Warehouse, tmp_path: Path) -> None:
    """Small vectors stand in the log as text; here one as the protocol's example has it: rows 3, 4, 7, 11, 18, 29."""
    folder = tmp_path / "inline"
    write_deltalake(folder, pa.table({"id": pa.array(range(40), pa.int64())}))
    version = folder / "_delta_log" / f"{1:020}.json"
    add = next(iter(snapshot(folder).files.values()))
    vector = {"storageType": "i", "pathOrInlineDv": "^Bg9^0rr910000000000iXQKl0rr91000f55c8Xg0@@D72lkbi5=-{L"}
    vector |= {"sizeInBytes": 44, "cardinality": 6}
    features = {"readerFeatures": ["deletionVectors"], "writerFeatures": ["deletionVectors"]}
    actions = [{"protocol": {"minReaderVersion": 3, "minWriterVersion": 7} | features}]
    actions += [{"add": add | {"deletionVector": vector}}, {"remove": {"path": add["path"], "dataChange": True}}]
    version.write_text("\n".join(json.dumps(action) for action in actions))
    w.run(f"CREATE TABLE t LOCATION '{folder}'")
    gone = {3, 4, 7, 11, 18, 29}
    assert [key for (key,) in w.rows("SELECT id FROM t ORDER BY id")] == [key for key in range(40) if key not in gone]


def test_what_delta_rs_writes_is_read(w: Warehouse, tmp_path: Path) -> None:
    folder = tmp_path / "theirs"
    rows = pa.table(
        {"id": [1, 2, 3], "p": ["a/b", None, "c=d"], "at": pa.array([0, 1, None], pa.timestamp("us", "UTC"))}
    )
    write_deltalake(folder, rows, partition_by=["p"])
    write_deltalake(folder, pa.table({"id": [4], "p": ["e"], "new": ["x"]}), mode="append", schema_mode="merge")
    DeltaTable(folder).delete("id = 2")
    DeltaTable(folder).create_checkpoint()
    w.run(f"CREATE TABLE t LOCATION '{folder}'", "INSERT INTO t (id, p) VALUES (5, 'f')", "CREATE TABLE c DEEP CLONE t")
    for table in ("t", "c"):
        assert w.rows(f"SELECT id, p, new FROM {table} ORDER BY id") == [
            (1, "a/b", None), (3, "c=d", None), (4, "e", "x"), (5, "f", None)
        ]  # fmt: skip
    assert DeltaTable(folder).to_pyarrow_table().num_rows == 4
