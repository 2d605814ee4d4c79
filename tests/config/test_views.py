"""Views and tags: what they are read from, what they wait for, and where they may stand."""

from collections.abc import Callable
from typing import Any

import pytest

from replicator.address import Address, Side
from replicator.config import Config, compile_graph, scope
from replicator.config.definitions import references, rewritten
from replicator.engine.desired import Desired
from replicator.errors import ConfigError
from replicator.resources import TYPES

QUERIES = [
    ("SELECT * FROM a.b.c", ["a.b.c"]),
    ("SELECT * FROM `A`.`b`.`we``ird` x JOIN a.b.d ON x.i = d.i", ["a.b.we`ird", "a.b.d"]),
    ("WITH q AS (SELECT 1 FROM a.b.c) SELECT * FROM q", ["a.b.c"]),
    ("SELECT (SELECT max(i) FROM a.b.d) FROM a.b.c -- FROM a.b.e", ["a.b.d", "a.b.c"]),
    ("SELECT 'FROM a.b.c' AS t, a.b.f(1) FROM range(10)", []),
    ("SELECT 1 FROM a.b.c UNION ALL SELECT 2 FROM a.b.c", ["a.b.c", "a.b.c"]),
    ("SELECT * FROM b.c, c", ["b.c", "c"]),
]


@pytest.mark.parametrize(("query", "read"), QUERIES)
def test_a_query_is_read_for_its_tables(query: str, read: list[str]) -> None:
    assert [reference.name for reference in references(query)] == read


def test_only_the_names_are_exchanged_and_every_other_character_stays() -> None:
    query = "/* a.b.c */ SELECT 'a.b.c'  AS x\n\tFROM a.b.`C` t, a.b.d WHERE t.a IN (SELECT a FROM A.B.c)"
    assert rewritten(query, {"a.b.c": "x.y.z"}) == (
        "/* a.b.c */ SELECT 'a.b.c'  AS x\n\tFROM `x`.`y`.`z` t, a.b.d WHERE t.a IN (SELECT a FROM `x`.`y`.`z`)"
    )


@pytest.fixture
def compiled(loaded: Callable[..., Config], world: Callable[..., Any]) -> Callable[..., Desired]:
    def run(text: str) -> Desired:
        return compile_graph(loaded(text), world("source"), world("target"))

    return run


def fields(desired: Desired, address: str) -> dict[str, Any]:
    found = Address.parse(address)
    return TYPES[found.type].declared(desired.resources[found].resource)


VIEW = "resources: {target: {views: {a.b.v: {definition: '%s'}}, tables: {a.b.c: {columns: [{name: i, type: int}]}}}}"


def test_a_view_waits_for_what_it_reads(compiled: Callable[..., Desired]) -> None:
    desired = compiled(VIEW % "SELECT * FROM a.b.c JOIN x.y.z;  ")
    needs = set(desired.resources[Address(Side.TARGET, "view", "a.b.v")].resource.depends_on())
    assert {Address.parse(f"target:{at}") for at in ("schema/a.b", "table/a.b.c", "clone/x.y.z", "catalog/x")} <= needs
    assert fields(desired, "target:view/a.b.v") == {"definition": "SELECT * FROM a.b.c JOIN x.y.z"}


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("SELECT * FROM c", "names c, which means another table wherever another schema is current; write cat"),
        ("SELECT FROM WHERE", "the query cannot be read at its line 1, column 17, near `WHERE`"),
    ],
)
def test_a_query_that_could_mean_another_table_is_refused(
    compiled: Callable[..., Desired], query: str, why: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        compiled(VIEW % query)
    assert f"c.yaml:3:30: target:view/a.b.v{': ' if 'cannot' in why else ' '}{why}" in caught.value.message


def test_a_view_and_a_table_cannot_have_one_name(loaded: Callable[..., Config]) -> None:
    with pytest.raises(ConfigError, match=r"target:table/a\.b\.v is declared a second time|declared a second time"):
        loaded("resources: {target: {views: {a.b.v: {definition: 'SELECT 1'}}, tables: {a.b.v: {}}}}")


TAGS = """
resources:
  target:
    catalogs: {a: {tags: {team: x}}}
    schemas: {a.b: {tags: {team: }}}
    tables: {a.b.C: {columns: [{name: "A Col.x", type: int, tags: {pii: ""}}], tags: {k: v}}}
    views: {a.b.v: {definition: SELECT 1, tags: {k: v}, grants: {me@x.y: [SELECT]}}}
    tags: {column/a.b.v.E: {mode: authoritative, tags: {}}}
"""


def test_tags_stand_in_entries_in_columns_and_by_themselves(compiled: Callable[..., Desired]) -> None:
    desired = compiled(TAGS)
    assert {str(at): fields(desired, str(at)) for at in desired.resources if at.type in ("tags", "grants")} == {
        "target:grants/table/a.b.v": {"privileges": {"me@x.y": {"SELECT": True}}},
        "target:tags/catalog/a": {"tags": {"team": "x"}},
        "target:tags/schema/a.b": {"tags": {"team": None}},
        "target:tags/table/a.b.c": {"tags": {"k": "v"}},
        "target:tags/table/a.b.v": {"tags": {"k": "v"}},
        "target:tags/column/a.b.c.a col.x": {"tags": {"pii": ""}},
        "target:tags/column/a.b.v.e": {"mode": "authoritative", "tags": {}},
    }
    on = desired.resources[Address.parse("target:tags/column/a.b.c.a col.x")].resource
    assert Address.parse("target:table/a.b.c") in set(on.depends_on())


def test_values_on_a_table_that_does_not_exist_are_refused(compiled: Callable[..., Desired]) -> None:
    with pytest.raises(ConfigError) as caught:
        compiled(
            "resources: {target: {tags: {table/a.b.nope: {tags: {k: v}}}, grants: {table/a.b.no: {privileges: {}}}}}"
        )
    assert caught.value.message.splitlines() == [
        "c.yaml:3:29: target:tags/table/a.b.nope: there is no table a.b.nope, and none is declared",
        "c.yaml:3:71: target:grants/table/a.b.no: there is no table a.b.no, and none is declared",
    ]


@pytest.mark.parametrize(("privilege", "near"), [("SELEKT", "SELECT"), ("use shema", "USE SCHEMA")])
def test_a_mistyped_privilege_is_refused_with_the_nearest_one(
    loaded: Callable[..., Config], privilege: str, near: str
) -> None:
    text = "resources: {target: {grants: {schema/a.b: {privileges: {ana: [%s]}}}}}"
    with pytest.raises(ConfigError, match=rf"there is no privilege `{privilege}`, did you mean `{near}`"):
        loaded(text % privilege)
    loaded(text % "BRAND_NEW_THING")


def test_what_is_tagged_is_read(loaded: Callable[..., Config]) -> None:
    wanted = scope(loaded(TAGS))[Side.TARGET]
    assert {"catalog/a", "schema/a.b", "table/a.b.c", "column/a.b.v.e"} <= wanted.tags
    assert wanted.catalogs["a"] == {"b"}


def test_tags_on_what_has_none_are_refused(loaded: Callable[..., Config]) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded("resources: {target: {tags: {share/x: {tags: {}}, column/a.b.c: {tags: {}}}}}")
    assert caught.value.message.splitlines() == [
        "c.yaml:3:29: expected type/full.name with one of catalog/…, column/…, schema/…, table/…, got share/x",
        "c.yaml:3:50: expected a full name like `catalog.schema.table.column`, got a.b.c",
    ]
