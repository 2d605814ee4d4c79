"""The store under many threads and processes, and after a kill."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from replicator.emulator.metastore import Store, exact, fold


def test_names_are_folded_and_keys_can_be_exact(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.put("m", "table", "C", "S", "Tä", doc={"name": "tä", "_path": "/x"})
    assert store.get("m", "table", "c", "s", "TÄ") == {"name": "tä", "_path": "/x"}
    assert exact("Key") != exact("key")
    assert len({exact("^K"), exact("K"), exact("^k"), exact("k")}) == 4


def test_children_are_listed_by_name_from_a_key_on(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for name in ("b", "a", "c"):
        store.put("m", "table", "c", "s", name, doc={"name": name, "columns": [1], "_hidden": name == "c"})
    store.put("m", "table", "c", "s2", "x", doc={"name": "x"})
    assert [doc["name"] for doc in store.list("m", "table", "c", "s", after="a")] == ["b", "c"]
    assert [doc["name"] for doc in store.list("m", "table", "c", "s", hidden=False)] == ["a", "b"]
    assert store.texts("m", "table", "c", "s", after="a", omit=["columns"]) == [("b", '{"name":"b"}')]
    assert [doc["name"] for doc in store.list_all("m", "table", "c")] == ["a", "b", "c", "x"]
    assert (store.count("m", "table", "c", "s"), store.count_all("m", "table")) == (3, 4)


def test_parts_of_many_documents_are_read_in_one_query(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for name in ("b", "a", "c"):
        doc = {"name": name, "columns": [1], "size": 7, "_hidden": name == "c", "_path": f"/{name}"}
        store.put("m", "table", "C", "s", name, doc=doc)
    store.put("m", "table", "c", "s2", "x", doc={"name": "x", "comment": "it's"})
    store.put("other", "table", "c", "s", "a", doc={"name": "a", "_path": "/other"})
    fields = ("name", "size", "comment", "_path")
    assert store.list_fields("m", "table", "c", fields=fields, hidden=False) == [
        {"name": "a", "size": 7, "_path": "/a"},
        {"name": "b", "size": 7, "_path": "/b"},
        {"name": "x", "comment": "it's"},
    ]
    assert store.list_keys("m", "table", "c", hidden=False) == [("c", "s", "a"), ("c", "s", "b"), ("c", "s2", "x")]
    by_parent = store.list_by_parent("m", "table", "c")
    assert {key: [doc["name"] for doc in docs] for key, docs in by_parent.items()} == {
        fold(("c", "s")): ["a", "b", "c"],
        fold(("c", "s2")): ["x"],
    }
    asked = [("c", "s", "A"), ("c", "s", "nope"), ("C", "S2", "x"), ("c", "s", "it's")]
    found = {("c", "s", "A"): {"_hidden": False, "_path": "/a"}, ("C", "S2", "x"): {}}
    assert store.private("m", "table", asked) == found
    assert store.private("m", "table", []) == {}


def test_a_neighbour_whose_name_begins_alike_is_not_touched(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.put("m", "schema", "cat", "s", doc={"name": "s"})
    store.put("m", "schema", "cat2", "s", doc={"name": "s"})
    store.move_all("m", "schema", ("cat",), ("dog",))
    assert store.get("m", "schema", "dog", "s")
    assert store.get("m", "schema", "cat2", "s")
    assert store.delete_all("m", "schema", "dog") == 1
    assert store.get("m", "schema", "cat2", "s")


def test_a_failed_transaction_leaves_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path)

    def fail() -> None:
        with store.transaction():
            store.put("m", "catalog", "a", doc={"name": "a"})
            with store.transaction():
                store.put("m", "catalog", "b", doc={"name": "b"})
            raise ValueError

    with pytest.raises(ValueError):
        fail()
    assert store.list("m", "catalog") == []
    store.put("m", "catalog", "c", doc={"name": "c"})
    assert len(store.list("m", "catalog")) == 1


def _count_up(root: Path, times: int) -> None:
    store = Store(root)
    for _ in range(times):
        with store.transaction():
            doc = store.get("m", "counter", "n") or {"value": 0}
            store.put("m", "counter", "n", doc={"value": doc["value"] + 1})


def test_no_increment_is_lost_between_threads_and_processes(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_count_up, args=(tmp_path, 100)) for _ in range(2)]
    threads = [threading.Thread(target=_count_up, args=(tmp_path, 50)) for _ in range(8)]
    for worker in [*processes, *threads]:
        worker.start()
    for worker in [*processes, *threads]:
        worker.join(60)
    assert Store(tmp_path).get("m", "counter", "n") == {"value": 2 * 100 + 8 * 50}


_IDENTITY = """
import sys
from pathlib import Path
from replicator.emulator.metastore import Store
print(Store(Path(sys.argv[1])).metastore("us-east"))
"""


def test_processes_agree_on_the_identity_of_a_metastore(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _IDENTITY, str(tmp_path / "new")]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    assert len({process.communicate(timeout=60)[0] for process in processes}) == 1


_WRITER = """
import sys
from pathlib import Path
from replicator.emulator.metastore import Store
store = Store(Path(sys.argv[1]))
number = 0
while True:
    with store.transaction():
        store.put("m", "left", "n", doc={"value": number})
        store.put("m", "right", "n", doc={"value": number})
    number += 1
    print(number, flush=True)
"""


def test_a_kill_leaves_the_last_committed_state(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", _WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    reported = [int(process.stdout.readline()) for _ in range(50)][-1]
    os.kill(process.pid, signal.SIGKILL)
    process.wait(10)
    store = Store(tmp_path)
    left, right = store.get("m", "left", "n"), store.get("m", "right", "n")
    assert left == right
    assert left is not None
    assert left["value"] >= reported - 1
    connection = sqlite3.connect(tmp_path / "metastores.db")
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
