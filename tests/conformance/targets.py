"""What the official clients are pointed at: the emulator, as `replicator emulator serve` serves it, or a live one."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from databricks import sql
from databricks.sdk import WorkspaceClient
from databricks.sdk.core import Config

LIVE = ("REPLICATOR_LIVE_HOST", "REPLICATOR_LIVE_TOKEN", "REPLICATOR_LIVE_WAREHOUSE")
EMULATOR, WORKSPACE = "emulator", "live"


@dataclass(frozen=True)
class Target:
    """One workspace. `secure` is the same emulated workspace over https; a live one is always."""

    name: str
    host: str
    token: str
    warehouse_id: str
    ca_file: Path | None = None
    secure: Target | None = None
    root: Path | None = None  # of the emulator

    @property
    def is_live(self) -> bool:
        return self.name == WORKSPACE

    @property
    def http_path(self) -> str:
        return f"/sql/1.0/warehouses/{self.warehouse_id}"

    @property
    def encrypted(self) -> Target:
        """The workspace over https, for clients that speak nothing else."""
        return self.secure or self

    def client(self, token: str | None = None) -> WorkspaceClient:
        """The SDK."""
        settings = {"retry_timeout_seconds": 60, "http_timeout_seconds": 60}
        return WorkspaceClient(config=Config(host=self.host, token=token or self.token, auth_type="pat", **settings))

    def thrift(self, token: str | None = None, **options: Any) -> Any:
        """The SQL connector over Thrift."""
        return self._connect(token, **self._thrift_address(), **options)

    def sea(self, token: str | None = None, **options: Any) -> Any:
        """The SQL connector over the Statement Execution API."""
        url = urlsplit(self.host)
        address = {} if self.is_live else {"server_hostname": f"{url.scheme}://{url.hostname}", "_port": url.port}
        return self._connect(token, use_sea=True, **address, **options)

    def _thrift_address(self) -> dict[str, Any]:
        return {} if self.is_live else {"_connection_uri": self.host + self.http_path}

    def _connect(self, token: str | None, **options: Any) -> Any:
        host = urlsplit(self.host).hostname
        settings = {"server_hostname": host, "enable_telemetry": False, "_socket_timeout": 120, "_retry_delay_max": 5}
        return sql.connect(http_path=self.http_path, access_token=token or self.token, **settings | options)

    def environment(self) -> dict[str, str]:
        """Variables for a client in a process of its own: this workspace and no other."""
        foreign = ("DATABRICKS_", "PYTEST_", "REPLICATOR_LIVE_")
        kept = {key: value for key, value in os.environ.items() if not key.startswith(foreign)}
        named = {
            "DATABRICKS_HOST": self.host,
            "DATABRICKS_TOKEN": self.token,
            "DATABRICKS_WAREHOUSE_ID": self.warehouse_id,
        }
        if self.ca_file is not None:
            named |= {"REQUESTS_CA_BUNDLE": str(self.ca_file), "SSL_CERT_FILE": str(self.ca_file)}
        return kept | named


def live() -> Target | None:
    """The workspace that the environment names."""
    host, token, warehouse = (os.environ.get(name, "") for name in LIVE)
    return Target(WORKSPACE, host.rstrip("/"), token, warehouse) if host and token and warehouse else None


@contextlib.contextmanager
def emulator(root: Path, *options: str) -> Iterator[Mapping[str, Any]]:
    """`replicator emulator serve us-east eu-west` in a process of its own; what it says of each metastore, by name."""
    command = [sys.executable, "-m", "replicator", "emulator", "serve", "--json", "--root", str(root), *options]
    with (root.parent / "serve.log").open("ab") as log:
        server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
    try:
        yield {fact["name"]: fact for fact in json.loads(_document(server))}
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(30)
        assert server.stdout is not None
        server.stdout.close()


def _document(server: subprocess.Popen[str]) -> str:
    """The JSON that the server prints once it serves."""
    assert server.stdout is not None
    lines: list[str] = []
    for line in server.stdout:
        lines.append(line)
        if line == "]\n":
            return "".join(lines)
    raise AssertionError(f"the emulator ended with {server.wait()} before it served anything")
