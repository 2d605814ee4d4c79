"""`replicator emulator serve` as a process: what it prints is enough for a client."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path
from subprocess import PIPE, Popen

import pytest
import requests


@pytest.mark.parametrize("tls", [False, True])
def test_what_serve_prints_opens_the_metastore(tmp_path: Path, tls: bool) -> None:
    command = [
        sys.executable,
        "-m",
        "replicator",
        "emulator",
        "serve",
        "us-east",
        "--json",
        "--root",
        str(tmp_path / "r"),
    ]
    with Popen([*command, "--tls"] if tls else command, stdout=PIPE, stderr=PIPE, text=True) as process:
        assert process.stdout is not None
        text = ""
        while not text.rstrip().endswith("]"):
            text += process.stdout.readline()
        (served,) = json.loads(text)
        head = {"Authorization": f"Bearer {served['token']}"}
        catalogs = f"{served['host']}/api/2.1/unity-catalog/catalogs"
        answer = requests.get(catalogs, headers=head, verify=served.get("ca_file", True), timeout=30)
        assert answer.status_code == 200
        assert served["host"].startswith("https://127.0.0.1:" if tls else "http://127.0.0.1:")
        assert requests.get(served["page"], verify=served.get("ca_file", True), timeout=30).status_code == 200
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130


def test_serve_says_how_each_client_connects(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "replicator", "emulator", "serve", "us-east", "--root", str(tmp_path / "r")]
    with Popen(command, stdout=PIPE, stderr=PIPE, text=True) as process:
        assert process.stderr is not None
        assert "Serving" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        text, _ = process.communicate(timeout=30)
    token = next(line.split()[1] for line in text.splitlines() if line.strip().startswith("token "))
    assert f"export DATABRICKS_TOKEN='{token}'" in text
    for client in ("~/.databrickscfg", "SQL connector", "dbt: profiles.yml", "Terraform: provider", "delta-sharing"):
        assert f"\n{client}\n" in text
