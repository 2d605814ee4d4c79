"""The log that we read and write is the log that others read and write."""

import json
import os
import threading
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from replicator.emulator import engine
from replicator.emulator.delta import clone, commit, log, read, types, write
from replicator.emulator.delta.lock import table_lock
from replicator.emulator.errors import SqlError

SCHEMA = types.Struct((types.Field("id", types.LONG), types.Field("p", types.STRING)))


def make(path: Path, query: str, partitions: tuple[str, ...] = ()) -> log.Snapshot:
    """A table of one commit."""
    with engine.connect({}) as connection:
        adds = write.write_rows(connection, query, path, SCHEMA, partitions)
    actions = [{"protocol": commit.protocol_for(SCHEMA, {})}, commit.metadata_action(SCHEMA, partitions, {})]
    commit.commit(path, 0, [*actions, *({"add": add} for add in adds)], commit.Operation("WRITE", user="me"))
    return log.snapshot(path)


def rows(state: log.Snapshot) -> list[tuple[object, ...]]:
    """All rows, sorted by the first column."""
    table = engine.run("SELECT * FROM t ORDER BY 1", {"t": read.relation(state)})
    return [tuple(row.values()) for row in table.to_pylist()]


def test_partition_values_survive_any_character(tmp_path: Path) -> None:
    values = [None, "a/b=c%d", "ö y", "it's", "plain"]
    listed = ", ".join(
        f"({index}, {'NULL' if value is None else types.literal(value)})" for index, value in enumerate(values)
    )
    state = make(tmp_path / "t", f"SELECT * FROM (VALUES {listed}) v(id, p)", ("p",))
    assert rows(state) == list(enumerate(values))
    assert len(state.files) == 5
    others = DeltaTable(str(tmp_path / "t")).to_pyarrow_table().sort_by("id").to_pydict()
    assert others == {"id": list(range(5)), "p": values}


def test_tables_written_by_delta_rs_are_read_with_evolved_columns(tmp_path: Path) -> None:
    path = tmp_path / "t"
    write_deltalake(str(path), pa.table({"a": [1, 2]}))
    write_deltalake(str(path), pa.table({"a": [3], "b": ["x"]}), mode="append", schema_mode="merge")
    assert rows(log.snapshot(path)) == [(1, None), (2, None), (3, "x")]
    assert rows(log.snapshot(path, 0)) == [(1,), (2,)]


def test_a_checkpoint_replaces_the_log_before_it(tmp_path: Path) -> None:
    path = tmp_path / "t"
    for number in range(5):
        write_deltalake(
            str(path), pa.table({"a": [number], "p": [None if number % 2 else "x"]}), mode="append", partition_by=["p"]
        )
    before = log.snapshot(path)
    DeltaTable(str(path)).create_checkpoint()
    for number in range(4):
        os.unlink(log.commit_file(path, number))
    other = tmp_path / "moved"
    os.rename(path, other)
    after = log.snapshot(other)
    assert after.version == 4
    kept = ("path", "size", "partitionValues")
    for name, add in before.files.items():
        assert {key: after.files[name][key] for key in kept} == {key: add[key] for key in kept}
    assert after.metadata["configuration"] == {}
    assert rows(after) == rows(log.Snapshot(other, 4, 0, before.protocol, before.metadata, before.files))


def test_a_missing_version_names_the_versions_that_are_there(tmp_path: Path) -> None:
    make(tmp_path / "t", "SELECT 1::BIGINT AS id, 'a' AS p")
    with pytest.raises(SqlError) as caught:
        log.snapshot(tmp_path / "t", 7)
    assert caught.value.error_class == "DELTA_VERSION_NOT_FOUND"
    assert "[0, 0]" in caught.value.message


def test_a_recreated_table_is_not_mistaken_for_the_cached_one(tmp_path: Path) -> None:
    path = tmp_path / "t"
    make(path, "SELECT 1::BIGINT AS id, 'a' AS p")
    os.rename(path, tmp_path / "old")
    assert rows(make(path, "SELECT 2::BIGINT AS id, 'b' AS p")) == [(2, "b")]


def test_the_second_writer_of_a_version_loses(tmp_path: Path) -> None:
    path = tmp_path / "t"
    make(path, "SELECT 1::BIGINT AS id, 'a' AS p")
    commit.commit(path, 1, [], commit.Operation("FIRST"))
    with pytest.raises(SqlError) as caught:
        commit.commit(path, 1, [], commit.Operation("SECOND"))
    assert caught.value.error_class == "DELTA_CONCURRENT_WRITE"
    assert log.commit_info(path, 1)["operation"] == "FIRST"


def test_the_lock_lets_one_writer_in_and_the_same_thread_in_again(tmp_path: Path) -> None:
    inside: list[str] = []
    entered, release = threading.Event(), threading.Event()

    def hold() -> None:
        with table_lock(tmp_path), table_lock(tmp_path):
            entered.set()
            release.wait(10)
            inside.append("first")

    thread = threading.Thread(target=hold)
    thread.start()
    entered.wait(10)
    waiter = threading.Thread(target=lambda: _enter(tmp_path, inside))
    waiter.start()
    release.set()
    thread.join(10)
    waiter.join(10)
    assert inside == ["first", "second"]


def _enter(path: Path, inside: list[str]) -> None:
    with table_lock(path):
        inside.append("second")


def test_unknown_reader_features_are_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "t"
    state = make(path, "SELECT 1::BIGINT AS id, 'a' AS p")
    protocol = {"minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": ["futureThing"], "writerFeatures": []}
    commit.commit(path, state.version + 1, [{"protocol": protocol}], commit.Operation("UPGRADE"))
    with pytest.raises(SqlError) as caught:
        read.relation(log.snapshot(path))
    assert "futureThing" in caught.value.message


def test_statistics_are_those_of_the_rows(tmp_path: Path) -> None:
    state = make(tmp_path / "t", "SELECT range AS id, CASE WHEN range > 0 THEN 'v' || range END AS p FROM range(10)")
    stats = json.loads(next(iter(state.files.values()))["stats"])
    assert stats["numRecords"] == 10
    assert (stats["minValues"]["id"], stats["maxValues"]["id"]) == (0, 9)
    assert stats["nullCount"] == {"id": 0, "p": 1}


def test_every_hundredth_commit_leaves_a_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "t"
    make(path, "SELECT 1::BIGINT AS id, 'a' AS p")
    for version in range(1, 101):
        commit.commit(path, version, [], commit.Operation("NOTHING"))
    assert (path / "_delta_log" / f"{100:020d}.checkpoint.parquet").exists()
    assert log.snapshot(path).version == 100


def test_a_clone_links_what_the_target_lacks(tmp_path: Path) -> None:
    source = make(tmp_path / "s", "SELECT 1::BIGINT AS id, 'a' AS p")
    first = clone.clone(source, tmp_path / "t", clone.CloneSpec("s", {}))
    again = clone.clone(source, tmp_path / "t", clone.CloneSpec("s", {}))
    assert (first.num_copied_files, again.num_copied_files) == (1, 0)
    assert log.latest_version(tmp_path / "t") == 0
    (name,) = source.files
    assert os.path.samefile(tmp_path / "s" / name, tmp_path / "t" / name)
    assert rows(log.snapshot(tmp_path / "t")) == rows(source)
    assert DeltaTable(str(tmp_path / "t")).to_pyarrow_table().num_rows == 1


@pytest.mark.parametrize(
    "lines",
    [
        ['{"commitInfo":{"operation":"ä"}}'],
        ['{"commitInfo":{"operation":"ä"}}', '{"add":{"path":"x"}}', ""],
        ['{"add":{"path":"\\"commitInfo\\""}}', '{"commitInfo":{"operation":"ä"}}'],
        ['{"commitInfo":{"pad":"' + "x" * 20_000 + '","operation":"ä"}}', ""],
        ['{"commitInfo":{"operation":"ä"}}', '{"add":{"path":"' + "x" * 20_000 + '"}}'],
    ],
)
def test_who_committed_is_found_wherever_a_writer_says_it(tmp_path: Path, lines: list[str]) -> None:
    (tmp_path / log.LOG).mkdir()
    log.commit_file(tmp_path, 0).write_text("\n".join(lines), encoding="utf-8")
    assert log.commit_info(tmp_path, 0)["operation"] == "ä"


def test_a_commit_without_a_word_of_who_made_it_says_nothing(tmp_path: Path) -> None:
    (tmp_path / log.LOG).mkdir()
    log.commit_file(tmp_path, 0).write_text('{"add":{"path":"\\"commitInfo\\""}}\n', encoding="utf-8")
    assert log.commit_info(tmp_path, 0) == {}
