"""The end of an apply: every failure is named, with its cause; what follows from it is counted; the next command."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from replicator.engine.actions import Block, Do
from replicator.execution.results import ActionResult, ApplyResult, Became
from replicator.render.applied import apply_json, apply_text
from replicator.render.look import Look
from tests.render import factory


def result(address: str, became: Became = Became.DONE, do: Do = Do.CREATE, **rest: Any) -> ActionResult:
    moves = address.partition(":")[2].startswith("clone/")
    return ActionResult(factory.action(address, do, moves_data=moves), became, **rest)


def ended(*results: ActionResult, **rest: Any) -> ApplyResult:
    given = {"seconds": 372.0, "serial": 42, **rest}
    return ApplyResult("2026-11-23T02:11:07Z-5c1e", "1be70c55" + "0" * 56, results, **given)


def a_bad_day() -> ApplyResult:
    denied = {
        "error": "403 PERMISSION_DENIED on source:share/ops",
        "hint": "grant SELECT on share ops to recipient dr",
        "attempts": 3,
        "seconds": 41.0,
    }
    lost = {"error": "because target:clone/dr.ops.events failed", "because_of": "target:clone/dr.ops.events"}
    return ended(
        *(
            result(f"target:clone/dr.ops.t{number:02d}", outputs={"copied_files": 2, "copied_bytes": 1024**2})
            for number in range(30)
        ),
        *(
            result(
                f"target:check/dr.ops.t{number:02d}",
                do=Do.CHECK,
                equal=number != 7,
                error="" if number != 7 else "MISMATCH: 3 rows changed",
            )
            for number in range(30)
        ),
        result("target:clone/dr.ops.events", Became.FAILED, **denied),
        result("target:clone/dr.ops.users", Became.FAILED, **denied),
        result("target:schema/dr.x", Became.STALE, Do.UPDATE, error="changed since it was planned", hint="plan again"),
        *(result(f"target:check/dr.e{number}", Became.SKIPPED, Do.CHECK, **lost) for number in range(8)),
        result("target:table/a.b.c", Became.BLOCKED, Do.DELETE, error="is protected (recorded in state)"),
    )


def test_looks_as_agreed(golden: Callable[[str, str], None]) -> None:
    golden("applied.txt", apply_text(a_bad_day(), Look()))


def test_every_failure_is_named_and_its_cause_told_once() -> None:
    text = apply_text(a_bad_day(), Look())
    assert "target:clone/dr.ops.events\n" in text
    assert "target:clone/dr.ops.users\n" in text
    assert text.count("403 PERMISSION_DENIED") == 1


def test_the_rest_can_be_finished_without_what_is_blocked() -> None:
    look = Look(arguments=" -e prod", selection=" --target 'target:*'")
    *_, rest, last = apply_text(a_bad_day(), look).splitlines()
    assert rest.endswith("replicator apply -e prod --target 'target:*' --expect 1be70c55 --resume --skip-blocked")
    assert last == "What releases the blocked:  replicator plan -e prod"


def blocked(address: str, code: str = "DL101") -> ActionResult:
    made = result(address, Became.BLOCKED, Do.DELETE, error="would drop a table with its data")
    return replace(made, action=made.action.model_copy(update={"blocked": (Block(code=code, message="…"),)}))


@pytest.mark.parametrize("verb", ["apply", "destroy", "run"])
def test_one_command_does_all_that_is_blocked(verb: str) -> None:
    few = apply_text(ended(blocked("target:table/a.b.c"), blocked("target:table/a.b.d")), Look(), verb=verb)
    again = "destroy" if verb == "destroy" else "apply"
    assert few.splitlines()[-1] == (
        f"State serial 42 saved. What is blocked:  replicator {again} "
        "--allow-destroy target:table/a.b.c --allow-destroy target:table/a.b.d"
    )
    many = apply_text(ended(*(blocked(f"target:table/a.b.{name}") for name in "cdef")), Look(), verb=verb)
    assert many.splitlines()[-1].endswith(f"What is blocked:  replicator {again} --allow-destroy DL101")


def test_what_no_option_releases_is_looked_up_in_the_plan() -> None:
    text = apply_text(ended(blocked("target:table/a.b.c", "PR101")), Look(), verb="destroy")
    assert text.splitlines()[-1].endswith("What releases the blocked:  replicator plan --destroy")


def test_a_scheduler_runs_again() -> None:
    text = apply_text(ended(result("target:schema/a.b", Became.FAILED, Do.UPDATE, error="no")), Look(), verb="run")
    assert text.splitlines()[-1].endswith("Finish the rest with:  replicator run")


def test_a_good_day_is_short() -> None:
    text = apply_text(ended(result("target:schema/a.b"), seconds=2.1), Look())
    assert text == "Applied 1 of 1 in 2.1 s · run 2026-11-23T02:11:07Z-5c1e\nState serial 42 saved.\n"


def test_copies_that_differ_lead_to_reconcile() -> None:
    differing = result("target:check/a.b.c", do=Do.CHECK, equal=False, error="MISMATCH: 1 row missing")
    lines = apply_text(ended(differing), Look()).splitlines()
    assert "   ✗ a.b.c   MISMATCH: 1 row missing" in lines
    assert lines[-1].endswith("replicator reconcile")


def test_json_has_one_result_per_action() -> None:
    body = json.loads(json.dumps(apply_json(a_bad_day())))
    assert len(body["results"]) == len(a_bad_day().results)
    assert body["exit_code"] == 3
    assert body["counts"] == {"blocked": 1, "done": 60, "failed": 2, "skipped": 8, "stale": 1}
