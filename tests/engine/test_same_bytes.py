"""A plan is the same bytes whatever the hash seed, and whatever the order of keys, pages and entries."""

import os
import subprocess
import sys
from pathlib import Path

from tests.engine.hashed_plan import shuffled

ROOT = Path(__file__).parents[2]


def printed(hash_seed: str, seed: int) -> str:
    command = [sys.executable, "-m", "tests.engine.hashed_plan", str(seed)]
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True).stdout


def test_under_any_hash_seed_and_in_any_order() -> None:
    first = printed("0", 0)
    assert '"do":"delete"' in first
    assert '"do":"create"' in first
    assert {printed(hash_seed, seed) for hash_seed, seed in (("1", 1), ("4711", 2))} == {first}


def test_in_many_orders() -> None:
    first = shuffled(0).model_dump_json()
    assert {shuffled(seed).model_dump_json() for seed in range(1, 12)} == {first}
