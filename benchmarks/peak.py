"""Run replicator in this process, then say how much memory it took at most."""

import resource
import sys

from replicator.cli.entry import main

if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    finally:
        print(f"peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB", file=sys.stderr)
