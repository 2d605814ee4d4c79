"""TLS on the wire, and the instructions that `serve` prints: what is pasted from them must work."""

from __future__ import annotations

import configparser
import http.client
import json
import os
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from replicator.emulator import Endpoint, connect, start, stop

READ = """
import databricks.sdk
w = databricks.sdk.WorkspaceClient()
print(w.metastores.summary().name, [found.name for found in w.warehouses.list()])
"""


@pytest.fixture(params=[False, True], ids=["http", "https"])
def either(request: pytest.FixtureRequest, root: Path) -> Iterator[Endpoint]:
    """The same metastore over http and over https."""
    e = start("us-east", root, tls=request.param)
    yield e
    stop(e)


@pytest.fixture
def secure(root: Path) -> Iterator[Endpoint]:
    e = start("us-east", root, tls=True)
    yield e
    stop(e)


def run(code: str, **environment: str) -> str:
    """The output of a Python process of its own; an unset variable is the empty string."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("DATABRICKS_")}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=kept | environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.slow
def test_the_sdk_connects_from_the_environment(either: Endpoint) -> None:
    assert run(READ, **connect.environment(either)) == "us-east ['Serverless Starter Warehouse']"


@pytest.mark.slow
def test_the_sdk_connects_from_a_profile(either: Endpoint, tmp_path: Path) -> None:
    file = tmp_path / "databrickscfg"
    file.write_text(connect.instructions(either)["~/.databrickscfg"])
    assert configparser.ConfigParser().read(file)
    chosen = {"DATABRICKS_CONFIG_FILE": str(file), "DATABRICKS_CONFIG_PROFILE": "us-east"}
    trust = {key: value for key, value in connect.environment(either).items() if not key.startswith("DATABRICKS_")}
    assert run(READ, **chosen, **trust) == "us-east ['Serverless Starter Warehouse']"


def test_the_connector_snippet_runs(either: Endpoint) -> None:
    names: dict[str, object] = {}
    exec(connect.instructions(either)["SQL connector"], names)
    connection = names["connection"]
    with connection, connection.cursor() as cursor:  # type: ignore[attr-defined]
        assert cursor.execute("SELECT 1 + 1").fetchone()[0] == 2


def test_every_client_is_told_the_token_once_and_no_other(either: Endpoint) -> None:
    told = connect.instructions(either)
    for name, text in told.items():
        assert (either.token in text) == (name != "delta-sharing"), name
    assert connect.page_address(either).startswith(either.url)


def test_the_certificate_is_good_for_the_loopback_names(secure: Endpoint) -> None:
    context = ssl.create_default_context(cafile=str(secure.ca_file))
    port = urlsplit(secure.url).port or 0
    for name in ("127.0.0.1", "localhost"):
        connection = http.client.HTTPSConnection(name, port, context=context, timeout=9)
        connection.request("GET", "/.well-known/databricks-config")
        assert connection.getresponse().status == 200
        connection.close()
    with pytest.raises(requests.exceptions.SSLError):
        requests.get(secure.url, timeout=9)


def test_keys_are_private_and_kept(secure: Endpoint, root: Path) -> None:
    folder = root / "tls"
    assert {path.stat().st_mode & 0o077 for path in (folder, *folder.iterdir())} == {0}
    assert "PRIVATE KEY" not in (folder / "ca.pem").read_text()
    before = (folder / "ca.pem").read_bytes()
    stop(secure)
    again = start("us-east", root, tls=True)
    assert again.ca_file is not None
    assert again.ca_file.read_bytes() == before
    stop(again)


def test_a_silent_or_confused_client_holds_up_nobody(secure: Endpoint) -> None:
    port = urlsplit(secure.url).port or 0
    silent = socket.create_connection(("127.0.0.1", port))
    confused = socket.create_connection(("127.0.0.1", port))
    confused.sendall(b"GET / HTTP/1.1\r\n\r\n")
    answer = requests.get(f"{secure.url}/.well-known/databricks-config", verify=str(secure.ca_file), timeout=9)
    assert json.loads(answer.text)["cloud"] == "AWS"
    silent.close()
    confused.close()


def test_links_follow_the_scheme(secure: Endpoint) -> None:
    headers = {"Authorization": f"Bearer {secure.token}"}
    url = f"{secure.url}/api/2.0/sql/warehouses/{secure.warehouse_id}"
    found = requests.get(url, headers=headers, verify=str(secure.ca_file), timeout=9).json()
    assert found["odbc_params"]["protocol"] == "https"
    assert "ssl=1" in found["jdbc_url"]
