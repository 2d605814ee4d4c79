"""What is done with an example's configuration while something goes wrong: a first day, a later one, the end.

A scene prepares a folder (its metastores and its state) and says how the command under test is called. Configurations
are the examples' own; of their sources only the number of rows is made small.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from replicator.cli.emulator import statements
from replicator.config import load
from replicator.emulator import sql, start
from replicator.engine.policy import Policy
from replicator.errors import ExitCode
from replicator.execution import edits
from replicator.execution.results import ApplyResult
from replicator.execution.running import apply_plan
from replicator.execution.session import open_session, prepare
from tests.execution import wire

EXAMPLES = Path(__file__).parents[2] / "examples"
NAMES = sorted(path.parent.name for path in EXAMPLES.glob("*/replicator.yaml"))
"""Every example that has a configuration of its own."""

_DAYS_WORK: Mapping[str, tuple[tuple[str, str], ...]] = {
    "objects": (
        ('comment: "Marts"', 'comment: "Marts of all"'),
        ("          team:", "          contact:"),
        ("      main.raw: {}\n", "      main.landing: {comment: 'as it came'}\n"),
        ('comment: "as the customer wrote it"', 'comment: "in the customer\'s words"'),
        ('["USE SCHEMA", "SELECT"]', '["USE SCHEMA"]'),
        ("          - {name: main.sales.orders, type: TABLE}", "          - {name: main.sales.customers, type: TABLE}"),
    ),
    "staging": (
        ('exclude_tables: ["tmp_*"]', 'exclude_tables: ["tmp_*", "returns"]'),
        ('shared_catalog_name: "shop_shared"', 'shared_catalog_name: "shop_shared"\n      schema_suffix: "_s"'),
    ),
    "explicit": (
        ("share/bank_share:\n", "schema/bank.accounts: {privileges: {analysts: [SELECT]}}\n      share/bank_share:\n"),
        ('comment: "Accounts, for the copy in Europe"', 'comment: "Accounts"'),
    ),
    "quickstart": (('            - table_name: "sales_data"\n', ""),),
    "ci": (('recipient_id: "dr"', 'recipient_id: "dr"\n  # and more words'),),
}
"""How a configuration is edited on a later day: (what it says, what it says then)."""

_ON_SOURCE: Mapping[str, tuple[str, ...]] = {
    "objects": ("COMMENT ON SCHEMA main.sales IS 'edited by hand'",),
    "staging": (
        "INSERT INTO shop.orders.lines VALUES (77, 'sku-77', 7)",
        "CREATE TABLE shop.orders.carts (id BIGINT)",
    ),
    "explicit": (
        "INSERT INTO bank.accounts.balances VALUES (77, 7.5, DATE '2026-01-02')",
        "CREATE TABLE bank.accounts.owners (account BIGINT, name STRING)",
        "REVOKE SELECT ON SHARE bank_backup_share FROM RECIPIENT europe",
    ),
    "quickstart": (
        "INSERT INTO aaron.source_schema.orders (order_id) VALUES (1000000)",
        "CREATE TABLE aaron.source_schema.refunds (id BIGINT, why STRING) COMMENT 'paid back'",
        "INSERT INTO aaron.source_schema.refunds VALUES (1, 'broken')",
    ),
    "ci": ("INSERT INTO shop.sales.orders VALUES (7777, 'c7', 7.5)", "CREATE TABLE shop.sales.carts (id BIGINT)"),
}
_ON_TARGET: Mapping[str, tuple[str, ...]] = {
    "objects": ("DROP SCHEMA marts.sales",),
    "staging": ("COMMENT ON TABLE shop_copy.orders.lines IS 'edited by hand'",),
    "explicit": ("ALTER TABLE bank_dr.accounts.balances SET TAGS ('seen' = 'by hand')",),
    "quickstart": ("COMMENT ON TABLE aaron_dr.source_schema.orders IS 'edited by hand'",),
    "ci": ("DROP TABLE shop_dr.sales.customers",),
}

RELEASED = ("DL101", "DL102", "AC101", "AC103", "SC101", "TH101", "TH102")
"""Somebody has said yes to what a scene takes away; nothing else is released."""


@dataclass(frozen=True)
class Scene:
    """`prepare` makes a folder ready, undisturbed; `policy` is what the disturbed command is called with."""

    name: str
    prepare: Callable[[Path, str], None]
    policy: Policy

    def act(self, folder: Path, workers: int | None = 1) -> ApplyResult:
        """The command under test, as `replicator apply` and `replicator destroy` carry it out."""
        with open_session(load(folder / "replicator.yaml"), workers=workers, locked_for="apply") as session:
            return apply_plan(session, prepare(session, self.policy), policy=self.policy)


def _begin(folder: Path, example: str) -> None:
    """The example, its source small, and a catalog on each side that nobody declares."""
    folder.mkdir(parents=True)
    text = (EXAMPLES / example / "replicator.yaml").read_text(encoding="utf-8")
    text = re.sub(r"retry_delay_seconds: \d+", "retry_delay_seconds: 0", text)
    if "retry:" not in text:
        text += "\nretry: {retry_delay_seconds: 0}\n"
    (folder / "replicator.yaml").write_text(text, encoding="utf-8")
    source = EXAMPLES / example / "source.sql"
    small = re.sub(r"range\(\d+\)", "range(12)", source.read_text(encoding="utf-8"))
    _run(folder, "us-east", *(text for _, text in statements(small)))
    target = EXAMPLES / example / "target.sql"
    if target.exists():
        _run(folder, "eu-west", *(text for _, text in statements(target.read_text(encoding="utf-8"))))
    for side in ("us-east", "eu-west"):
        foreign = ("CREATE CATALOG theirs COMMENT 'not ours'", "CREATE SCHEMA theirs.kept")
        _run(folder, side, *foreign, "CREATE TABLE theirs.kept.t AS SELECT 1 AS a")


def _run(folder: Path, metastore: str, *statements: str) -> None:
    session = start(metastore, wire.root(folder)).session()
    for statement in statements:
        sql.execute(session, statement)


def _applied(folder: Path, example: str) -> None:
    _begin(folder, example)
    assert Scene("", _begin, Policy()).act(folder, None).exit_code == ExitCode.OK


def _later(folder: Path, example: str) -> None:
    """A day after the first apply: edits of the file, work on the source, and what somebody did behind our back."""
    _applied(folder, example)
    path = folder / "replicator.yaml"
    text = path.read_text(encoding="utf-8")
    for before, after in _DAYS_WORK.get(example, ()):
        assert before in text, f"{example}: {before!r}"
        text = text.replace(before, after)
    path.write_text(text, encoding="utf-8")
    _run(folder, "us-east", *_ON_SOURCE.get(example, ()))
    _run(folder, "eu-west", *_ON_TARGET.get(example, ()))


def _ending(folder: Path, example: str) -> None:
    """All is applied, and its protection lifted: destroying it is next."""
    _applied(folder, example)
    with open_session(load(folder / "replicator.yaml")) as session:
        edits.unprotect(session.store.backend, *session.store.open().state.resources)


SCENES = {
    scene.name: scene
    for scene in (
        Scene("first", _begin, Policy()),
        Scene("later", _later, Policy(allow=RELEASED)),
        Scene("destroy", _ending, Policy(mode="destroy", allow=RELEASED)),
    )
}
