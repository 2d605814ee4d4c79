"""A workspace is reached without the SDK's clients of services, and who wants those still gets them."""

import subprocess
import sys
from pathlib import Path

OPEN = """
import sys
from pathlib import Path
from replicator.config.connection import Connection
from replicator.workspace.access import open_access
access = open_access(Connection(host="emulator://us-east"), Path(sys.argv[1]))
assert access.sdk_config.authenticate()["Authorization"].startswith("Bearer ")
assert "databricks.sdk.service.catalog" not in sys.modules
"""
USE = """
import databricks.sdk
from databricks.sdk import WorkspaceClient
assert databricks.sdk.core.Config is type(access.sdk_config).__mro__[1]
assert WorkspaceClient(config=access.sdk_config).current_user.me().user_name
"""


def _run(code: str, folder: Path) -> None:
    done = subprocess.run([sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_workspace_is_reached_without_the_clients_of_services(tmp_path: Path) -> None:
    _run(OPEN, tmp_path)


def test_the_whole_sdk_is_there_for_who_asks_for_it_later(tmp_path: Path) -> None:
    _run(OPEN + USE, tmp_path)


def test_the_whole_sdk_is_left_alone_where_it_is_imported_already(tmp_path: Path) -> None:
    opened = OPEN.replace('assert "databricks.sdk.service.catalog" not in sys.modules', "")
    _run("import databricks.sdk\n" + opened + USE, tmp_path)
