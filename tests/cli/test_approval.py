"""Only what was approved is applied: ids, saved plans, and the rest of a plan that ended halfway."""

import json
import os
from pathlib import Path

import pytest

from replicator.cli import approval
from replicator.engine.actions import Action, Block, Do, Estimate, Plan, Risk, StateRef
from replicator.engine.planner import identity
from replicator.engine.state import State
from replicator.errors import BlockedError, ExitCode, StaleError, UsageError
from replicator.execution.folder import Folder
from tests.cli.conftest import Command
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
    assert approval.read_signed(tmp_path / "plan.json") == made
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
def begun(tmp_path: Path) -> tuple[Folder, Plan]:
    """A folder in which a plan of three actions was begun."""
    made = plan(schema("a.one"), schema("a.two"), schema("a.three", Do.UPDATE))
    folder = Folder(tmp_path, "prod")
    approval.remember(folder, made)
    return folder, made


def test_the_rest_of_an_approved_plan_goes_on(begun: tuple[Folder, Plan]) -> None:
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
def test_what_was_not_approved_is_no_rest(foreign: Action, begun: tuple[Folder, Plan]) -> None:
    folder, made = begun
    with pytest.raises(StaleError, match=f"not the rest of plan {made.plan_id[:8]}"):
        approval.check_rest(plan(foreign), folder, None)


def test_a_destroy_is_no_rest_of_an_apply(begun: tuple[Folder, Plan]) -> None:
    folder, _ = begun
    with pytest.raises(StaleError, match="what ended halfway is plan") as refused:
        approval.check_rest(plan(schema("a.two")).model_copy(update={"mode": "destroy"}), folder, None)
    assert refused.value.hint == "replicator apply --resume"


def test_there_must_be_something_to_resume(tmp_path: Path) -> None:
    with pytest.raises(StaleError, match="nothing to resume"):
        approval.check_rest(plan(), Folder(tmp_path, "prod"), None)


def forged(path: Path, **fields: object) -> None:
    """Edit a saved plan so that its id is right again."""
    document = json.loads(path.read_text())
    document["actions"][0] |= fields
    made = Plan.model_validate(document)
    document["plan_id"] = identity(made.environment, made.mode, made.config.hash, made.metastores, made.actions)
    path.write_text(json.dumps(document))


@pytest.mark.parametrize("fields", [{"estimate": {"source_version": 1}}, {"blocked": []}, {"message": "harmless"}])
def test_a_plan_whose_id_was_made_right_again_is_looked_at_but_not_carried_out(
    fields: dict[str, object], tmp_path: Path
) -> None:
    path = tmp_path / "plan.json"
    held = Block(code="DL101", message="would drop a table with its data")
    approval.save_plan(path, plan(schema("a.b", blocked=(held,), estimate=Estimate(source_version=7))))
    assert approval.read_signed(path).actions[0].blocked == (held,)
    forged(path, **fields)
    assert approval.read_plan(path).actions
    with pytest.raises(StaleError, match="signature does not match"):
        approval.read_signed(path)


def test_a_plan_of_another_key_or_of_none_is_not_carried_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "plan.json"
    monkeypatch.setenv("REPLICATOR_PLAN_KEY", "the key of the pipeline")
    approval.save_plan(path, plan(schema("a.b")))
    assert approval.read_signed(path)
    monkeypatch.setenv("REPLICATOR_PLAN_KEY", "the key of somebody else")
    with pytest.raises(StaleError, match="another key"):
        approval.read_signed(path)
    path.write_text(plan(schema("a.b")).model_dump_json())
    with pytest.raises(StaleError, match="not signed"):
        approval.read_signed(path)


def test_the_key_is_made_once_and_for_its_owner_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REPLICATOR_PLAN_KEY")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    for name in ("one.json", "two.json"):
        approval.save_plan(tmp_path / name, plan(schema("a.b")))
    (key,) = (tmp_path / "config" / "replicator").iterdir()
    assert (key.name, key.stat().st_mode & 0o777) == ("plan.key", 0o600)
    assert approval.read_signed(tmp_path / "one.json") == approval.read_signed(tmp_path / "two.json")
    key.write_text("short")
    with pytest.raises(UsageError, match="at least 16"):
        approval.save_plan(tmp_path / "three.json", plan())


def test_a_guard_that_woke_up_since_stops_a_saved_plan() -> None:
    held = Block(code="DL202", message="somebody wrote to the copy")
    saved = plan(schema("a.b"))
    approval.check_blocks(saved, saved)
    approval.check_blocks(plan(schema("a.b", blocked=(held,))), plan(schema("a.b", blocked=(held,))))
    with pytest.raises(BlockedError, match="somebody wrote to the copy"):
        approval.check_blocks(saved, plan(schema("a.b", blocked=(held,))))


COMMENTED = 'resources: {target: {schemas: {shop_dr.sales: {comment: "ours"}}}}\n'


def test_a_saved_plan_records_nothing_that_it_did_not_do(shop: Path, command: Command) -> None:
    config = shop / "replicator.yaml"
    config.write_text(config.read_text() + COMMENTED)
    assert command("apply", "--yes").code == 0
    config.write_text(config.read_text().replace('"ours"', '"new"'))
    command("emulator", "exec", "emulator://eu-west", "COMMENT ON SCHEMA shop_dr.sales IS 'new'")
    assert command("plan", "--out", "plan.json").code == 0
    command("emulator", "exec", "emulator://eu-west", "COMMENT ON SCHEMA shop_dr.sales IS 'ours'")
    ended = command("apply", "--plan", "plan.json")
    assert ended.code == 0, ended.err
    held = json.loads((shop / "state" / "default.json").read_text())["resources"]["target:schema/shop_dr.sales"]
    assert held["inputs"]["comment"] == "ours"
    assert "target:schema/shop_dr.sales" in command("plan", "--json").out


def test_a_plan_that_was_saved_with_a_release_can_be_applied(shop: Path, command: Command) -> None:
    assert command("apply", "--yes").code == 0
    command("emulator", "exec", "emulator://eu-west", "INSERT INTO shop_dr.sales.items VALUES (7, 7.00)")
    held = command("plan", "--out", "held.json")
    assert "DL202" in held.out
    command("plan", "--allow-destroy", "DL202", "--out", "plan.json")
    assert json.loads((shop / "plan.json").read_text())["released"] == ["DL202"]
    assert command("apply", "--plan", "held.json").code == ExitCode.BLOCKED
    ended = command("apply", "--plan", "plan.json")
    assert ended.code == 0, ended.err
    assert command("drift").code == 0
