"""Whatever goes wrong once, and wherever it does, running the same command again comes to the same world.

For each example, on a first day, on a later day (the file was edited, the source went on, somebody changed things by
hand) and at its end (`destroy`): the process is killed, an answer is lost, the workspace is busy or fails, at each
request; and the process is killed at each write of its state and journal. After that the command is run again, three
times at most, and then:

* it has ended well, and once more it sends no write;
* both metastores hold exactly what they hold where nothing went wrong: nothing twice, nothing left over, every row, and
  what nobody declared as it was;
* state says the same as well, with nothing pending;
* nothing was taken away that would not have been.

A part of all these cases is run, another one for each `REPLICATOR_SEED`; `REPLICATOR_EXHAUSTIVE=1` runs all of them,
which takes hours.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.invariants.scenes import NAMES, SCENES

EXHAUSTIVE = os.environ.get("REPLICATOR_EXHAUSTIVE") == "1"
SAMPLE = 14
SEED = int(os.environ.get("REPLICATOR_SEED", "0"))


def strike(folder: Path, example: str, scene: str, *strikes: str) -> list[str]:
    """The driver's report, after its first line: a line for each strike."""
    command = [sys.executable, "-m", "tests.invariants.driver", str(folder), example, scene, *strikes]
    home = Path(__file__).parents[2]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=home)
    print(done.stdout, done.stderr)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()[1:-1]


@pytest.mark.slow
@pytest.mark.timeout(24 * 3600 if EXHAUSTIVE else 600)
@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize("example", NAMES)
def test_whatever_goes_wrong_once_the_end_is_the_same(tmp_path: Path, example: str, scene: str) -> None:
    strikes = "*@*:*" if EXHAUSTIVE else f"~{SAMPLE}+{SEED}"
    print(f"repeat with REPLICATOR_SEED={SEED}")
    told = strike(tmp_path, example, scene, strikes)
    assert len(told) >= SAMPLE
    assert all(line.endswith(" struck, well") for line in told)


def test_a_run_that_is_killed_is_finished_by_the_next(tmp_path: Path) -> None:
    told = strike(
        tmp_path, "objects", "first", "kill_after@us-east:*/9+3", "torn@state:*/15+7", "lost_after@eu-west:16"
    )
    assert {line.partition("@")[0] for line in told} == {"kill_after", "torn", "lost_after"}
    assert all(line.endswith(" struck, well") for line in told)
