"""Strike one scene of one example many times, each time from the same beginning, and hold every outcome to the oracle.

`python -m tests.invariants.driver FOLDER EXAMPLE SCENE STRIKE…` prints a line for each strike; a strike is
`kill_before@us-east:3`, or `*@us-east:*` for every kind and every k (`*@*:*` for all there is), and `/STEP+OFFSET`
behind it takes a part of those. `~20+7` stands for about twenty of all there is, others with another number than 7.

The imports are paid once: each run is a forked child with the emulators that it talks to, so that both die at once.
"""

import importlib
import os
import pickle
import shutil
import signal
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from replicator.config import load
from replicator.emulator import requestlog
from replicator.errors import ExitCode, ReplicatorError
from replicator.execution.session import open_session
from tests.execution import wire
from tests.invariants.scenes import SCENES, Scene
from tests.invariants.strikes import STATE, Chances, Strike, Writes, chosen, hurry
from tests.invariants.worlds import (
    Facts,
    copied,
    destroyed,
    differing,
    facts,
    log_size,
    tables_in,
    with_results,
    without,
)

RUNS = 3
"""In so many runs at most, everything is as it should be again."""

AT_ONCE = int(os.environ.get("REPLICATOR_STRIKES_AT_ONCE", "2"))


@dataclass(frozen=True)
class Undisturbed:
    """What a scene comes to when nothing goes wrong, what it takes away, and where something could go wrong.

    `volatile` are tables that say something of the runs themselves (an audit trail, results of checks): a run that
    cannot write them warns, and goes on without them.
    """

    world: Facts
    volatile: frozenset[str]
    taken: frozenset[str]
    chances: Chances


def in_child(work: Callable[[], object]) -> int:
    """Run in a child; its exit code, negative for the signal that ended it."""
    child = forked(work)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def forked(work: Callable[[], object]) -> int:
    """Begin something in a child that ends with 0 when it went well; its process id."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        work()
        code = 0
    except Exception:  # noqa: BLE001  told, and then the child ends: it must not return into the parent's code
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def outcome(folder: Path, scene: Scene) -> Facts:
    """Act until it ends well, within RUNS; acting once more does nothing. Returns the world that it came to."""
    for _ in range(RUNS):
        try:
            ended = scene.act(folder)
        except ReplicatorError as error:
            print(f"refused: {error}", file=sys.stderr)
            continue
        if ended.exit_code == ExitCode.OK:
            break
        print([(item.action.address, item.error) for item in ended.results if item.error], file=sys.stderr)
    else:
        raise AssertionError(f"not done in {RUNS} runs")
    log = log_size(folder)
    again = scene.act(folder)
    assert again.exit_code == ExitCode.OK
    assert not again.results, f"still to do: {[f'{item.action.do} {item.action.address}' for item in again.results]}"
    assert not written(folder, log), "written, though nothing was to do"
    with open_session(load(folder / "replicator.yaml")) as session:
        opened = session.store.open()
    assert not opened.pending, f"still unknown: {dict(opened.pending)}"
    assert opened.saved, "the state is not saved"
    return facts(folder, opened)


def written(folder: Path, log: int) -> list[object]:
    """Requests since then that changed an object. Files of a state in a volume are none: an apply takes its lock."""
    return [entry for entry in requestlog.read(wire.root(folder), log, writes=True) if "/fs/" not in entry["path"]]


def undisturbed(folder: Path, prepared: Path, scene: Scene) -> Undisturbed:
    """The scene, twice: a table in which the two differ says something of the runs only."""
    worlds: list[Facts] = []
    for name in ("one", "two"):
        here = copied(prepared, folder / name)
        log, writes = log_size(here), Writes(here)
        assert scene.act(here).exit_code == ExitCode.OK
        chances: dict[str, list[str]] = {STATE: list(writes.seen)}
        for entry in requestlog.read(wire.root(here), log):
            does = "writes" if entry["writes"] else "reads"
            chances.setdefault(str(entry["metastore"]), []).append(f"request that {does}")
        worlds.append(outcome(here, scene))
        taken = destroyed(here, log)
        wire.end(here)
    volatile = with_results(tables_in(differing(*worlds)))
    one, two = (without(world, volatile) for world in worlds)
    assert one == two, f"two undisturbed runs came to different ends: {differing(one, two)}"
    return Undisturbed(one, volatile, frozenset(taken), chances)


def struck(folder: Path, scene: Scene, strike: Strike, told: Path) -> None:
    """The disturbed run. It may well fail: that is what the strike is for."""
    came = strike.arm(folder)
    try:
        scene.act(folder)
    except ReplicatorError as error:
        print(f"at the strike: {error}", file=sys.stderr)
    told.write_text("struck" if came() else "missed", encoding="utf-8")
    wire.faults(folder)


def judged(folder: Path, scene: Scene, strike: Strike, expected: Undisturbed, told: Path) -> None:
    """Strike, act again, and compare the world with the undisturbed one. Raises AssertionError."""
    log = log_size(folder)
    if strike.kills:
        told.write_text("struck", encoding="utf-8")
        code = in_child(lambda: struck(folder, scene, strike, told))
        assert code in (0, -signal.SIGKILL), f"the struck run ended with {code}"
    else:
        struck(folder, scene, strike, told)
    found = without(outcome(folder, scene), expected.volatile)
    assert found == expected.world, "another world:\n" + "\n".join(differing(expected.world, found))
    more = destroyed(folder, log) - expected.taken
    assert not more, f"taken away, though no plan said so: {more}"


def begun(folder: Path, prepared: Path, scene: Scene, strike: Strike, expected: Undisturbed) -> int:
    """Fork a child for one strike, which tells its troubles to a file; its process id."""

    def work() -> None:
        os.dup2(os.open(folder / f"{strike}.log", os.O_WRONLY | os.O_CREAT, 0o600), sys.stderr.fileno())
        judged(copied(prepared, folder / str(strike)), scene, strike, expected, folder / f"{strike}.told")

    return forked(work)


def every(strikes: Iterable[Strike], begin: Callable[[Strike], int]) -> Iterator[tuple[Strike, int]]:
    """Run each strike in a child, AT_ONCE at a time; the exit code of each as it ends."""
    running: dict[int, Strike] = {}
    waiting = iter(strikes)
    while True:
        while len(running) < AT_ONCE and (strike := next(waiting, None)) is not None:
            running[begin(strike)] = strike
        if not running:
            return
        child, status = os.wait()
        yield running.pop(child), os.waitstatus_to_exitcode(status)


def report(folder: Path, strike: Strike, code: int) -> str:
    told, log = folder / f"{strike}.told", folder / f"{strike}.log"
    came = told.read_text(encoding="utf-8") if told.exists() else "nothing"
    if code:
        return f"{strike} {came}, WRONG: {folder / str(strike)}\n{log.read_text(encoding='utf-8')}"
    shutil.rmtree(folder / str(strike))
    log.unlink()
    return f"{strike} {came}, well"


def main(folder: Path, example: str, scene: Scene, patterns: list[str]) -> int:
    for name in ("databricks.sdk", "databricks.sql", "deltalake", "duckdb", "networkx", "deepdiff", "sqlglot"):
        importlib.import_module(name)
    hurry()
    prepared, kept = folder / "prepared", folder / "undisturbed"

    def prepare_it() -> None:
        scene.prepare(prepared, example)
        wire.end(prepared)

    def measure() -> None:
        kept.write_bytes(pickle.dumps(undisturbed(folder, prepared, scene)))

    assert in_child(prepare_it) == 0
    assert in_child(measure) == 0
    expected: Undisturbed = pickle.loads(kept.read_bytes())
    there_is = {where: len(listed) for where, listed in sorted(expected.chances.items())}
    print(f"chances {there_is}, about runs: {sorted(expected.volatile)}", flush=True)
    strikes = [strike for pattern in patterns for strike in chosen(pattern, expected.chances)]
    wrong = 0
    for strike, code in every(strikes, lambda strike: begun(folder, prepared, scene, strike, expected)):
        print(report(folder, strike, code), flush=True)
        wrong += code != 0
    print(f"{len(strikes)} strikes, {wrong} wrong", flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2], SCENES[sys.argv[3]], sys.argv[4:]))
