"""Kill an apply with SIGKILL at a given write, and run it again: `python -m tests.execution.killing FOLDER KILL…`.

A kill is `kill_before:rest:3`. The imports are paid once; each apply runs in a forked child together with the emulator
it talks to, so that both die at once.
"""

import importlib
import os
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

from replicator.emulator.faults import Rule
from replicator.errors import ExitCode
from tests.execution import wire


def in_child(work: Callable[[], int]) -> int:
    """Run in a child; its exit code, negative for the signal that ended it."""
    child = os.fork()
    if child == 0:
        code = 99
        try:
            code = work()
        except Exception:  # noqa: BLE001  told, and then the child ends: it must not return into the parent's code
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def begin(folder: Path) -> int:
    wire.begin(folder)
    wire.end(folder)
    return 0


def struck(folder: Path, kill: str) -> int:
    moment, what, k = kill.split(":")
    kind = wire.REST_WRITES if what == "rest" else wire.SQL_WRITES
    wire.faults(folder, Rule(action=moment, after=int(k), **kind))  # type: ignore[arg-type]
    return int(wire.apply(folder).exit_code)


def finish(folder: Path) -> int:
    for _ in range(3):
        if wire.apply(folder).exit_code == ExitCode.OK:
            break
    left, lost = wire.plan(folder).actions, wire.orphans(folder)
    print(left, lost, file=sys.stderr)
    return 1 if left or lost else 0


def main(folder: Path, kills: list[str]) -> int:
    for name in ("databricks.sdk", "databricks.sql", "duckdb", "networkx", "deepdiff", "sqlglot"):
        importlib.import_module(name)
    for kill in kills:
        here = folder / kill.replace(":", "-")
        prepared = in_child(lambda here=here: begin(here))  # type: ignore[misc]
        ended = in_child(lambda here=here, kill=kill: struck(here, kill))  # type: ignore[misc]
        after = in_child(lambda here=here: finish(here))  # type: ignore[misc]
        assert prepared == 0
        word = "killed" if ended == -signal.SIGKILL else f"ended with {ended}"
        print(f"{kill} {word}, then {'well' if after == 0 else f'ended with {after}'}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
