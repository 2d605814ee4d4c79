"""The very statements that Databricks gets, run by real Spark over real Delta tables: same data, same verdicts."""

import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from replicator.address import Address, Side
from replicator.errors import NotFound, WorkspaceError
from replicator.reconciliation.check import is_version_gone, run_check
from replicator.reconciliation.drilldown import Limits
from replicator.reconciliation.fingerprint import Cell, cell, fingerprint_sql, fold
from replicator.reconciliation.incremental import Known, carried_forward
from replicator.reconciliation.pins import names_at, types_at
from replicator.reconciliation.probe import Probe
from replicator.reconciliation.recipe import Compared, Hashing, Place, Recipe
from replicator.reconciliation.tables import Lookup
from replicator.reconciliation.task import CheckTask, Settings
from replicator.reconciliation.typetext import parse
from replicator.reconciliation.verdicts import CheckResult, RowKind, Verdict
from replicator.resources.base import CloneRecord, DeltaVersion, Reader

from .cases import HARMLESS, MUTATIONS, WIDTH, Mutation, about, counts, create, fill

pyspark = pytest.importorskip("pyspark", reason="Spark is not installed: make test-spark installs it")
_JAVA = next(iter(sorted(Path("/usr/lib/jvm").glob("*java-17*"))), None) or os.environ.get("JAVA_HOME")
pytestmark = [
    pytest.mark.spark,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(_JAVA is None and shutil.which("java") is None, reason="no Java on this machine"),
]

_ALL = (*MUTATIONS, *HARMLESS)
_BASES = {mutation.name: 10 * number for number, mutation in enumerate(_ALL, 1)}
_LIMITS = Limits(sample=1000, show_values=True)
_ORIGIN, _COPY = "spark_catalog.default.o", "spark_catalog.default.t"
_DELTA = {
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
    "spark.sql.shuffle.partitions": "2",
    "spark.databricks.delta.snapshotPartitions": "2",
    "spark.sql.session.timeZone": "UTC",
    "spark.ui.enabled": "false",
}


@dataclass
class Spark:
    """A session as a reader: SQL as it is, and the documents of tables in Unity Catalog's words."""

    session: Any
    side: Side = Side.SOURCE

    def get(self, path: str, query: Mapping[str, Any] | None = None) -> dict[str, Any]:
        name = path.rpartition("/")[2]
        if not self.session.catalog.tableExists(name):
            raise NotFound(name)
        columns = [
            {"name": item.name, "type_text": item.dataType.simpleString(), "nullable": item.nullable, "position": at}
            for at, item in enumerate(self.session.table(name).schema.fields)
        ]
        return {"table_id": name, "table_type": "MANAGED", "data_source_format": "DELTA", "columns": columns}

    def pages(self, path: str, key: str, query: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        raise NotImplementedError

    def query(self, sql: str) -> list[dict[str, Any]]:
        try:
            return [row.asDict() for row in self.session.sql(sql).collect()]
        except pyspark.errors.PySparkException as error:
            raise WorkspaceError(str(error), code=error.getCondition() or "") from error

    def run(self, *statements: str) -> None:
        for statement in statements:
            self.session.sql(statement.replace("{o}", _ORIGIN).replace("{t}", _COPY))


@pytest.fixture(scope="module")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Spark]:
    from delta import configure_spark_with_delta_pip

    home = tmp_path_factory.mktemp("spark")
    if _JAVA is not None:
        os.environ.setdefault("JAVA_HOME", str(_JAVA))
    builder = pyspark.sql.SparkSession.builder.master("local[2]").config(
        "spark.sql.warehouse.dir", str(home / "tables")
    )
    for key, value in {**_DELTA, "spark.driver.extraJavaOptions": f"-Dderby.system.home={home}"}.items():
        builder = builder.config(key, value)
    session = configure_spark_with_delta_pip(builder).getOrCreate()
    session.sparkContext.setLogLevel("OFF")
    yield Spark(session)
    session.stop()


def _copy(spark: Spark) -> int:
    """What DEEP CLONE does, which Delta's open source lacks; the origin's version."""
    spark.run("DROP TABLE IF EXISTS {t}", create("{t}"), "INSERT INTO {t} SELECT * FROM {o} ORDER BY id DESC")
    return _newest(spark, _ORIGIN)


def _newest(spark: Spark, table: str) -> int:
    return int(spark.query(f"DESCRIBE HISTORY {table} LIMIT 1")[0]["version"])


@dataclass
class Copied:
    """The origin, and a copy made at `version` of it."""

    spark: Spark
    version: int

    def check(self, **options: Any) -> CheckResult:
        task = CheckTask(table=_COPY, origin=Address(Side.SOURCE, "table", _ORIGIN), **options)
        return run_check(
            task, self.spark, self.spark, look=Lookup(version=self._version_of, hiding=lambda reader, name: ())
        )

    def _version_of(self, reader: Reader, name: str) -> DeltaVersion:
        clone = CloneRecord(_ORIGIN, self.version, 1) if name == _COPY else None
        return DeltaVersion(_newest(self.spark, name), "", clone)


@pytest.fixture(scope="module")
def copied(spark: Spark) -> Copied:
    spark.run("DROP TABLE IF EXISTS {o}", create("{o}"), *fill("{o}", tuple(_BASES.values())))
    return Copied(spark, _copy(spark))


@pytest.fixture(scope="module")
def spoilt(copied: Copied) -> Copied:
    for mutation in _ALL:
        copied.spark.run(*mutation.statements("{t}", _BASES[mutation.name]))
    return copied


@pytest.fixture(scope="module", params=Hashing)
def keyed(spoilt: Copied, request: pytest.FixtureRequest) -> CheckResult:
    return spoilt.check(key=("id",), settings=Settings(hashing=request.param, limits=_LIMITS))


@pytest.fixture(scope="module")
def keyless(spoilt: Copied) -> CheckResult:
    return spoilt.check(settings=Settings(limits=_LIMITS))


def test_an_untouched_copy_in_another_order_of_rows_is_equal(copied: Copied) -> None:
    for hashing in Hashing:
        result = copied.check(settings=Settings(hashing=hashing))
        assert (result.verdict, result.message) == (Verdict.MATCH, f"equal in all {WIDTH} columns")


def test_an_origin_that_moved_on_is_stale(copied: Copied) -> None:
    copied.spark.run("DELETE FROM {o} WHERE id = 11", "ALTER TABLE {o} ADD COLUMN later INT")
    try:
        result = copied.check()
    finally:
        copied.spark.run(f"RESTORE TABLE {{o}} TO VERSION AS OF {copied.version}")
    assert (result.verdict, result.lag) == (Verdict.STALE, 2), result.message


def test_names_and_types_are_those_of_the_version(copied: Copied) -> None:
    probe = Probe(copied.spark, Place(_ORIGIN, Side.SOURCE, copied.version))
    names = names_at(probe)
    assert names[:3] == ["id", "tiny", "small"]
    assert len(names) == WIDTH
    types = types_at(probe, ["dec", "items", "v"])
    assert parse(types["items"]) == parse("array<struct<x:int,y:string>>")
    assert (types["dec"], types["v"]) == ("decimal(20,4)", "variant")


def test_a_version_whose_files_are_gone_cannot_be_verified(copied: Copied) -> None:
    probe = Probe(copied.spark, Place(_ORIGIN, Side.SOURCE, 10_000))
    with pytest.raises(WorkspaceError) as failure:
        names_at(probe)
    assert is_version_gone(failure.value)


def test_both_zeros_hash_alike_so_that_their_text_has_to_tell_them_apart(spark: Spark) -> None:
    (row,) = spark.query(
        "SELECT xxhash64(d) = xxhash64(-d) AS alike, CAST(-d AS STRING) AS text FROM VALUES (0.0D) AS t(d)"
    )
    assert row == {"alike": True, "text": "-0.0"}


def test_the_statement_for_people_gives_one_row_that_is_the_same_on_both_sides(copied: Copied) -> None:
    for hashing in Hashing:
        result = copied.check(key=("id",), settings=Settings(hashing=hashing))
        rows = [copied.spark.query(side.by_hand) for side in (result.source, result.target)]
        assert rows[0] == rows[1]
        assert [row["n"] for row in rows[0]] == [result.source.rows]


def test_the_change_feed_carries_a_fingerprint_to_where_a_scan_finds_it(spark: Spark) -> None:
    name = "spark_catalog.default.feed"
    spark.run(
        f"CREATE TABLE {name} (id INT, v STRING) USING DELTA TBLPROPERTIES ('delta.enableChangeDataFeed' = 'true')",
        f"INSERT INTO {name} SELECT CAST(id AS INT), concat('v', id) FROM range(50)",
        f"INSERT INTO {name} VALUES (51, 'new')",
        f"UPDATE {name} SET v = 'w' WHERE id = 3",
        f"DELETE FROM {name} WHERE id = 4",
    )
    columns = (("id", parse("int")), ("v", parse("string")))
    recipe = Recipe(tuple(Compared(column, kind, (column, kind), (column, kind)) for column, kind in columns))

    def scanned(version: int) -> Cell:
        rows = spark.query(fingerprint_sql(recipe, Place(name, Side.SOURCE, version), 64))
        return fold((cell(row, "h") for row in rows), 1)

    newest = _newest(spark, name)
    probe = Probe(spark, Place(name, Side.SOURCE, newest))
    carried = carried_forward(recipe, probe, newest - 3, Known(scanned(newest - 3)))
    assert carried == Known(scanned(newest), steps=1)
    assert carried.cell.rows == 50


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_a_spoilt_row_is_found_by_its_key(keyed: CheckResult, mutation: Mutation) -> None:
    rows = about(keyed, _BASES[mutation.name])
    assert counts(rows) == {kind.value: getattr(mutation, kind.value) for kind in RowKind}
    assert {name for row in rows for name in row.columns} == set(mutation.columns)


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_a_spoilt_row_is_found_without_a_key(keyless: CheckResult, mutation: Mutation) -> None:
    rows = about(keyless, _BASES[mutation.name])
    assert counts(rows) == {kind.value: getattr(mutation, kind.value) for kind in RowKind}
    assert {name for row in rows for name in row.columns} == set(mutation.columns)


@pytest.mark.parametrize("mutation", HARMLESS, ids=lambda mutation: mutation.name)
def test_what_changes_no_value_is_no_difference(keyed: CheckResult, keyless: CheckResult, mutation: Mutation) -> None:
    assert about(keyed, _BASES[mutation.name]) == about(keyless, _BASES[mutation.name]) == []


def test_the_systemic_statement_names_columns(spoilt: Copied) -> None:
    limits = Limits(systemic_rows=1, systemic_share=0.01)
    result = spoilt.check(key=("id",), settings=Settings(buckets=64, limits=limits))
    assert result.complete is False
    assert {item.name for item in result.columns} >= {"s1", "nums", "m", "v"}


def test_large_buckets_are_cut_smaller(spoilt: Copied, keyed: CheckResult) -> None:
    result = spoilt.check(key=("id",), settings=Settings(buckets=64, limits=Limits(rows=100)))
    assert (result.complete, result.differences) == (True, keyed.differences)
