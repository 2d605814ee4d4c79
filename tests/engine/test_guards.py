"""Every guard: what wakes it, that it prints its way out, and that what it prints lets the action pass."""

import shlex
from collections.abc import Callable
from typing import Any

import pytest

from replicator.address import Side
from replicator.engine.actions import Block, Plan
from replicator.engine.guards import _NEVER_RELEASED, release_all
from replicator.engine.policy import Code, Policy
from replicator.engine.state import Entry
from replicator.resources.base import CloneRecord, DeltaVersion, Lifecycle
from replicator.resources.clone import Clone
from replicator.resources.grants import Grants
from replicator.resources.recipient import Recipient
from replicator.resources.schema import Schema
from replicator.resources.share import Share, SharedObject
from replicator.resources.table import Table
from tests.engine.build import desired, found, plan, the_action

TABLE = "target:table/m.s.t"
COPY = "target:clone/dr.s.t"
OTHER = "22222222-2222-4222-8222-222222222222"
BIGINT = {"columns": {"id": {"type": "bigint"}}}
HAVE_TABLE = found("table", "m.s.t", BIGINT)
HAVE_SCHEMA = found("schema", "m.s")
Case = tuple[str, dict[str, Any]]
"""The address that is held back, and what plan is made from."""


def table(**more: Any) -> Table:
    return Table(side=Side.TARGET, name="m.s.t", **{"columns": ({"name": "id", "type": "bigint"},), **more})


def altered(**more: Any) -> Case:
    """Our table, declared otherwise than it is."""
    have = found("table", "m.s.t", {**BIGINT, "partitioned_by": None})
    entries = {TABLE: Entry(inputs=BIGINT)}
    return TABLE, {"wanted": desired(table(**more)), "target": (HAVE_SCHEMA, have), "entries": entries}


def copy(
    *, source: int, held: int, foreign: tuple[int, str] | None = None, origin_id: str = "id-a.s.t", **more: Any
) -> Case:
    clone = Clone(side=Side.TARGET, name="dr.s.t", source="shared.s.t", origin="source:table/a.s.t")
    version = DeltaVersion(2, "", CloneRecord("shared.s.t", held, 1), foreign)
    outputs = {"source_version": held, "origin_id": origin_id}
    return COPY, {
        "wanted": desired(clone),
        "source": (found("table", "a.s.t", more.get("of_source"), version=DeltaVersion(source, "")),),
        "target": (found("schema", "dr.s"), found("table", "dr.s.t", more.get("of_copy"), version=version)),
        "entries": {COPY: Entry(inputs={"source": "shared.s.t", "origin": "source:table/a.s.t"}, outputs=outputs)},
    }


def many(count: int, changed: int, kept: int) -> Case:
    """Schemas of which some have another comment, and all but `kept` left the file."""
    names = [f"m.s{number:02d}" for number in range(count)]
    wanted = [
        Schema(side=Side.TARGET, name=name, comment="new" if number < changed else "old")
        for number, name in enumerate(names[:kept])
    ]
    return f"target:schema/{names[0] if changed else names[-1]}", {
        "wanted": desired(*wanted),
        "target": tuple(found("schema", name, {"comment": "old"}) for name in names),
        "entries": {f"target:schema/{name}": Entry(inputs={"comment": "old"}) for name in names},
    }


def lost_grants(*, removed: bool) -> Case:
    at = "target:grants/schema/m.s"
    mine = {"privileges": {"runner@example.com": {"MANAGE": True}, "ana": {"SELECT": True}}}
    left = Grants(side=Side.TARGET, name="schema/m.s", privileges={"ana": ("SELECT",)})
    have = found("grants", "schema/m.s", {"privileges": {"runner@example.com": ["MANAGE"], "ana": ["SELECT"]}})
    wanted = desired() if removed else desired(left)
    return at, {"wanted": wanted, "target": (HAVE_SCHEMA, have), "entries": {at: Entry(inputs=mine)}}


def recipient() -> Case:
    at = "source:recipient/dr"
    wanted = Recipient(side=Side.SOURCE, name="dr", metastore_id="aws:us:new")
    have = found("recipient", "dr", {"metastore_id": "aws:us:old"})
    entry = Entry(id="id-dr", inputs={"metastore_id": "aws:us:old"})
    return at, {"wanted": desired(wanted), "source": (have,), "entries": {at: entry}}


def share_of_others() -> Case:
    """A share that exists and that somebody else reads."""
    wanted = Share(side=Side.SOURCE, name="out", objects=(SharedObject(name="a.s.t"),))
    have = (
        found("share", "out", {"objects": []}),
        found("grants", "share/out", {"privileges": {"partner": ["SELECT"]}}),
    )
    return "source:share/out", {"wanted": desired(wanted), "source": have}


def first_copy(**info: object) -> Case:
    clone = Clone(side=Side.TARGET, name="dr.s.t", source="shared.s.t", origin="source:table/a.s.t")
    origin = found("table", "a.s.t", BIGINT, version=DeltaVersion(3, ""), info=info)
    return COPY, {"wanted": desired(clone), "source": (origin,), "target": (found("schema", "dr.s"),)}


TWO = {"columns": {"id": {"type": "bigint"}, "note": {"type": "string"}}}
CASES: dict[str, tuple[Code, Callable[[], Case]]] = {
    "what is protected in state, and left the file": (
        Code.PROTECTED,
        lambda: (
            TABLE,
            {"wanted": desired(), "target": (HAVE_TABLE,), "entries": {TABLE: Entry(inputs=BIGINT, protect=True)}},
        ),
    ),
    "a table with its rows": (
        Code.DROPS_DATA,
        lambda: (TABLE, {"wanted": desired(), "target": (HAVE_TABLE,), "entries": {TABLE: Entry(inputs=BIGINT)}}),
    ),
    "a schema that holds what is not ours": (
        Code.DROPS_CHILDREN,
        lambda: (
            "target:schema/m.s",
            {"wanted": desired(), "target": (HAVE_SCHEMA, HAVE_TABLE), "entries": {"target:schema/m.s": Entry()}},
        ),
    ),
    "a column that left the file": (
        Code.DROPS_COLUMN,
        lambda: (
            TABLE,
            {
                "wanted": desired(table()),
                "target": (HAVE_SCHEMA, found("table", "m.s.t", TWO)),
                "entries": {TABLE: Entry(inputs=TWO)},
            },
        ),
    ),
    "a type that holds less": (Code.DROPS_COLUMN, lambda: altered(columns=({"name": "id", "type": "int"},))),
    "another partitioning": (Code.REPLACES_DATA, lambda: altered(partitioned_by=("id",))),
    "rows that somebody wrote to a copy": (
        Code.OVERWRITES_REPLICA,
        lambda: copy(source=4, held=3, foreign=(2, "WRITE")),
    ),
    "a source that was made anew": (Code.SOURCE_RECREATED, lambda: copy(source=9, held=3, origin_id="another")),
    "a source that lost a column": (
        Code.SCHEMA_CHANGED,
        lambda: copy(source=4, held=3, of_source=BIGINT, of_copy=TWO),
    ),
    "the runner's own privileges": (Code.LOCKS_OUT, lambda: lost_grants(removed=False)),
    "the runner's own privileges with the whole block": (Code.LOCKS_OUT, lambda: lost_grants(removed=True)),
    "a recipient of another metastore": (Code.REPLACES_ACCESS, recipient),
    "a share that others read, too": (Code.EXPOSES, share_of_others),
    "a copy without its origin's row filter": (
        Code.UNSHIELDED,
        lambda: first_copy(row_filter={"function_name": "a.s.only_mine"}),
    ),
    "a copy without its origin's masks": (
        Code.UNSHIELDED,
        lambda: first_copy(columns={"id": {"mask": "a.s.hide"}}),
    ),
    "more than 30 % updates": (Code.MANY_UPDATES, lambda: many(20, changed=7, kept=20)),
    "more than 10 % deletes": (Code.MANY_DELETES, lambda: many(20, changed=0, kept=17)),
    "another deployment's object": (
        Code.MARKED_BY_OTHER,
        lambda: (
            TABLE,
            {"wanted": desired(table()), "target": (HAVE_SCHEMA, found("table", "m.s.t", BIGINT, mark=OTHER))},
        ),
    ),
    "a table that nobody manages": (
        Code.NOT_MANAGED,
        lambda: (TABLE, {"wanted": desired(table()), "target": (HAVE_SCHEMA, HAVE_TABLE)}),
    ),
    "a view under a table's name": (
        Code.OTHER_OBJECT,
        lambda: (
            TABLE,
            {
                "wanted": desired(table(lifecycle=Lifecycle(on_existing="import"))),
                "target": (HAVE_SCHEMA, found("table", "m.s.t", BIGINT, info={"table_type": "VIEW"})),
            },
        ),
    ),
    "what cannot be read": (
        Code.UNKNOWN,
        lambda: (TABLE, {"wanted": desired(table()), "target": (HAVE_SCHEMA,), "unknown": {"table/m.s.*": "403"}}),
    ),
    "a copy of nothing": (
        Code.ORIGIN_MISSING,
        lambda: (
            COPY,
            {
                "wanted": desired(Clone(side=Side.TARGET, name="dr.s.t", source="x.s.t", origin="source:table/a.s.t")),
                "target": (found("schema", "dr.s"),),
            },
        ),
    ),
}


def made(case: Case, policy: Policy | None = None) -> Plan:
    rest = {name: value for name, value in case[1].items() if name != "wanted"}
    return plan(case[1]["wanted"], **rest, policy=policy)


def held(case: Case, policy: Policy | None = None) -> tuple[Block, ...]:
    return the_action(made(case, policy), case[0]).blocked


@pytest.mark.parametrize("what", CASES)
def test_it_is_held_back_with_a_stable_code_and_a_way_out(what: str) -> None:
    code, build = CASES[what]
    blocks = held(build())
    assert code.value in {block.code for block in blocks}
    assert all(block.message and block.release for block in blocks)
    assert not made(build()).applyable


@pytest.mark.parametrize("what", [what for what, (code, _) in CASES.items() if code not in _NEVER_RELEASED])
def test_the_printed_command_releases_it_and_so_does_its_code_and_nothing_else(what: str) -> None:
    code, build = CASES[what]
    blocks = {block.code: block for block in held(build())}
    words = shlex.split(blocks[code.value].release.partition("replicator apply ")[2])
    assert words[0] == "--allow-destroy"
    for allowed in (words[1], code.value):
        assert {block.code for block in held(build(), Policy(allow=(allowed,)))} == blocks.keys() - {code}
    assert held(build(), Policy(allow=tuple(blocks))) == ()


@pytest.mark.parametrize("what", [what for what, (code, _) in CASES.items() if code in _NEVER_RELEASED])
def test_no_allowance_releases_the_others(what: str) -> None:
    code, build = CASES[what]
    assert {block.code for block in held(build(), Policy(allow=("*:*", *Code)))} == {code.value}


def both() -> Case:
    """A copy that somebody wrote to, while its origin lost a column."""
    return copy(source=4, held=3, foreign=(2, "WRITE"), of_source=BIGINT, of_copy=TWO)


@pytest.mark.parametrize("code", [Code.OVERWRITES_REPLICA, Code.SCHEMA_CHANGED])
def test_of_several_guards_each_is_released_by_its_own_name_and_nothing_else(code: Code) -> None:
    blocks = {block.code: block for block in held(both())}
    assert blocks.keys() == {Code.OVERWRITES_REPLICA, Code.SCHEMA_CHANGED}
    allowed = shlex.split(blocks[code].release.partition("--allow-destroy ")[2])
    assert allowed == [f"{code}:{COPY}"]
    for release in (allowed[0], code.value, f"{code}:target:clone/*"):
        assert {block.code for block in held(both(), Policy(allow=(release,)))} == blocks.keys() - {code}
    for too_little in (COPY, "target:*", f"{code}:target:table/*", "DL101"):
        assert {block.code for block in held(both(), Policy(allow=(too_little,)))} == blocks.keys()
    assert held(both(), Policy(allow=tuple(f"{known}:{COPY}" for known in blocks))) == ()


@pytest.mark.parametrize("what", ["more than 30 % updates", "more than 10 % deletes"])
def test_addresses_do_not_release_what_is_about_many_of_them(what: str) -> None:
    code, build = CASES[what]
    assert {block.code for block in held(build(), Policy(allow=("target:*",)))} == {code.value}


@pytest.mark.parametrize("what", [what for what, (code, _) in CASES.items() if code not in _NEVER_RELEASED])
def test_what_was_released_is_told_of_the_action_and_gives_the_plan_another_id(what: str) -> None:
    code, build = CASES[what]
    action = the_action(released := made(build(), Policy(allow=(code.value,))), build()[0])
    assert [block.code for block in action.released] == [code.value]
    assert released.plan_id != made(build()).plan_id


def test_the_command_for_all_names_each_guard() -> None:
    options = shlex.split(release_all(made(both()).actions))[1::2]
    assert options == [f"DL202:{COPY}", f"SC101:{COPY}"]
    assert held(both(), Policy(allow=tuple(options))) == ()


def test_every_code_that_blocks_has_its_case() -> None:
    notices = {Code.REVOKES, Code.UNTAGS}
    before_any_plan = {Code.OTHER_METASTORE}
    assert {code for code, _ in CASES.values()} == set(Code) - notices - before_any_plan


def test_a_destroy_names_itself() -> None:
    case = CASES["a table with its rows"][1]()
    (block,) = held(case, Policy(mode="destroy"))
    assert block.release == f"replicator destroy --allow-destroy {TABLE}"


def test_nineteen_objects_are_too_few_to_count() -> None:
    for case in (many(19, changed=19, kept=19), many(19, changed=0, kept=10)):
        assert made(case).applyable
