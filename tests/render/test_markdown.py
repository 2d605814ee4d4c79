"""A plan as a comment: dangers open and never cut, details within a budget, the same plan the same bytes."""

from collections.abc import Callable

import pytest

from replicator.engine.actions import Block, Do, Estimate, Plan, Risk
from replicator.render.look import Look
from replicator.render.markdown import Detail, _plan_parts, plan_markdown
from tests.render import factory

SIZES: dict[str, Callable[[], Plan]] = {"1": factory.one, "50": factory.fifty, "5000": factory.five_thousand}
LIMIT = 65_536  # characters, GitHub


@pytest.mark.parametrize("size", SIZES)
def test_looks_as_agreed(size: str, golden: Callable[[str, str], None]) -> None:
    golden(f"plan-{size}.md", plan_markdown(SIZES[size](), Look()))


def test_the_first_line_marks_the_comment_so_that_it_can_be_updated() -> None:
    assert plan_markdown(factory.one(), Look()).startswith("<!-- replicator:plan env=prod -->\n")


@pytest.mark.parametrize("budget", [60_000, 12_000, 4_000, 1])
def test_dangers_blocks_and_footer_are_never_cut(budget: int) -> None:
    text = plan_markdown(_varied(800), Look(), budget=budget)
    assert "source:share/q3_pilot" in text
    assert "− contractors: SELECT, USE_SCHEMA" in text
    assert "replicator state unprotect 'target:table/main.sales.legacy_orders'" in text
    assert "DL201" in text
    assert "replicator apply --expect 1be70c55 --skip-blocked" in text


def _varied(number: int) -> Plan:
    """Dangers, and as many updates that differ from each other."""
    updates = [
        factory.action(
            f"target:schema/c{index:04d}.s", Do.UPDATE, factory.change("comment", before="b" * 40, after=f"{index}" * 9)
        )
        for index in range(number)
    ]
    return factory.five_thousand().model_copy(update={"actions": (*factory.five_thousand().actions, *updates)})


@pytest.mark.parametrize("number", [800, 20_000])
def test_keeps_to_its_budget_however_large_the_plan_is(number: int) -> None:
    text = plan_markdown(_varied(number), Look())
    assert len(text.encode()) <= 60_000
    assert len(text) < LIMIT


def test_details_go_in_a_fixed_order() -> None:
    sizes = [len("\n\n".join(_plan_parts(_varied(800), Look(), detail))) for detail in Detail]
    assert sizes == sorted(sizes)
    assert len(set(sizes)) == len(sizes)


def test_the_same_plan_gives_the_same_bytes_whenever_it_was_made() -> None:
    early, late = (factory.one().model_copy(update={"created_at": when}) for when in ("2026-01-01", "2026-02-02"))
    assert plan_markdown(early, Look()) == plan_markdown(late, Look())


def test_names_cannot_break_out_of_the_comment() -> None:
    evil = "a`b|c</details><script>@team\n# heading"
    plan = factory.plan(
        [
            factory.action(f"target:schema/{evil}", Do.DELETE, risk=Risk.DATA_LOSS, message=evil),
            factory.action(f"target:schema/x.{evil}", Do.UPDATE, factory.change("comment", before="", after="```\nx")),
        ],
        environment="a --> b",
    )
    text = plan_markdown(plan, Look())
    assert text.count("<details>") == text.count("\n</details>")
    assert text.splitlines()[0] == "<!-- replicator:plan env=a_--__b -->"
    assert not any(line.startswith("# heading") for line in text.splitlines())
    caution = next(line for line in text.splitlines() if "− " in line or "`−`" in line)
    assert "\\@team" in caution
    assert "\\<script\\>" in caution


def test_no_changes_is_a_short_comment() -> None:
    text = plan_markdown(factory.plan(unchanged=3), Look())
    assert "No changes. 3 resources as declared (state serial 41)." in text
    assert len(text.splitlines()) <= 4


def test_rows_that_copies_will_lose_stand_in_the_line_that_is_never_folded() -> None:
    lost = factory.action(
        "target:clone/dr.s.t", Do.SYNC, moves_data=True, estimate=Estimate(versions=1, bytes=0, removed={"DELETE": 9})
    )
    text = plan_markdown(factory.plan([lost]), Look())
    (summary,) = [line for line in text.splitlines() if "<summary>" in line]
    assert "1 loses 9 rows by DELETE" in summary
    assert "Nothing is destroyed" not in text


def test_what_was_released_is_told_openly_and_what_is_held_has_one_release() -> None:
    release = "replicator apply --allow-destroy "
    block = Block(code="DL101", message="would drop a table with its data", release=release)
    released = [factory.action(f"target:table/a.b.t{n:02d}", Do.DELETE, released=(block,)) for n in range(14)]
    text = plan_markdown(factory.plan(released), Look())
    shown = text.partition("<details>")[0].replace("\\_", "_")
    assert "> - released: DL101 would drop a table with its data: target:table/a.b.t00, " in shown
    assert "…11 more" in shown
    held = [
        factory.action(name, Do.DELETE, blocked=(block.model_copy(update={"release": f"{block.release}{name}"}),))
        for name in (action.address for action in released)
    ]
    assert "release it: `replicator apply --allow-destroy DL101`" in plan_markdown(factory.plan(held), Look())
