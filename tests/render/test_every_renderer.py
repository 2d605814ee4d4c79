"""Every renderer at 1, 50 and 5,000: what it writes is looked at once, and stays the same bytes.

What would be thousands of lines is kept as its beginning, its end, and a digest of all of it.
"""

import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest

from replicator.address import Address, Side
from replicator.engine.actions import Plan
from replicator.engine.desired import Declared, Desired
from replicator.engine.drift import DriftKind, DriftReport
from replicator.engine.planner import make_plan
from replicator.engine.policy import Policy
from replicator.engine.state import Entry
from replicator.execution.results import ActionResult, ApplyResult, Became
from replicator.render.applied import apply_json, apply_text
from replicator.render.drift import News, drift_json, drift_text
from replicator.render.explain import explain, explain_json, explain_text
from replicator.render.graph import Node, dot, mermaid
from replicator.render.graph_page import graph_page
from replicator.render.junit import drift_junit
from replicator.render.look import Look
from replicator.render.markdown import BUDGET, drift_markdown, plan_markdown
from replicator.render.text import plan_text
from replicator.resources.table import Table
from tests.engine.build import desired, found, snapshot, state
from tests.render import drifted, factory

Golden = Callable[[str, str], None]
SIZES = (1, 50, 5000)
WHOLE = 140
"""Up to so many lines are kept as they are."""


def kept(text: str) -> str:
    lines = text.splitlines()
    if len(lines) <= WHOLE and len(text) <= 40_000:
        return text
    head, tail = ([f"{line[:160]}" for line in part] for part in (lines[:25], lines[-10:]))
    digest = hashlib.sha256(text.encode()).hexdigest()
    return "\n".join([*head, f"… {len(lines):,} lines, {len(text.encode()):,} bytes, sha256 {digest} …", *tail]) + "\n"


def plans(size: int) -> Plan:
    return {1: factory.one, 50: factory.fifty, 5000: factory.five_thousand}[size]()


def applied(size: int) -> ApplyResult:
    """The plan of that size, carried out; of a large one the 30th copy fails, and its check is skipped for it."""
    results, failed = [], ""
    for number, action in enumerate(plans(size).actions):
        outputs = {"copied_files": 2, "copied_bytes": 2048} if action.moves_data else {}
        result = ActionResult(action, Became.DONE, seconds=0.5, outputs=outputs)
        if action.blocked:
            result = ActionResult(action, Became.BLOCKED, "; ".join(block.message for block in action.blocked))
        elif number == 30 and size > 1:
            failed = action.address
            result = ActionResult(
                action, Became.FAILED, f"403 PERMISSION_DENIED on {failed}", "grant SELECT", attempts=3
            )
        elif failed and failed in action.depends_on:
            result = ActionResult(action, Became.SKIPPED, f"because {failed} failed", because_of=failed)
        elif action.at.type == "check":
            result = ActionResult(action, Became.DONE, equal=True)
        results.append(result)
    return ApplyResult("2026-11-23T02:11:07Z-5c1e", "1be70c55" + "0" * 56, tuple(results), 372.0, 42)


def drift(size: int) -> DriftReport:
    if size == 1:
        return drifted.report(drifted.item("target:schema/main.sales"))
    few = [item for item in drifted.night().items if "crm" not in item.address]
    written = [
        drifted.item(f"target:clone/dr.s{n % 7}.t{n:04d}", kind=DriftKind.REPLICA_WRITTEN, message="written to: WRITE")
        for n in range(size // 10)
    ]
    rest = size - len(few) - len(written)
    edited = [drifted.item(f"target:table/crm.s{n % 9}.t{n:04d}", f"by script {n % 3}") for n in range(rest)]
    return drifted.report(*few, *written, *edited)


def news(size: int) -> News:
    items = drift(size).items
    known = items[len(items) // 2 :] if size > 1 else ()
    return News(items[: len(items) - len(known)], known, since={item.fingerprint: "2026-11-20" for item in known})


def nodes(size: int) -> list[Node]:
    ranks: dict[str, int] = {}
    made = []
    for action in plans(size).actions:
        needs = [need for need in action.depends_on if need in ranks]
        ranks[action.address] = 1 + max((ranks[need] for need in needs), default=-1)
        addresses = tuple(Address.parse(need) for need in needs)
        made.append(
            Node(action.at, action.do, bool(action.blocked), "replicator.yaml:7", addresses, ranks[action.address])
        )
    return made


def explained(size: int) -> Any:
    """A table of that many columns, one of which somebody dropped, another of which is new in the file."""
    names = [f"c{number:04d}" for number in range(size)]
    types = {name: {"type": "bigint"} for name in names}
    table = Table(
        side=Side.TARGET,
        name="main.sales.wide",
        comment="ours",
        columns=tuple({"name": name, "type": "bigint"} for name in [*names, "fresh"]),  # type: ignore[arg-type]
    )
    entry = Entry(inputs={"comment": "ours", "columns": types})
    have = {"comment": "edited", "columns": {name: value for name, value in types.items() if name != names[-1]}}
    snapshots = {
        Side.SOURCE: snapshot(Side.SOURCE),
        Side.TARGET: snapshot(Side.TARGET, found("schema", "main.sales"), found("table", "main.sales.wide", have)),
    }
    wanted: Desired = desired(table)
    assert isinstance(wanted.resources[table.address], Declared)
    known = state({"target:table/main.sales.wide": entry})
    return explain(table.address, make_plan(wanted, snapshots, known, Policy()), wanted, snapshots, known)


def as_json(value: Any) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"


RENDERERS: dict[str, Callable[[int], str]] = {
    "plan-full.txt": lambda size: plan_text(plans(size), Look(full=True)),
    "plan.json": lambda size: as_json(plans(size).model_dump(mode="json")),
    "applied.txt": lambda size: apply_text(applied(size), Look()),
    "applied.json": lambda size: as_json(apply_json(applied(size))),
    "drift.txt": lambda size: drift_text(drift(size), news(size), Look()),
    "drift-full.txt": lambda size: drift_text(drift(size), news(size), Look(full=True)),
    "drift.md": lambda size: drift_markdown(drift(size), news(size)),
    "drift.json": lambda size: as_json(drift_json(drift(size), news(size))),
    "drift.xml": lambda size: drift_junit(drift(size), news(size)),
    "explain.txt": lambda size: explain_text(explained(size), Look()),
    "explain.json": lambda size: as_json(explain_json(explained(size))),
    "graph.mmd": lambda size: mermaid(nodes(size)),
    "graph.dot": lambda size: dot(nodes(size)),
    "graph.html": lambda size: graph_page(nodes(size), "replicator · prod · plan 1be70c55"),
}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", RENDERERS)
def test_looks_as_agreed(name: str, size: int, golden: Golden) -> None:
    stem, _, kind = name.partition(".")
    golden(f"{stem}-{size}.{kind}", kept(RENDERERS[name](size)))


SCREENS = ("applied.txt", "drift.txt", "explain.txt")


@pytest.mark.parametrize("name", SCREENS)
def test_five_thousand_fit_a_screen(name: str) -> None:
    assert len(RENDERERS[name](5000).splitlines()) <= 50


def test_comments_keep_to_their_budget() -> None:
    for text in (plan_markdown(plans(5000), Look()), RENDERERS["drift.md"](5000)):
        assert len(text.encode()) <= BUDGET
