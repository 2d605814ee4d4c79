"""Whatever people, faults and crashes do to it in whatever order, it ends as the file says, and touches nothing else.

Hypothesis makes up histories: the file is edited, things are changed by hand on either side, objects are protected,
forgotten and found again, plans are saved and carried out later, answers are lost, the process is killed. Each command
is the real one, in a child with its own emulators. After every command:

* what nobody declared is as it was, and what is protected is there and stays protected;
* only that was taken away which the plan that was shown takes away.

At the end of each history three runs are enough to leave nothing to do but what protection holds back.
`REPLICATOR_EXHAUSTIVE=1` makes up many more and longer ones.
"""

import contextlib
import importlib
import json
import os
import re
import shutil
import signal
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from replicator.cli import entry
from replicator.emulator import requestlog, sql, start
from replicator.emulator.errors import ApiError, SqlError
from tests.execution import wire
from tests.invariants.driver import in_child
from tests.invariants.scenes import RELEASED
from tests.invariants.strikes import Strike, hurry
from tests.invariants.worlds import documents, log_size

EXHAUSTIVE = os.environ.get("REPLICATOR_EXHAUSTIVE") == "1"
EXAMPLES, STEPS = (200, 50) if EXHAUSTIVE else (4, 12)

CODES = frozenset({0, 1, 3, 4, 5})
"""How a command may end whatever was done to it; 2 and the rest would say something else."""

NOTHING_SUCH = 64
"""How `state forget` and `state unprotect` end when the state has no such address."""

ALLOW = [word for code in RELEASED for word in ("--allow-destroy", code)]
COMMENTS = st.sampled_from(["one", "two", "", "it's"])
SIDES = st.sampled_from(["us-east", "eu-west"])
STRIKES = st.builds(
    Strike,
    st.sampled_from(["kill_before", "kill_after", "lost_before", "lost_after", "busy_503", "failed_500"]),
    SIDES,
    st.integers(0, 40),
) | st.builds(Strike, st.sampled_from(["kill_before", "torn"]), st.just("state"), st.integers(0, 40))

FOREIGN = (
    "CREATE CATALOG theirs COMMENT 'not ours'",
    "CREATE SCHEMA theirs.kept",
    "CREATE TABLE theirs.kept.t (a INT)",
)


def _config() -> dict[str, Any]:
    return {
        "version": "1.0",
        "retry": {"max_attempts": 3, "retry_delay_seconds": 0},
        "source_databricks_connect_config": {"host": "emulator://us-east"},
        "target_databricks_connect_config": {"host": "emulator://eu-west"},
        "backup_config": {
            "catalogs": [{"catalog_name": "main", "backup_catalog": "bk", "schemas": [{"schema_name": "sales"}]}]
        },
        "resources": {
            "target": {
                "catalogs": {"marts": {"comment": "one"}},
                "schemas": {"marts.a": {"comment": "one"}},
                "tables": {"marts.a.t": {"columns": [{"name": "id", "type": "bigint"}]}},
                "grants": {"schema/marts.a": {"privileges": {"readers": ["SELECT"]}}},
            }
        },
    }


class History(RuleBasedStateMachine):
    """One deployment, from nothing to the end of its history."""

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="history-"))
        self.config = _config()
        self.protected = False
        self.saved = False
        self.write()
        self.by_hand("us-east", *FOREIGN, *wire.SOURCE)
        self.by_hand("eu-west", *FOREIGN)
        self.foreign = self.theirs()

    # ---- the world around it

    def write(self) -> None:
        (self.folder / "replicator.yaml").write_text(json.dumps(self.config), encoding="utf-8")

    def child(self, work: Callable[[], None]) -> int:
        def alone() -> None:
            os.chdir(self.folder)
            hurry()
            work()
            wire.end(self.folder)

        return in_child(alone)

    def by_hand(self, metastore: str, *statements: str) -> None:
        """Somebody runs SQL; what is not there (any more) cannot be changed, and that is all."""

        def work() -> None:
            session = start(metastore, wire.root(self.folder)).session()
            for statement in statements:
                with contextlib.suppress(SqlError, ApiError):
                    sql.execute(session, statement)

        assert self.child(work) == 0

    def command(self, *arguments: str, strike: Strike | None = None, codes: frozenset[int] = CODES) -> int:
        """Run a command; its exit code, or -9 when it was killed. What holds after every command is held here."""
        told, log = self.folder / "told", log_size(self.folder)
        told.unlink(missing_ok=True)

        def work() -> None:
            os.environ["XDG_CONFIG_HOME"] = str(self.folder / "home")
            out = os.open(self.folder / "out", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.dup2(out, 1)
            os.dup2(out, 2)
            if strike is not None:
                strike.arm(self.folder)
            told.write_text(str(entry.run(list(arguments))), encoding="utf-8")

        ended = self.child(work)
        assert ended in (0, -signal.SIGKILL), (self.folder / "out").read_text()
        code = int(told.read_text()) if told.exists() else ended
        assert code in codes or code == ended == -signal.SIGKILL, (code, (self.folder / "out").read_text())
        assert self.theirs() == self.foreign
        self.still_protected()
        self.taken = _taken(self.folder, log)
        return code

    def theirs(self) -> list[tuple[str, ...]]:
        return [doc for doc in documents(self.folder) if "theirs" in (*doc[2].split("\x1f"), doc[3])]

    def still_protected(self) -> None:
        state = self.folder / "state" / "default.json"
        if self.protected and state.exists():
            assert any(doc[:2] == ("eu-west", "catalog") and doc[3] == "marts" for doc in documents(self.folder))
            assert json.loads(state.read_text())["resources"]["target:catalog/marts"]["protect"] is True

    # ---- what people do

    @rule(comment=COMMENTS, what=st.sampled_from(["catalogs", "schemas"]))
    def edit(self, comment: str, what: str) -> None:
        for declared in self.config["resources"]["target"].get(what, {}).values():
            declared["comment"] = comment
        self.write()

    @rule(name=st.sampled_from(["marts.a", "marts.b"]), there=st.booleans())
    def declare_schema(self, name: str, there: bool) -> None:
        target = self.config["resources"]["target"]
        if there:
            target["schemas"].setdefault(name, {"comment": "one"})
        else:
            target["schemas"].pop(name, None)
            if name == "marts.a":
                target["tables"], target["grants"] = {}, {}
        self.write()

    @rule(privileges=st.sampled_from([[], ["SELECT"], ["SELECT", "MODIFY"]]))
    def declare_grants(self, privileges: list[str]) -> None:
        target = self.config["resources"]["target"]
        if "marts.a" in target["schemas"]:
            target["grants"] = {"schema/marts.a": {"privileges": {"readers": privileges}}} if privileges else {}
        self.write()

    @rule()
    def backup_another(self) -> None:
        self.by_hand("us-east", "CREATE TABLE main.sales.items (id BIGINT)", "INSERT INTO main.sales.items VALUES (1)")

    @rule(
        what=st.sampled_from(
            [
                ("us-east", "INSERT INTO main.sales.orders VALUES (7, 'later')"),
                ("us-east", "COMMENT ON TABLE bk.sales.orders IS 'by hand'"),
                ("us-east", "DROP TABLE bk.sales.orders"),
                ("us-east", "INSERT INTO bk.sales.orders VALUES (8, 'foreign')"),
                ("eu-west", "COMMENT ON SCHEMA marts.a IS 'by hand'"),
                ("eu-west", "DROP SCHEMA marts.b"),
                ("eu-west", "GRANT MODIFY ON SCHEMA marts.a TO `strangers`"),
                ("eu-west", "DROP TABLE marts.a.t"),
                ("eu-west", "CREATE SCHEMA marts.b"),
            ]
        )
    )
    def change_by_hand(self, what: tuple[str, str]) -> None:
        self.by_hand(*what)

    @rule()
    def protect(self) -> None:
        self.config["resources"]["target"]["catalogs"]["marts"]["lifecycle"] = {"protect": True}
        self.write()
        self.protected |= self.command("apply", "--yes", *ALLOW, "--skip-blocked") == 0
        self.config["resources"]["target"]["catalogs"]["marts"].pop("lifecycle")
        self.write()

    @precondition(lambda self: self.protected)
    @rule()
    def unprotect(self) -> None:
        self.protected = False
        self.command("state", "unprotect", "target:catalog/marts", codes=CODES | {NOTHING_SUCH})

    @rule(address=st.sampled_from(["target:schema/marts.b", "source:clone/bk.sales.orders"]))
    def forget(self, address: str) -> None:
        self.command("state", "forget", address, codes=CODES | {NOTHING_SUCH})

    # ---- what it does

    @rule(strike=st.none() | STRIKES)
    def apply(self, strike: Strike | None) -> None:
        """Save a plan, and carry out that very plan, or as much of it as the strike lets through."""
        if self.command("plan", "--out", "plan.json", *ALLOW) == 0:
            shown = _removing(self.folder / "plan.json")
            self.command("apply", "--plan", "plan.json", strike=strike)
            assert self.taken <= shown, (self.taken, shown)

    @rule()
    def save(self) -> None:
        self.saved = self.command("plan", "--out", "saved.json", *ALLOW) == 0

    @precondition(lambda self: self.saved)
    @rule()
    def apply_saved(self) -> None:
        """A plan from earlier does what it says, or is refused as stale."""
        self.command("apply", "--plan", "saved.json")
        assert self.taken <= _removing(self.folder / "saved.json")

    @rule()
    def destroy(self) -> None:
        self.command("destroy", "--yes", *ALLOW, "--skip-blocked")

    def teardown(self) -> None:
        if not hasattr(self, "folder"):
            return
        allow = [*ALLOW, "--allow-destroy", "DL202"]
        for _ in range(3):
            if self.command("apply", "--yes", "--skip-blocked", *allow) == 0:
                break
        assert self.command("plan", "--out", "left.json", *allow) == 0
        left = json.loads((self.folder / "left.json").read_text())["actions"]
        codes = {block["code"] for action in left for block in action.get("blocked", ())}
        assert all(action.get("blocked") for action in left), left
        assert codes <= {"PR101", "DL102", "OW102"}, left
        shutil.rmtree(self.folder)


def _removing(plan: Path) -> set[str]:
    """The names of what a saved plan takes away."""
    actions = json.loads(plan.read_text())["actions"]
    return {action["address"].partition("/")[2] for action in actions if action["do"] in ("delete", "replace")}


def _taken(folder: Path, since: int) -> set[str]:
    """The names of the objects that requests took away."""
    names = set()
    for found in requestlog.read(wire.root(folder), since, writes=True):
        dropped = re.match(r"DROP \w+ (?:IF EXISTS )?([\w.`]+)", found.get("statement", ""))
        if found["status"] < 400 and found["method"] == "DELETE":
            names.add(found["path"].partition("?")[0].rpartition("/")[2])
        elif found["status"] < 400 and dropped:
            names.add(dropped[1].replace("`", ""))
    return names


@pytest.mark.slow
@pytest.mark.timeout(24 * 3600 if EXHAUSTIVE else 900)
def test_any_history_ends_well() -> None:
    for name in ("databricks.sdk", "databricks.sql", "deltalake", "duckdb", "networkx", "deepdiff", "sqlglot"):
        importlib.import_module(name)
    chosen = settings(
        max_examples=EXAMPLES,
        stateful_step_count=STEPS,
        deadline=None,
        derandomize=not EXHAUSTIVE,
        print_blob=True,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(History, settings=chosen)
