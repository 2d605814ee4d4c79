"""The verbs together, on two metastores: what is shown, what is asked, what is approved, and what the state holds."""

import json
import os
import re
import shlex
import shutil
from pathlib import Path

import pytest

from replicator.emulator import requestlog, start
from replicator.emulator.faults import Rule
from replicator.errors import ExitCode
from tests.cli.conftest import Command

ROOT = Path(".replicator") / "emulator"


def writes(folder: Path) -> int:
    return len(requestlog.read(folder / ROOT, writes=True))


def plan_id(command: Command, *more: str) -> str:
    return str(json.loads(command("plan", "--json", *more).out)["plan_id"])


def state_serial(folder: Path) -> int:
    return int(json.loads((folder / "state" / "default.json").read_text())["serial"])


def test_the_whole_way(shop: Path, command: Command) -> None:
    planned = command("plan", "--detailed-exitcode")
    assert planned.code == ExitCode.CHANGES
    assert re.search(r"\+ target:clone +2   shop_dr.sales.{items, orders}", planned.out)
    assert planned.out.splitlines()[-1].startswith("Apply exactly this:  replicator apply --expect ")

    applied = command("apply", "--yes")
    assert applied.code == 0, applied.err
    assert "✓ 2 copies proven equal to what was copied" in applied.out
    assert "Apply exactly this" not in applied.out
    assert applied.out.endswith("State serial 1 saved.\n")

    settled = writes(shop)
    again = command("plan", "--detailed-exitcode")
    assert (again.code, again.out.partition(".")[0]) == (0, "No changes")
    assert command("apply", "--yes").code == 0
    assert command("drift").out.startswith("No drift.")
    assert writes(shop) == settled

    reconciled = command("reconcile", "--json", "--no-results")
    assert reconciled.code == 0
    assert {table["verdict"] for table in json.loads(reconciled.out)["tables"]} == {"MATCH"}
    assert writes(shop) == settled


def test_drift_is_found_recorded_and_undone(shop: Path, command: Command) -> None:
    command("apply", "--yes")
    command("emulator", "exec", "emulator://eu-west", "COMMENT ON TABLE shop_dr.sales.orders IS 'edited in the UI'")
    found = command("drift")
    assert found.code == ExitCode.CHANGES
    assert 'comment  "One row for each order"  →  "edited in the UI"' in found.out
    assert re.search(r"admin@eu-west\.emulator, 20\d\d-\d\d-\d\d \d\d:\d\d$", found.out, re.MULTILINE)
    assert command("drift", "--ignore", "target:clone/*#comment").code == 0
    assert command("drift", "--record").code == ExitCode.CHANGES
    known = command("drift", "--only-new", "--json")
    assert known.code == 0
    assert [item["known"] for item in json.loads(known.out)["items"]] == [True]
    assert command("apply", "--yes").code == 0
    assert "RESOLVED 1" in command("drift").out


def insert(command: Command, number: int) -> None:
    for each in range(number):
        command("emulator", "exec", "emulator://us-east", f"INSERT INTO shop.sales.orders VALUES ({9 + each}, 'new')")


def test_lag_beyond_its_limit_is_drift_of_its_own_kind(shop: Path, command: Command) -> None:
    config = shop / "replicator.yaml"
    limit = 'schemas: [{schema_name: "sales", max_lag: {versions: 1, hours: 24}}]'
    head, replicate, tail = config.read_text().partition("replication_config:")
    config.write_text(head + replicate + tail.replace('schemas: [{schema_name: "sales"}]', limit))
    command("apply", "--yes")
    insert(command, 1)
    within = command("drift")
    assert (within.code, within.out.splitlines()[-1]) == (0, "Lag, which is no drift: 1 copy is 1 version behind.")
    (lag,) = json.loads(command("drift", "--json").out)["lag"]
    assert (lag["versions"], lag["since"][:2]) == (1, "20")
    insert(command, 2)
    beyond = command("drift", "--junit", "drift.xml")
    assert beyond.code == ExitCode.CHANGES
    assert "3 versions behind, more than the 1 version of its max_lag" in beyond.out
    assert beyond.out.splitlines()[-1] == "  1 undone by:  replicator apply"
    assert 'type="lag_exceeded"' in (shop / "drift.xml").read_text()
    (item,) = json.loads(command("drift", "--json").out)["items"]
    assert (item["kind"], item["remedy"], item["command"]) == ("lag_exceeded", "apply", "replicator apply")
    assert "more than the 1 version of its max" in command("drift", "--markdown").out
    command("apply", "--yes")
    assert command("drift").code == 0


def test_a_replica_that_somebody_wrote_to_is_drift_with_its_way_out(shop: Path, command: Command) -> None:
    command("apply", "--yes")
    command("emulator", "exec", "emulator://eu-west", "INSERT INTO shop_dr.sales.orders VALUES (7, 'theirs')")
    found = command("drift")
    assert (found.code, "replica_written" in command("drift", "--json").out) == (ExitCode.CHANGES, True)
    assert "the copy was written to: " in found.out
    (way,) = [line for line in found.out.splitlines() if "--allow-destroy" in line]
    assert command("apply", "--yes").code == ExitCode.BLOCKED
    assert command(*shlex.split(way.partition("replicator ")[2]), "--yes").code == 0
    assert command("drift").code == 0


def test_a_plan_says_how_much_data_it_copies(shop: Path, command: Command) -> None:
    first = json.loads(command("plan", "--json").out)
    sizes = {item["address"]: item["estimate"] for item in first["actions"] if item["moves_data"]}
    assert {address: size["files"] for address, size in sizes.items()} == {
        "target:clone/shop_dr.sales.items": 1,
        "target:clone/shop_dr.sales.orders": 1,
    }
    assert first["summary"]["copy_files"] == 2
    assert first["summary"]["copy_bytes"] == sum(size["bytes"] for size in sizes.values())
    assert re.search(r"^  data +[\d.]+ \w+ in 2 files to copy by 2 copies$", command("plan").out, re.MULTILINE)
    command("apply", "--yes")
    insert(command, 2)
    (sync,) = [item for item in json.loads(command("plan", "--json").out)["actions"] if item["do"] == "sync"]
    assert (sync["estimate"]["versions"], sync["estimate"]["files"]) == (2, 2)
    shown = command("plan").out
    assert re.search(r"^  data +[\d.,]+ \w+ in 2 files to copy by 1 copy, 2 versions behind$", shown, re.MULTILINE)
    assert re.search(r"data +2 versions behind · [\d.,]+ \w+ · 2 files · to version \d+", shown)
    assert "2 versions behind" in command("plan", "--markdown").out


def test_drift_that_is_accepted_no_longer_counts(shop: Path, command: Command) -> None:
    command("apply", "--yes")
    command("emulator", "exec", "emulator://eu-west", "COMMENT ON TABLE shop_dr.sales.orders IS 'agreed'")
    command("emulator", "exec", "emulator://eu-west", "COMMENT ON TABLE shop_dr.sales.items IS 'not agreed'")
    [orders] = [
        item for item in json.loads(command("drift", "--json").out)["items"] if item["address"].endswith("orders")
    ]
    entry = {"fingerprint": orders["fingerprint"], "expires": "2999-12-31"}
    (shop / "baseline.json").write_text(json.dumps({"format_version": "1.0", "accepted": [entry]}))
    by_file = command("drift", "--baseline", "baseline.json")
    assert by_file.code == ExitCode.CHANGES
    assert "ACCEPTED 1   until 2999-12-31" in by_file.out
    assert command("drift", "--accept", "target:clone/shop_dr.sales.nothing").code == ExitCode.USAGE
    accepted = command("drift", "--accept", "target:clone/*", "--junit", "drift.xml")
    assert accepted.code == 0
    assert "ACCEPTED 2" in accepted.out
    assert 'failures="0"' in (shop / "drift.xml").read_text()
    assert command("drift").code == 0
    command("emulator", "exec", "emulator://eu-west", "COMMENT ON TABLE shop_dr.sales.orders IS 'something else'")
    again = command("drift")
    assert again.code == ExitCode.CHANGES
    assert "NEW 1" in again.out


def test_apply_does_nothing_when_nobody_can_be_asked(
    shop: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", open(os.devnull))  # noqa: SIM115  closed with the process
    before = writes(shop)
    ended = command("apply")
    assert ended.code == ExitCode.USAGE
    assert "there is nobody to ask" in ended.err
    assert "--expect " in ended.err
    assert writes(shop) == before


@pytest.mark.parametrize(("answer", "code"), [("n\n", ExitCode.INTERRUPTED), ("y\n", ExitCode.OK)])
def test_apply_asks(answer: str, code: int, shop: Path, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    import io

    class Person(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("sys.stdin", Person(answer))
    before = writes(shop)
    ended = command("apply")
    assert ended.code == code
    assert "Do this?" in ended.err
    assert "Apply exactly this" not in ended.out
    assert (writes(shop) > before) == (code == 0)


def test_an_expected_plan_is_applied_once(shop: Path, command: Command) -> None:
    approved = plan_id(command)[:8]
    refused = command("apply", "--expect", "00000000")
    assert refused.code == ExitCode.STALE
    assert f"is plan {approved}, not 00000000" in refused.err
    assert command("apply", "--expect", approved).code == 0
    again = command("apply", "--expect", approved)
    assert (again.code, again.out) == (0, f"Plan {approved} was already applied. Nothing is left to do.\n")


def test_a_saved_plan_is_applied_and_then_stale(shop: Path, command: Command) -> None:
    saved = command("plan", "--out", "plan.json")
    assert saved.out.splitlines()[-1] == "Apply exactly this:  replicator apply --plan plan.json"
    assert "target:clone/shop_dr.sales.orders" in command("show", "plan.json", "target:clone/*").out
    assert command("apply", "--plan", "plan.json").code == 0
    stale = command("apply", "--plan", "plan.json")
    assert stale.code == ExitCode.STALE
    assert "the state's serial changed since" in stale.err


def test_what_failed_is_finished_with_resume(shop: Path, command: Command) -> None:
    command("emulator", "exec", "emulator://eu-west", "CREATE CATALOG shop_dr; CREATE SCHEMA shop_dr.sales")
    config = shop / "replicator.yaml"
    config.write_text(config.read_text() + "resources: {source: {}, target: {}}\n")
    approved = plan_id(command)[:8]
    command("emulator", "exec", "emulator://eu-west", "CREATE TABLE shop_dr.sales.items (other STRING)")
    blocked = command("apply", "--expect", approved)
    assert blocked.code == ExitCode.STALE
    command("emulator", "exec", "emulator://eu-west", "DROP TABLE shop_dr.sales.items")
    assert command("apply", "--resume").code == ExitCode.STALE
    assert command("apply", "--expect", approved).code == 0
    assert command("apply", "--expect", approved, "--resume").code == 0


def test_what_is_not_ours_is_blocked_and_can_be_left_out(shop: Path, command: Command) -> None:
    ours = "CREATE CATALOG shop_dr; CREATE SCHEMA shop_dr.sales; CREATE TABLE shop_dr.sales.items (id BIGINT)"
    command("emulator", "exec", "emulator://eu-west", ours)
    planned = command("plan")
    assert "OW102  exists and is not managed by this deployment" in planned.out
    assert planned.out.splitlines()[-1].endswith("--skip-blocked")
    before = writes(shop)
    refused = command("apply", "--yes")
    assert refused.code == ExitCode.BLOCKED
    assert writes(shop) == before
    partly = command("apply", "--yes", "--skip-blocked")
    assert partly.code == ExitCode.PARTIAL
    assert "⛔ 1 blocked" in partly.out


def test_machines_get_json_and_events(shop: Path, command: Command) -> None:
    ended = command("apply", "--yes", "--json", "--events", "events.ndjson")
    body = json.loads(ended.out)
    assert (body["exit_code"], body["state_serial"]) == (0, 1)
    events = [json.loads(line) for line in (shop / "events.ndjson").read_text().splitlines()]
    assert [events[0]["event"], events[-1]["event"]] == ["run_start", "run_end"]
    assert [event["seq"] for event in events] == sorted(event["seq"] for event in events)


def test_a_part_of_a_plan_names_itself_in_the_next_command(shop: Path, command: Command) -> None:
    planned = command("plan", "--target", "source:share/*")
    assert "This is a part of the whole" in planned.out
    last = planned.out.splitlines()[-1]
    assert "replicator apply --target 'source:share/*' --expect " in last
    assert command(*last.partition("replicator ")[2].replace("'", "").split()).code == 0
    mistake = command("plan", "--target", "target:clone/shop_dr.sales.ordrs")
    assert mistake.code == ExitCode.USAGE
    assert "did you mean target:clone/shop_dr.sales.orders?" in mistake.err


def test_destroy_removes_what_we_made_and_needs_a_release_for_data(shop: Path, command: Command) -> None:
    command("apply", "--yes")
    held = command("destroy", "--yes")
    assert held.code == ExitCode.BLOCKED
    assert "DL101" in held.err
    released = ("--allow-destroy", "target:clone/*", "--exclude", "target:catalog/shop_dr")
    gone = command("destroy", "--yes", *released)
    assert gone.code == 0, gone.err + gone.out
    left = command("emulator", "exec", "emulator://eu-west", "SHOW SCHEMAS IN shop_dr", "--json").out
    assert "sales" not in left
    assert command("emulator", "exec", "emulator://us-east", "SELECT count(*) FROM shop.sales.orders").code == 0


def test_a_destroy_says_why_it_keeps_what_it_forgets(shop: Path, command: Command) -> None:
    command("apply", "--yes")
    whys = (
        "kept, as it holds target:schema/shop_dr.checks, which is kept",
        "kept: results of reconcile are never dropped",
        "a check is nothing in a metastore",
    )
    for form in ((), ("--full",), ("--markdown",)):
        out = command("plan", "--destroy", *form).out.replace("\\_", "_")
        assert [why for why in whys if why not in out] == []
        assert "no longer in the configuration" not in out


def test_destroying_around_what_is_blocked_leaves_its_containers_alone(shop: Path, command: Command) -> None:
    command("apply", "--yes")
    before = len(requestlog.read(shop / ROOT))
    partly = command("destroy", "--yes", "--skip-blocked")
    assert partly.code == ExitCode.PARTIAL, partly.out + partly.err
    assert "✗" not in partly.out
    assert "because target:clone/shop_dr.sales.items is blocked" in partly.out
    asked = requestlog.read(shop / ROOT)[before:]
    assert not [line for line in asked if line["method"] == "DELETE" and line["status"] >= 400]
    last = partly.out.splitlines()[-1]
    assert "What is blocked:  replicator destroy --allow-destroy target:clone/shop_dr.sales.items" in last
    given = shlex.split(last.partition("replicator ")[2])
    assert command(*given, "--yes", "--exclude", "target:catalog/shop_dr").code == 0


def test_a_destroy_that_ended_halfway_goes_on(shop: Path, command: Command) -> None:
    command("apply", "--yes")
    allowed = ("--allow-destroy", "target:clone/*", "--exclude", "target:catalog/shop_dr")
    faults = start("us-east", shop / ROOT).faults
    faults.add(Rule("status", method="DELETE", path="/shares/", status=400, error_code="INVALID_STATE", times=None))
    halfway = command("destroy", "--yes", *allowed)
    assert halfway.code == ExitCode.PARTIAL, halfway.out + halfway.err
    faults.clear()
    (line,) = [line for line in halfway.out.splitlines() if "--resume" in line]
    assert command("apply", "--resume").code == ExitCode.STALE
    ended = command(*shlex.split(line.partition("replicator ")[2]))
    assert ended.code == 0, ended.out + ended.err


@pytest.mark.parametrize(
    ("given", "near"),
    [
        (("plan", "--allow-destroy", "target:clone/shop_dr.sale.items"), "target:clone/shop_dr.sales.items"),
        (("apply", "--yes", "--allow-destroy", "target:clone/shop_dr.sale.*"), "target:clone/shop_dr.sales.items"),
        (("plan", "--allow-destroy", "DL202:target:clone/shop_dr.sale.*"), "target:clone/shop_dr.sales.items"),
        (("destroy", "--yes", "--allow-destroy", "PR01"), "PR101"),
        (("plan", "--allow-destroy", "PR01:target:*"), "PR101"),
        (("plan", "--target", "source:shar/shop_share"), "source:share/shop_share"),
        (("plan", "--exclude", "source:shar/*"), "source:share/*"),
        (("plan", "--target", "target:clnoe/*"), "target:clone/*"),
        (("plan", "--target", "tarfet:clone/shop_dr.*"), "target:clone/shop_dr.*"),
        (("plan", "--target", "clone/shop_dr.sales.*"), "target:clone/shop_dr.sales.*"),
        (("plan", "--target", "target:clone/shop_rd.*"), "target:clone/shop_dr.sales.items"),
        (("reconcile", "shop_dr.sales.item"), "shop_dr.sales.items"),
    ],
)
def test_a_pattern_that_names_nothing_is_a_mistake(
    shop: Path, command: Command, given: tuple[str, ...], near: str
) -> None:
    ended = command(*given)
    assert ended.code == ExitCode.USAGE
    assert f"did you mean {near}?" in ended.err


def test_hints_repeat_the_options_that_were_given(shop: Path, command: Command) -> None:
    (shop / "replicator.yaml").rename(shop / "other.yaml")
    command("apply", "-c", "other.yaml", "--yes")
    refused = command("destroy", "-c", "other.yaml", "--yes", "--exclude", "source:*")
    assert "replicator destroy -c other.yaml --exclude 'source:*' --allow-destroy target:clone/" in refused.err


def test_nothing_more_is_begun_after_a_failure_if_asked_so(shop: Path, command: Command) -> None:
    faults = start("us-east", shop / ROOT).faults
    faults.add(Rule("status", method="POST", path="/recipients", status=400, error_code="INVALID_PARAMETER_VALUE"))
    ended = command("apply", "--yes", "--fail-fast", "--workers", "1", "--events", "events.ndjson")
    assert ended.code in (ExitCode.ERROR, ExitCode.PARTIAL)
    events = [json.loads(line) for line in (shop / "events.ndjson").read_text().splitlines()]
    begun = [event["address"] for event in events if event["event"] == "action_start"]
    assert begun[-1] == "source:recipient/dr"
    assert "because the run stopped" in ended.out
    again = command(*shlex.split(ended.out.splitlines()[-1].partition("replicator ")[2]))
    assert again.code == 0, again.out + again.err


@pytest.mark.parametrize(("workers", "together"), [("1", False), ("4", True)])
def test_workers_say_how_many_actions_run_at_a_time(workers: str, together: bool, shop: Path, command: Command) -> None:
    slow = Rule("latency", statement="DEEP CLONE", ms=300, times=None)
    start("eu-west", shop / ROOT).faults.add(slow)
    command("apply", "--yes", "--workers", workers, "--events", "events.ndjson")
    running, most = 0, 0
    for line in (shop / "events.ndjson").read_text().splitlines():
        event = json.loads(line)["event"]
        running += (event == "action_start") - (event == "action_end")
        most = max(most, running)
    assert (most > 1) == together


def test_a_saved_plan_of_a_destroy_is_carried_out_by_apply(shop: Path, command: Command) -> None:
    command("apply", "--yes")
    planned = command("plan", "--destroy", "--allow-destroy", "target:clone/*", "--out", "gone.json")
    assert "DESTROYS EVERYTHING that the state holds" in planned.out
    last = planned.out.splitlines()[-1]
    assert last == "Apply exactly this:  replicator apply --plan gone.json"
    ended = command("apply", "--plan", "gone.json")
    assert ended.code == 0, ended.out + ended.err
    assert json.loads((shop / "state" / "default.json").read_text())["resources"] == {}
    assert command("plan", "--destroy").out.startswith("Nothing to destroy (")


def test_run_is_for_schedulers(shop: Path, command: Command) -> None:
    before = writes(shop)
    assert "Plan " in command("run", "--dry-run").out
    assert writes(shop) == before
    assert command("run", "--config", "replicator.yaml").code == 0
    assert "No changes" in command("run", "--dry-run").out


def test_a_saved_plan_as_a_comment_names_what_makes_it_the_same_plan(shop: Path, command: Command) -> None:
    command("apply", "--yes")
    released = ("--allow-destroy", "TH102", "--allow-destroy", "target:clone/*")
    command("plan", "--destroy", *released, "--out", "gone.json")
    text = command("plan", "--destroy", *released).out.splitlines()[-1].partition("replicator ")[2]
    assert "--allow-destroy 'target:clone/*'" in text
    assert f"Apply exactly this: `replicator {text}`" in command("show", "gone.json", "--markdown").out
    assert f"Apply exactly this: `replicator {text}`" in command("plan", "--destroy", *released, "--markdown").out
    command("plan", "--destroy", *released, "--target", "target:check/*", "--out", "part.json")
    assert "`replicator apply --plan part.json`" in command("show", "part.json", "--markdown").out
    (shop / "gone.json").unlink()
    assert command(*shlex.split(text)).code == 0


def test_markdown_is_a_comment(shop: Path, command: Command) -> None:
    assert command("plan", "--markdown").out.startswith("<!-- replicator:plan env=default -->\n")
    command("apply", "--yes")
    assert command("drift", "--markdown").out.startswith("<!-- replicator:drift env=default -->\n")


def test_the_original_command_runs_and_only_shows_with_dry_run(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from data_replication.cli import main

    def code(*arguments: str) -> object:
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        return ended.value.code

    before = writes(shop)
    assert code("validate", "--config", "replicator.yaml") == 0
    assert code("run", "--config", "replicator.yaml", "--dry-run") == 0
    assert writes(shop) == before
    assert code("run", "--config", "replicator.yaml") == 0
    assert "✓ 2 copies proven equal" in capsys.readouterr().out


def test_the_original_programmatic_interface(shop: Path) -> None:
    from replicator import DataReplicationOrchestrator

    orchestrator = DataReplicationOrchestrator.from_config_file("replicator.yaml")
    orchestrator.initialize()
    try:
        results = orchestrator.run_all_operations()
        again = orchestrator.run_all_operations()
    finally:
        orchestrator.cleanup()
    assert list(results) == ["delta_share", "replication", "reconciliation"]
    assert all(result.success for found in results.values() for result in found)
    checked = [result.object_name for result in results["reconciliation"] if result.object_type == "check"]
    assert checked == ["shop_dr.sales.items", "shop_dr.sales.orders"]
    assert {name: len(found) for name, found in again.items()} == dict.fromkeys(results, 0)


def test_what_a_lost_state_left_is_taken_over_as_it_is(shop: Path, command: Command) -> None:
    command("apply", "--yes")
    lineage = json.loads((shop / "state" / "default.json").read_text())["lineage"]
    shutil.rmtree(shop / "state")
    held = command("plan")
    assert "OW101" in held.out
    assert f"replicator state adopt {lineage}" in held.out
    assert command("apply", "--yes").code == ExitCode.BLOCKED
    before = writes(shop)
    adopted = command("state", "adopt", lineage, "--yes")
    assert (adopted.code, "was not checked" in adopted.err) == (0, True)
    again = command("state", "adopt", lineage, "--yes")
    assert (again.code, "already" in again.err) == (ExitCode.ERROR, True)
    taken = json.loads(command("plan", "--json").out)
    assert {action["do"] for action in taken["actions"]} <= {"import", "check"}
    assert not [action for action in taken["actions"] if action["changes"] or action["moves_data"] or action["blocked"]]
    assert writes(shop) == before
    assert command("apply", "--yes").code == 0
    assert command("drift").code == 0
    assert command("plan").out.startswith("No changes.")
    state = json.loads((shop / "state" / "default.json").read_text())
    assert not state["resources"]["target:clone/shop_dr.sales.orders"].get("imported")
    assert [line for line in requestlog.read(shop / ROOT, writes=True) if "CLONE" in line.get("statement", "")][
        2:
    ] == []


def test_what_somebody_wrote_since_is_held_back_when_it_is_taken_over(shop: Path, command: Command) -> None:
    command("apply", "--yes")
    lineage = json.loads((shop / "state" / "default.json").read_text())["lineage"]
    shutil.rmtree(shop / "state")
    command("emulator", "exec", "emulator://eu-west", "INSERT INTO shop_dr.sales.orders VALUES (7, 'theirs')")
    command("state", "adopt", lineage, "--yes")
    assert "DL202" in command("plan").out
    assert command("apply", "--yes").code == ExitCode.BLOCKED


@pytest.mark.parametrize("given", ["", "nonsense", "target:clone/a.b.c"])
def test_what_is_no_lineage_is_not_adopted(shop: Path, command: Command, given: str) -> None:
    ended = command("state", "adopt", given, "--yes")
    assert (ended.code, "no lineage" in ended.err) == (ExitCode.USAGE, True)
    assert not (shop / "state").exists()


def test_the_id_of_a_metastore_is_not_adopted_as_a_lineage(shop: Path, command: Command) -> None:
    command("apply", "--yes")
    before = (shop / "state" / "default.json").read_bytes()
    for side, metastore in json.loads(before)["metastores"].items():
        ended = command("state", "adopt", metastore, "--yes")
        assert (ended.code, f"is the {side} metastore, no lineage" in ended.err) == (ExitCode.ERROR, True)
    assert (shop / "state" / "default.json").read_bytes() == before


class TestState:
    @pytest.fixture(autouse=True)
    def applied(self, shop: Path, command: Command) -> Path:
        assert command("apply", "--yes").code == 0
        return shop

    def test_lists_and_shows_what_it_holds(self, command: Command) -> None:
        listed = command("state", "list", "target:*").out.splitlines()
        assert "target:clone/shop_dr.sales.orders" in listed
        assert not any(line.startswith("source:") for line in listed)
        shown = command("state", "show", "target:clone/shop_dr.sales.orders").out
        assert 'comment = "One row for each order"' in shown
        body = json.loads(command("state", "list", "--json").out)
        assert body["serial"] == 1
        assert "target:clone/shop_dr.sales.orders" in body["resources"]

    def test_needs_no_configuration_when_told_where_it_is(self, applied: Path, command: Command) -> None:
        (applied / "replicator.yaml").unlink()
        assert command("state", "list", "--state-dir", "state", "-e", "default").code == 0
        assert command("show", "state/default.json", "source:*").code == 0

    def test_forgets_and_imports_again(self, applied: Path, command: Command) -> None:
        assert command("state", "forget", "target:schema/shop_dr.sales", "--yes").code == 0
        assert state_serial(applied) == 2
        assert "= target:schema/shop_dr.sales" in command("plan").out
        missing = command("state", "forget", "target:schema/shop_dr.sale", "--yes")
        assert missing.code == ExitCode.USAGE
        assert "did you mean" in missing.err

    def test_is_verified_and_restored(self, applied: Path, command: Command) -> None:
        assert "is sound" in command("state", "verify").out
        path = applied / "state" / "default.json"
        path.write_text(path.read_text()[:-40])
        damaged = command("plan")
        assert damaged.code == ExitCode.ERROR
        assert "replicator state restore --file" in damaged.err
        hint = damaged.err.partition("replicator ")[2].split()
        assert command(*hint).code == 0
        assert "No changes" in command("plan").out

    def test_says_who_holds_the_lock(self, applied: Path, command: Command) -> None:
        from replicator.execution.backend import silent
        from replicator.execution.folder import Folder

        with Folder(applied / "state", "default").lock("apply", silent) as holder:
            refused = command("apply", "--yes")
            assert refused.code == ExitCode.LOCKED
            assert f"apply by {holder.who} on {holder.host}, process {os.getpid()}" in refused.err
            assert command("plan").code == 0
        assert command("state", "unlock", holder.id).code == ExitCode.ERROR


def test_the_emulator_gives_a_token_to_a_principal(shop: Path, command: Command) -> None:
    from urllib.request import Request, urlopen

    from replicator.emulator import start

    ended = command("emulator", "tokens", "emulator://us-east", "--for", "analyst@example.com")
    assert ended.code == 0, ended.err
    url = f"{start('us-east', ROOT).url}/api/2.0/preview/scim/v2/Me"
    with urlopen(Request(url, headers={"Authorization": f"Bearer {ended.out.strip()}"})) as answer:
        assert json.load(answer)["userName"] == "analyst@example.com"


def test_a_mass_delete_on_the_source_is_seen_in_the_plan_and_costs_no_statement_more(
    shop: Path, command: Command
) -> None:
    command("apply", "--yes")
    command("emulator", "exec", "emulator://us-east", "INSERT INTO shop.sales.orders VALUES (4, 'd')")
    asked = []
    for statement in ("", "DELETE FROM shop.sales.orders WHERE id > 1"):
        if statement:
            command("emulator", "exec", "emulator://us-east", statement)
        before = len(requestlog.read(shop / ROOT))
        made = json.loads(command("plan", "--json").out)
        asked.append(sum("statement" in line for line in requestlog.read(shop / ROOT)[before:]))
    assert asked[0] == asked[1]
    (removed,) = [item["estimate"]["removed"] for item in made["actions"] if item["moves_data"]]
    assert removed == {"DELETE": 3}
    assert "loses 3 rows by DELETE" in command("plan").out


def test_a_new_table_in_a_schema_that_is_shared_whole_is_planned_and_no_drift(shop: Path, command: Command) -> None:
    assert command("apply", "--yes").code == 0
    made = command("emulator", "exec", "emulator://us-east", "CREATE TABLE shop.sales.late (id INT)")
    assert made.code == 0, made.err
    shared = command("emulator", "exec", "emulator://eu-west", "SHOW TABLES IN shop_shared.sales")
    assert "late" in shared.out
    assert command("drift").code == 0
    actions = json.loads(command("plan", "--json").out)["actions"]
    assert [(item["do"], item["address"]) for item in actions if item["do"] != "check"] == [
        ("create", "target:clone/shop_dr.sales.late")
    ]
