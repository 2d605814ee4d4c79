"""What is put into a share is open to all who may read it, also to those whom the configuration does not name."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from replicator.address import Address
from replicator.config import load
from replicator.emulator.faults import Rule
from replicator.engine.policy import Code, Policy
from replicator.errors import BlockedError, ExitCode
from replicator.execution.running import apply_plan
from replicator.execution.session import open_session, prepare
from tests.execution import wire

SHARE = "source:share/out"
ALONE = """
version: "1.0"
source_databricks_connect_config: {host: "emulator://us-east"}
target_databricks_connect_config: {host: "emulator://eu-west"}
resources: {source: {shares: {out: {objects: [{name: main.sales.orders}]}}}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield wire.begin(tmp_path)
    wire.faults(tmp_path)
    wire.end(tmp_path)


def given(folder: Path, *, also: str = "") -> None:
    """Somebody's share, which a partner reads."""
    wire.on_source(folder, "CREATE SHARE out", "CREATE RECIPIENT partner")
    wire.on_source(folder, "GRANT SELECT ON SHARE out TO RECIPIENT partner")
    if also:
        wire.on_source(folder, also)


def codes(folder: Path) -> list[str]:
    return [block.code for action in wire.plan(folder).actions if action.address == SHARE for block in action.blocked]


def shown(folder: Path) -> list[object]:
    return [row["shared_object"] for row in wire.rows(folder, "SHOW ALL IN SHARE out")]


@pytest.mark.parametrize("config", [wire.CONFIG, ALONE], ids=["share section", "resources"])
def test_a_share_that_others_read_is_not_filled_without_a_word(folder: Path, config: str) -> None:
    (folder / "replicator.yaml").write_text(config, encoding="utf-8")
    given(folder)
    assert codes(folder) == [Code.EXPOSES]
    with pytest.raises(BlockedError, match="partner"):
        wire.apply(folder)
    assert shown(folder) == []


def test_once_somebody_allowed_it_nobody_is_asked_again(folder: Path) -> None:
    given(folder)
    policy = Policy(allow=(SHARE,))
    with open_session(load(folder / "replicator.yaml"), locked_for="apply") as session:
        assert apply_plan(session, prepare(session, policy), policy=policy).exit_code == ExitCode.OK
    wire.on_source(folder, "CREATE TABLE main.sales.more (id BIGINT)")
    assert wire.apply(folder).exit_code == ExitCode.OK
    assert set(shown(folder)) == {"main.sales.orders", "main.sales.more"}


def test_whom_somebody_let_in_behind_our_back_is_not_shown_what_comes_later(folder: Path) -> None:
    assert wire.apply(folder).exit_code == ExitCode.OK
    wire.on_source(folder, "CREATE RECIPIENT partner", "GRANT SELECT ON SHARE out TO RECIPIENT partner")
    assert wire.plan(folder).actions == ()
    wire.on_source(folder, "CREATE TABLE main.sales.more (id BIGINT)")
    assert codes(folder) == [Code.EXPOSES]


def test_unknown_is_not_nobody(folder: Path) -> None:
    given(folder)
    denied = Rule("status", path="shares/out/permissions", status=403, error_code="PERMISSION_DENIED", times=None)
    wire.faults(folder, denied)
    assert codes(folder) == [Code.EXPOSES]


def test_a_share_that_holds_it_all_already_shows_nothing_more(folder: Path) -> None:
    given(folder, also="ALTER SHARE out ADD TABLE main.sales.orders AS sales_share.orders WITH HISTORY")
    assert codes(folder) == []
    assert Address.parse(SHARE) in {action.at for action in wire.plan(folder).actions}
