"""The state in a volume, from the command line: every verb of `state`, and what a volume can refuse."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from replicator.emulator import Endpoint, start
from replicator.emulator.faults import Rule
from replicator.errors import ExitCode
from tests.cli.conftest import CONFIG, Command
from tests.execution import keeping

ROOT = Path(".replicator") / "emulator"


@pytest.fixture
def target(shop: Path) -> Endpoint:
    """The target's workspace, with a volume that the configuration names."""
    (shop / "replicator.yaml").write_text(CONFIG + f"state: {{volume: {keeping.VOLUME}}}\n")
    return keeping.start_workspace(shop / ROOT)


def test_every_verb_of_state_works_on_a_volume(shop: Path, target: Endpoint, command: Command) -> None:
    assert command("apply", "--yes").code == 0
    assert not (shop / "state").exists()
    files = keeping.volume_files(target) / "default"
    assert sorted(path.name for path in files.iterdir()) == ["approved.json", "lock.1.json", "state.1.json"]
    assert "target:schema/shop_dr.sales" in command("state", "list").out
    assert "shop_dr.sales" in command("state", "show", "target:schema/*").out
    assert "State serial 2 saved" in command("state", "forget", "--yes", "target:schema/shop_dr.sales").err
    assert "State serial 3 saved" in command("state", "unprotect", "target:clone/*").err
    pulled = command("state", "pull").out
    assert json.loads(pulled)["serial"] == 3
    assert command("drift", "--record").code == 0
    assert (files / "drift.json").exists()

    (files / "state.3.json").write_bytes(b"\0" * 100)
    damaged = command("plan")
    assert damaged.code == ExitCode.ERROR
    assert "state.3.json: the state file is damaged" in damaged.err
    hint = damaged.err.partition("replicator ")[2].split()
    assert hint == ["state", "restore"]
    assert command(*hint).code == 0
    verified = json.loads(command("state", "verify", "--json").out)
    assert (verified["serial"], verified["kept_serials"], verified["lock"]) == (4, [1, 2, 3, 4], None)
    assert "there is no journal" in command("state", "repair").out
    assert "no lock abc is held" in command("state", "unlock", "abc").err
    assert command("plan", "--detailed-exitcode").code == ExitCode.CHANGES  # what was forgotten is imported


def test_a_state_moves_from_a_folder_to_a_volume(shop: Path, target: Endpoint, command: Command) -> None:
    (shop / "replicator.yaml").write_text(CONFIG)
    command("apply", "--yes")
    (shop / "replicator.yaml").write_text(CONFIG + f"state: {{volume: {keeping.VOLUME}}}\n")
    assert "there is no state yet" in command("state", "pull").err
    pushed = command("state", "push", "state/default.json")
    assert pushed.code == 0, pushed.err
    assert f"{keeping.VOLUME}/default now holds serial 1" in pushed.out
    assert command("plan", "--detailed-exitcode").code == 0
    again = command("state", "push", "state/default.json")
    assert again.code == ExitCode.ERROR
    assert "which is not older than serial 1" in again.err


def drop_volume(target: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    from replicator.emulator import sql

    sql.execute(target.session(), "DROP VOLUME ops.replicator.state")


def forbid(target: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    message = "User does not have READ VOLUME on Volume 'ops.replicator.state'."
    target.faults.add(
        Rule("status", path="/fs/", status=403, error_code="PERMISSION_DENIED", message=message, times=None)
    )


def silence(target: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    target.faults.add(Rule("drop_before", path="/fs/", times=None))


Trouble = Callable[[Endpoint, pytest.MonkeyPatch], None]


@pytest.mark.parametrize(
    ("trouble", "message", "hint"),
    [
        (drop_volume, f"{keeping.VOLUME}: there is no such volume", "CREATE VOLUME ops.replicator.state"),
        (forbid, "the volume may not be used", "plan and drift need READ VOLUME, apply WRITE VOLUME too"),
        (silence, "the volume cannot be reached", "check the host and the network"),
    ],
    ids=["missing", "forbidden", "unreachable"],
)
@pytest.mark.parametrize("verb", [["plan"], ["drift"], ["apply", "--yes"], ["state", "list"], ["state", "push", "f"]])
def test_a_volume_that_cannot_be_used_ends_with_one_sentence_and_nothing_is_changed(
    target: Endpoint,
    command: Command,
    monkeypatch: pytest.MonkeyPatch,
    verb: list[str],
    trouble: Trouble,
    message: str,
    hint: str,
) -> None:
    from replicator.emulator import requestlog

    trouble(target, monkeypatch)
    before = len(requestlog.read(ROOT, writes=True))
    ended = command(*verb)
    assert (ended.code, ended.out) == (ExitCode.ERROR, "")
    assert ended.err.count("error:") == 1
    assert message in ended.err
    assert hint in ended.err
    after = requestlog.read(ROOT, writes=True)[before:]
    assert [entry for entry in after if entry["status"] < 400] == []


def test_who_may_read_the_volume_only_plans_and_does_not_apply(
    shop: Path, target: Endpoint, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    from replicator.emulator import sql

    everything = "USE CATALOG, USE SCHEMA, READ VOLUME"
    sql.execute(target.session(), f"GRANT {everything} ON CATALOG ops TO `reader`")
    for metastore in (target, start("us-east", shop / ROOT)):
        monkeypatch.setenv(f"TOKEN_{metastore.name[:2]}", metastore.token_for("reader"))
    text = CONFIG + f"state: {{volume: {keeping.VOLUME}}}\n"
    (shop / "replicator.yaml").write_text(
        text.replace('"emulator://eu-west"}', '"emulator://eu-west", token: {env: TOKEN_eu}}')
    )
    assert command("state", "verify").code == 0
    refused = command("apply", "--yes")
    assert refused.code == ExitCode.ERROR
    assert "the volume may not be used" in refused.err
    assert os.listdir(keeping.volume_files(target)) == []
