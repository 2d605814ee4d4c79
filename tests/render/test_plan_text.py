"""A plan as text: what is dangerous is seen first, what is alike is said once, and it fits a screen."""

from collections.abc import Callable
from typing import Any

import pytest

from replicator.engine.actions import Action, Block, Cause, Do, Estimate, Notice, Plan, Reason, Risk
from replicator.render.look import Look, painted, to_ascii
from replicator.render.text import plan_text
from tests.render import factory

Golden = Callable[[str, str], None]
SIZES: dict[str, Callable[[], Plan]] = {"1": factory.one, "50": factory.fifty, "5000": factory.five_thousand}


@pytest.mark.parametrize("width", [80, 100, 140])
@pytest.mark.parametrize("size", SIZES)
def test_looks_as_agreed(size: str, width: int, golden: Golden) -> None:
    golden(f"plan-{size}-{width}.txt", plan_text(SIZES[size](), Look(width=width)))


@pytest.mark.parametrize("size", SIZES)
def test_fits_one_screen(size: str) -> None:
    made = SIZES[size]()
    assert len(made.actions) == int(size)
    assert len(plan_text(made, Look()).splitlines()) <= 50


def test_every_destroy_and_revoke_stands_alone_and_before_everything_else() -> None:
    gone = [factory.action(f"target:table/a.b.t{n:03d}", Do.DELETE, risk=Risk.DATA_LOSS) for n in range(120)]
    made = [factory.action(f"target:schema/a.s{n}", Do.CREATE) for n in range(40)]
    lines = plan_text(factory.plan([*made, *gone]), Look()).splitlines()
    places = [lines.index(next(line for line in lines if item.address in line)) for item in gone]
    assert len(set(places)) == 120
    assert max(places) < lines.index("+ CREATES 40")


def test_blocked_destroys_are_all_named_with_one_reason() -> None:
    block = Block(
        code="TH102", message="deletes 40 of 50 target objects", release="replicator apply --allow-destroy TH102"
    )
    held = [factory.action(f"target:schema/a.s{n:02d}", Do.DELETE, blocked=(block,)) for n in range(40)]
    text = plan_text(factory.plan(held), Look())
    assert all(item.address in text for item in held)
    assert text.count("TH102  deletes 40 of 50") == 1


def _held(address: str, message: str = "was written to; a sync discards that", code: str = "DL202") -> Action:
    block = Block(code=code, message=message, release=f"replicator apply --allow-destroy {address}")
    return factory.action(address, Do.UPDATE, blocked=(block,))


def _releases(text: str) -> list[str]:
    return [line.partition("replicator ")[2] for line in text.splitlines() if "--allow-destroy" in line][:-1]


def test_many_alike_blocks_are_counted_and_released_together() -> None:
    held = [_held(f"target:clone/a.s{n:02d}") for n in range(30)]
    text = plan_text(factory.plan(held), Look())
    assert "30 × ~ target:clone/a.*   a.{s00, s01, s02, …27 more}" in text
    assert _releases(text) == ["apply --allow-destroy DL202"]
    others = [_held("target:clone/b.t", "was restored; a sync discards that")]
    assert _releases(plan_text(factory.plan([*held, *others]), Look())) == [
        "apply --allow-destroy 'DL202:target:clone/a.*'",
        "apply --allow-destroy target:clone/b.t",
    ]
    within = [_held("target:clone/a.t", "was restored; a sync discards that")]
    assert _releases(plan_text(factory.plan([*held, *within]), Look()))[0] == "apply --allow-destroy DL202:ADDRESS"


@pytest.mark.parametrize("number", [2, 3])
def test_a_few_alike_blocks_are_released_by_their_names(number: int) -> None:
    held = [_held(f"target:clone/a.s{n}") for n in range(number)]
    others = [factory.action(f"target:schema/a.s{n}", Do.CREATE) for n in range(9)]
    names = " ".join(f"--allow-destroy target:clone/a.s{n}" for n in range(number))
    assert f"replicator apply {names}\n" in plan_text(factory.plan([*held, *others]), Look(width=160))


def test_what_was_released_leaves_its_trace() -> None:
    block = Block(code="DL101", message="would drop a table with its data", release="")
    gone = [factory.action(f"target:table/a.b.t{n:02d}", Do.DELETE, released=(block,)) for n in range(14)]
    for actions, named in ((gone[:1], "t00\n"), (gone, "t00, target:table/a.b.t01, target:table/a.b.t02, …11 more\n")):
        text = plan_text(factory.plan(actions), Look(width=160))
        assert f"! released: DL101 would drop a table with its data: target:table/a.b.{named}" in text
    assert "released" not in plan_text(factory.plan([gone[0].model_copy(update={"released": ()})]), Look())


def test_nothing_to_do_is_one_line() -> None:
    text = plan_text(factory.plan(unchanged=37), Look())
    assert text == "No changes. 37 resources match prod (4,311 + 4,290 objects read, state serial 41).\n"


def test_notices_are_shown_even_when_nothing_changes() -> None:
    text = plan_text(factory.plan(unchanged=1, notices=[Notice(code="NOTE", message="a table is shared bare")]), Look())
    assert text.endswith("! a table is shared bare\n")


def test_the_last_line_is_the_command_to_run_next() -> None:
    assert _last(factory.one(), Look(arguments=" -e prod")) == (
        "Apply exactly this:  replicator apply -e prod --expect 1be70c55"
    )
    assert _last(factory.five_thousand(), Look()).endswith("replicator apply --expect 1be70c55 --skip-blocked")
    only_blocked = factory.plan([_held("target:table/a.b.c", "is not ours", "OW102")])
    assert _last(only_blocked, Look()).startswith("Nothing can be applied until OW102 is released")


def test_a_saved_plan_is_applied_from_its_file() -> None:
    text = plan_text(factory.one(), Look(), saved_as="plan.json")
    assert text.endswith("replicator apply --plan plan.json\n")


def _last(plan: Plan, look: Look) -> str:
    return plan_text(plan, look).splitlines()[-1]


def test_full_shows_every_action_and_uncut_values() -> None:
    text = plan_text(factory.five_thousand(), Look(full=True))
    assert all(action.address in text for action in factory.five_thousand().actions)
    assert "x" * 90 in text


def test_a_long_value_is_cut_in_the_middle() -> None:
    change = factory.change("comment", before="a" * 200 + "end", after="short")
    text = plan_text(factory.plan([factory.action("target:schema/a.b", Do.UPDATE, change)]), Look(width=140))
    row = next(line for line in text.splitlines() if "comment" in line)
    assert '"aaa' in row
    assert 'end"' in row
    assert len(row) <= 140


def test_text_from_a_metastore_cannot_steer_the_terminal() -> None:
    change = factory.change("comment", before="\x1b[2J\x9b\u202egone", after="fine")
    text = plan_text(factory.plan([factory.action("target:schema/a.b\x1b[31m", Do.UPDATE, change)]), Look())
    assert text.replace("\n", "").isprintable()


def test_a_secret_is_never_shown() -> None:
    change = factory.change("token", before={"$secret": "1f"}, after={"$secret": "2e"})
    text = plan_text(factory.plan([factory.action("source:recipient/a", Do.UPDATE, change)]), Look())
    assert "(secret)  →  (secret)" in text
    assert "1f" not in text.partition("token")[2].partition("\n")[0]


def test_alike_changes_with_different_values_are_counted() -> None:
    updates = [
        factory.action(f"target:schema/a.s{n}", Do.UPDATE, factory.change("comment", before="", after=str(n)))
        for n in range(20)
    ]
    assert "20 × target:schema/a.*  comment  (20 different values)" in plan_text(factory.plan(updates), Look())


def test_colour_only_adds_escape_sequences() -> None:
    import re

    text = plan_text(factory.five_thousand(), Look())
    coloured = painted(text)
    assert coloured != text
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == text
    assert "\x1b[1;32m+ CREATES 4,179\x1b[0m" in coloured
    assert "\x1b[31m−\x1b[0m source:share/q3_pilot" in coloured


def test_ascii_says_the_same() -> None:
    text = to_ascii(plan_text(factory.five_thousand(), Look()))
    assert text.isascii()
    assert "! BLOCKED 2" in text
    assert "# target:schema/main.raw" in text


def test_a_value_that_fits_on_its_own_line_is_not_cut_beside_a_long_address() -> None:
    """Many alike updates of objects with long names leave little room on the line of the address."""
    edited = factory.change("comment", before="One row for each order", after="edited in the UI", cause=Cause.DRIFT)
    names = [f"target:table/warehouse_replica.department_of_sales.t{n:02d}" for n in range(12)]
    text = plan_text(factory.plan([factory.action(name, Do.UPDATE, edited) for name in names]), Look())
    assert 'comment  "One row for each order"  →  "edited in the UI"' in text


def test_a_value_takes_the_room_that_the_line_leaves() -> None:
    long = "x" * 100
    edited = factory.change("comment", before="short", after=long)
    made = factory.plan([factory.action("target:schema/a.b", Do.UPDATE, edited)])
    assert long in plan_text(made, Look(width=140))
    assert long not in plan_text(made, Look(width=100))


def test_a_plan_that_is_being_applied_names_no_next_command() -> None:
    made = factory.one()
    asked, shown = plan_text(made, Look(), under_way=True), plan_text(made, Look())
    assert shown.removeprefix(asked) == "Apply exactly this:  replicator apply --expect 1be70c55\n"


def test_what_waits_for_a_blocked_removal_is_told_and_not_offered() -> None:
    gone: dict[str, Any] = {"cause": Cause.REMOVED, "reason": Reason.REQUESTED}
    block = Block(code="DL101", message="would drop a table with its data", release="replicator destroy …")
    risky = {"risk": Risk.DATA_LOSS, "blocked": (block,), **gone}
    tables = [factory.action(f"target:table/a.b.t{n}", Do.DELETE, **risky) for n in range(9)]
    needs = tuple(item.address for item in tables)
    schema = factory.action("target:schema/a.b", Do.DELETE, depends_on=needs, **gone)
    made = factory.plan([*tables, schema], mode="destroy")
    text = plan_text(made, Look())
    assert "   − target:schema/a.b   waits for what is blocked\n" in text
    assert "Plan 1be70c55: 1 to destroy (1 wait for what is blocked) · 9 blocked." in text
    assert text.splitlines()[-1] == "Nothing is done unless you release it:  replicator destroy --allow-destroy DL101"


def _emptied(name: str, removed: dict[str, int | None]) -> Action:
    return factory.action(
        f"target:clone/dr.s.{name}",
        Do.SYNC,
        message="1 version behind",
        moves_data=True,
        estimate=Estimate(versions=1, files=0, bytes=0, removed=removed),
    )


@pytest.mark.parametrize("number", [1, 60])
def test_rows_that_copies_will_lose_are_said_of_each_and_of_all(number: int) -> None:
    emptied = [_emptied("gone", {"DELETE": 1_000_000}), _emptied("cut", {"MERGE": 7, "TRUNCATE": None})]
    others = [_emptied(f"t{n:02d}", {}) for n in range(number)]
    text = plan_text(factory.plan([*others, *emptied]), Look(width=140))
    header = next(line for line in text.splitlines() if line.startswith("  data "))
    assert header.endswith("1 version behind, 2 lose 1,000,007 rows and more by DELETE, MERGE, TRUNCATE")
    for name, told in (("gone", "1,000,000 rows by DELETE"), ("cut", "7 rows and more by MERGE, TRUNCATE")):
        lines = text.partition("dr.s." + name)[2].splitlines()[:2]
        assert any(f"loses {told}" in line for line in lines)
    assert "Nothing is destroyed" not in text
    assert "No access is revoked." in text
    assert "Nothing is destroyed" in plan_text(factory.plan(others), Look())


def test_a_table_that_was_emptied_by_nobody_knows_how_many_rows() -> None:
    text = plan_text(factory.plan([_emptied("cut", {"TRUNCATE": None})]), Look())
    assert "1 version behind · 0 B · 0 files · loses rows by TRUNCATE" in text
