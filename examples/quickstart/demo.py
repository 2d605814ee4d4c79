"""Run the quickstart as a person would type it, and stop at the first command that does not end as it should."""

import os
import shlex
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent

STEPS: list[tuple[str, str, int]] = [
    ("Start from nothing: whatever this folder's two metastores and its state hold is thrown away", "rm -rf state", 0),
    ("", "replicator emulator reset --yes", 0),
    ("Put some data into the source", "replicator emulator exec emulator://us-east -f source.sql", 0),
    ("What would it take to have all of it on the other side?", "replicator plan", 0),
    ("Do exactly that", "replicator apply --yes", 0),
    ("Nothing is left to do", "replicator plan --detailed-exitcode", 0),
    ("A day passes on the source", "replicator emulator exec emulator://us-east -f changes.sql", 0),
    ("Somebody edits the target", "replicator emulator exec emulator://eu-west -f behind_our_back.sql", 0),
    ("What changed behind our back? (exit code 2: something did)", "replicator drift", 2),
    ("Bring it back, and the new rows along", "replicator plan", 0),
    ("", "replicator apply --yes", 0),
    ("Are the copies equal?", "replicator reconcile", 0),
]


def main() -> int:
    started = time.monotonic()
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    for why, command, expected in STEPS:
        if why:
            print(f"\n# {why}", flush=True)
        print(f"$ {command}", flush=True)
        program, *arguments = shlex.split(command)
        code = subprocess.run([program, *arguments], cwd=HERE, env=environment, check=False).returncode
        if code != expected:
            print(f"demo: {command!r} ended with {code}, expected {expected}", file=sys.stderr)
            return 1
    seconds = time.monotonic() - started
    print(f"\nAll of it in {seconds:.0f} s. It is yours to play with: cd {os.path.relpath(HERE)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
