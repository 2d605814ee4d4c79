"""Only what was approved is applied: ids, saved plans, and the rest of a plan that ended halfway."""

import json
import os
from pathlib import Path

import pytest

from replicator.cli import approval
from replicator.engine.actions import Action, Do, Plan, Risk, StateRef
from replicator.engine.planner import identity
from replicator.engine.state import State
from replicator.errors import StaleError, StateError, UsageError
from tests.render import factory


def plan(*actions: Action, **rest: object) -> Plan:
    made = factory.plan(actions, **rest)
    return made.model_copy(
        update={"plan_id": identity(made.environment, made.mode, made.config.hash, made.metastores, made.actions)}
    )


def schema(name: str, do: Do = Do.CREATE, **rest: object) -> Action:
    return factory.action(f"target:schema/{name}", do, desired={"comment": name}, **rest)


def test_a_saved_plan_comes_back_as_it_was(tmp_path: Path) -> None:
    made = plan(*factory.five_thousand().actions)
    approval.save_plan(tmp_path / "plan.json", made)
    assert approval.read_plan(tmp_path / "plan.json") == made
    assert os.stat(tmp_path / "plan.json").st_mode & 0o777 == 0o600


def test_a_plan_that_was_edited_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    approval.save_plan(path, plan(schema("a.b")))
    document = json.loads(path.read_text())
    document["actions"][0]["do"] = "delete"
    path.write_text(json.dumps(document))
    with pytest.raises(StaleError, match="changed after it was made"):
        approval.read_plan(path)


@pytest.mark.parametrize("text", ["", "{}", '{"plan_id": "1"}', "[1]"])
def test_what_is_no_plan_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    path.write_text(text)
    with pytest.raises(UsageError, match="not a saved plan"):
        approval.read_plan(path)


def test_a_saved_plan_of_another_serial_is_stale() -> None:
    saved = plan(schema("a.b"))
    later = saved.model_copy(update={"state": StateRef(lineage=saved.state.lineage, serial=42)})
    approval.check_saved(saved, saved)
    with pytest.raises(StaleError, match="the state's serial changed since"):
        approval.check_saved(saved, later)


def test_an_expected_id_is_compared() -> None:
    made = plan(schema("a.b"))
    approval.check_expected(made, made.plan_id[:8])
    approval.check_expected(made, made.plan_id)
    with pytest.raises(StaleError, match="not 12345678"):
        approval.check_expected(made, "12345678")
    with pytest.raises(UsageError, match="at least 8 digits"):
        approval.check_expected(made, made.plan_id[:4])


def test_a_plan_that_was_applied_is_recognised() -> None:
    state = State(environment="prod", lineage="l", last_apply={"plan_id": "abcdef0123456789"})
    assert approval.was_applied(plan(), state, "abcdef01")
    assert not approval.was_applied(plan(), state, "12345678")
    assert not approval.was_applied(plan(schema("a.b")), state, "abcdef01")


@pytest.fixture
def begun(tmp_path: Path) -> tuple[Path, Plan]:
    """A folder in which a plan of three actions was begun."""
    made = plan(schema("a.one"), schema("a.two"), schema("a.three", Do.UPDATE))
    approval.remember(tmp_path, made)
    return tmp_path, made


def test_the_rest_of_an_approved_plan_goes_on(begun: tuple[Path, Plan]) -> None:
    folder, made = begun
    approval.check_rest(plan(schema("a.two")), folder, made.plan_id[:8])
    approval.check_rest(plan(schema("a.one", Do.UPDATE), schema("a.two")), folder, None)
    approval.check_rest(plan(), folder, None)


@pytest.mark.parametrize(
    "foreign",
    [
        schema("a.four"),
        factory.action("target:schema/a.one", Do.CREATE, desired={"comment": "another"}),
        schema("a.three", Do.DELETE),
        schema("a.three", Do.UPDATE, risk=Risk.ACCESS_LOSS),
    ],
    ids=["another object", "another wish", "a worse action", "a new danger"],
)
def test_what_was_not_approved_is_no_rest(foreign: Action, begun: tuple[Path, Plan]) -> None:
    folder, made = begun
    with pytest.raises(StaleError, match=f"not the rest of plan {made.plan_id[:8]}"):
        approval.check_rest(plan(foreign), folder, None)


def test_there_must_be_something_to_resume(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="nothing to resume"):
        approval.check_rest(plan(), tmp_path, None)
