"""One command of replicator as a task of a job: nightly.py --scope=SCOPE --source=HOST --target=HOST drift|run.

A task fails when its script raises, so an exit code becomes an exception. The command runs in a process of its own, to
which alone the secrets are given. Without --scope they come from the environment.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

SECRETS = ("SOURCE_CLIENT_ID", "SOURCE_CLIENT_SECRET", "TARGET_CLIENT_ID", "TARGET_CLIENT_SECRET")
MEANING = {2: "something drifted, or a copy is not equal", 3: "partly done", 4: "a guard holds it back", 6: "locked"}


def secrets(scope: str) -> dict[str, str]:
    """The credentials of both sides, from a secret scope of this workspace."""
    from databricks.sdk.runtime import dbutils

    return {name: dbutils.secrets.get(scope, name) for name in SECRETS}


def here(arguments: argparse.Namespace) -> Path:
    """The folder of replicator.yaml. A job runs this file without telling it its own name."""
    return Path(arguments.folder or (Path(__file__).parent if "__file__" in globals() else Path.cwd()))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--scope")
    parser.add_argument("--source", required=True)
    parser.add_argument("--target", required=True)
    parser.add_argument("--folder")
    parser.add_argument("command", choices=("drift", "run"))
    arguments = parser.parse_args()
    hosts = {"SOURCE_HOST": arguments.source, "TARGET_HOST": arguments.target}
    environment = os.environ | hosts | (secrets(arguments.scope) if arguments.scope else {})
    command = [sys.executable, "-m", "replicator", arguments.command, "-e", "prod"]
    code = subprocess.run(command, cwd=here(arguments), env=environment, check=False).returncode
    if code:
        raise RuntimeError(f"replicator {arguments.command} ended with {code}: {MEANING.get(code, 'see above')}")


if __name__ == "__main__":
    main()
