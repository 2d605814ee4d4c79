"""SQL: statements that are sent once, answers as Arrow, connections that are lent out one at a time."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from replicator.emulator.faults import Rule
from replicator.errors import AlreadyExists, NotFound, PermissionDenied, Unavailable, WorkspaceError

from .conftest import World


def test_rows_are_dictionaries_and_arrow(world: World) -> None:
    reader = world.open()
    assert reader.query("SELECT 1 AS one, 'x' AS two") == [{"one": 1, "two": "x"}]
    assert reader.query_arrow("SELECT id FROM range(1000)").num_rows == 1000


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        ("SELECT * FROM c.s.nothing", NotFound),
        ("SELECT * FROM c.nothing.t", NotFound),
        ("CREATE TABLE c.s.t (id INT)", AlreadyExists),
        ("CREATE SCHEMA c.s", AlreadyExists),
    ],
)
def test_errors_are_read_from_the_condition_that_the_message_names(
    world: World, statement: str, kind: type[WorkspaceError]
) -> None:
    writer = world.open()
    for made in ("CREATE CATALOG c", "CREATE SCHEMA c.s", "CREATE TABLE c.s.t (id INT)"):
        writer.execute(made)
    with pytest.raises(kind) as raised:
        writer.execute(statement)
    assert raised.value.code


def test_a_missing_privilege_is_told_apart(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PermissionDenied):
        world.open_as("bob@example.com", monkeypatch).execute("CREATE CATALOG of_bob")


def test_a_statement_whose_answer_was_lost_ran_once(world: World) -> None:
    writer = world.open()
    for made in ("CREATE CATALOG c", "CREATE SCHEMA c.s", "CREATE TABLE c.s.t (id INT)"):
        writer.execute(made)
    world.endpoint().faults.add(Rule("drop_after", statement="INSERT INTO", times=None))
    with pytest.raises(Unavailable):
        writer.execute("INSERT INTO c.s.t VALUES (1)")
    world.endpoint().faults.clear()
    assert writer.query("SELECT count(*) AS n FROM c.s.t") == [{"n": 1}]


def test_a_question_whose_answer_was_lost_is_asked_again(world: World) -> None:
    reader = world.open()
    world.endpoint().faults.add(Rule("drop_after", statement="SELECT 42", times=1))
    assert reader.query("SELECT 42 AS answer") == [{"answer": 42}]


def test_many_threads_share_a_few_connections(world: World) -> None:
    reader = world.open()
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda number: reader.query(f"SELECT {number} AS n")[0]["n"], range(24)))
    assert found == list(range(24))
    assert reader.stats().statements == 24
