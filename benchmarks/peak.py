"""Run replicator in this process, then say how much memory it took at most."""

import re
import sys
from pathlib import Path

from replicator.cli.entry import main


def peak_megabytes() -> float:
    """What this program held at most. What getrusage tells begins with what its parent held when it was started."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"))
    return int(found[1]) / 1024 if found else 0.0


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    finally:
        print(f"peak {peak_megabytes():.0f} MB", file=sys.stderr)
