"""Grants that others gave before us are declared, and stay theirs: nothing of ours ever takes them back."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from replicator.address import Side
from replicator.config import load
from replicator.emulator.faults import Rule
from replicator.engine.drift import find_drift
from replicator.engine.policy import Policy
from replicator.errors import ExitCode
from replicator.execution.results import ApplyResult
from replicator.execution.running import apply_plan
from replicator.execution.session import observe, open_session, prepare
from tests.execution import wire

AT = "source:grants/schema/main.sales"
CONFIG = wire.head(workers=1, attempts=1)
BOB, AL = {"bob@x.com": ["SELECT"]}, {"al@x.com": ["SELECT"]}


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    wire.begin(tmp_path)
    wire.on_source(tmp_path, "GRANT SELECT ON SCHEMA main.sales TO `bob@x.com`")
    yield tmp_path
    wire.faults(tmp_path)
    wire.end(tmp_path)


def declare(folder: Path, privileges: dict[str, list[str]] | None, mode: str = "additive") -> None:
    said = f"resources: {{source: {{grants: {{schema/main.sales: {{mode: {mode}, privileges: {privileges}}}}}}}}}\n"
    (folder / "replicator.yaml").write_text(CONFIG + (said if privileges else ""), encoding="utf-8")


def apply(folder: Path, privileges: dict[str, list[str]] | None, mode: str = "additive") -> ApplyResult:
    declare(folder, privileges, mode)
    policy = Policy(allow=(AT,))
    with open_session(load(folder / "replicator.yaml"), locked_for="apply") as session:
        return apply_plan(session, prepare(session, policy), policy=policy)


def done(folder: Path, privileges: dict[str, list[str]] | None, mode: str = "additive") -> None:
    """Apply ends well, and there is nothing left to do, nor drift."""
    result = apply(folder, privileges, mode)
    assert result.exit_code == ExitCode.OK, [(r.action.address, r.error) for r in result.results if r.error]
    with open_session(load(folder / "replicator.yaml")) as session:
        assert prepare(session, Policy(allow=(AT,))).plan.actions == ()
        seen = observe(session)
        assert find_drift(seen.opened.state, seen.snapshots).items == ()


def held(folder: Path) -> set[str]:
    with open_session(load(folder / "replicator.yaml")) as session:
        listed = session.readers[Side.SOURCE].get("/api/2.1/unity-catalog/permissions/schema/main.sales")
    return {item["principal"] for item in listed.get("privilege_assignments", ())}


def test_a_removed_block_revokes_what_we_granted_and_no_more(folder: Path) -> None:
    done(folder, BOB | AL)
    assert held(folder) == {"bob@x.com", "al@x.com"}
    done(folder, None)
    assert held(folder) == {"bob@x.com"}


def test_a_removed_principal_keeps_what_it_held_before_us(folder: Path) -> None:
    done(folder, BOB | AL)
    done(folder, BOB | AL | {"eve@x.com": ["SELECT"]})
    done(folder, {"eve@x.com": ["SELECT"]})
    assert held(folder) == {"bob@x.com", "eve@x.com"}


def test_a_block_that_was_equal_at_first_revokes_what_it_added_later(folder: Path) -> None:
    done(folder, BOB)
    done(folder, BOB | AL)
    done(folder, None)
    assert held(folder) == {"bob@x.com"}


def test_what_we_had_to_grant_again_is_ours(folder: Path) -> None:
    done(folder, BOB | AL)
    wire.on_source(folder, "REVOKE SELECT ON SCHEMA main.sales FROM `bob@x.com`")
    done(folder, BOB | AL)
    done(folder, None)
    assert held(folder) == set()


@pytest.mark.parametrize("moment", ["drop_before", "drop_after"])
@pytest.mark.parametrize("then", [None, AL], ids=["block", "principal"])
def test_an_interruption_does_not_make_them_ours(folder: Path, moment: str, then: dict[str, list[str]] | None) -> None:
    """At the first grant, and at taking them back."""
    for privileges in (BOB | AL, then):
        wire.faults(folder, Rule(action=moment, method="PATCH", path="permissions", times=10))  # type: ignore[arg-type]
        apply(folder, privileges)
        wire.faults(folder)
        done(folder, privileges)
    assert held(folder) == {"bob@x.com", *(then or ())}


def test_an_empty_list_of_privileges_means_none_and_takes_back_what_is_ours_to_take(folder: Path) -> None:
    done(folder, BOB | AL)
    done(folder, {"al@x.com": []})
    assert held(folder) == {"bob@x.com"}
    done(folder, {"bob@x.com": []}, "authoritative")
    assert held(folder) == set()
    done(folder, AL | {"bob@x.com": []}, "authoritative")
    assert held(folder) == {"al@x.com"}
