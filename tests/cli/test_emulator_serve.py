"""`replicator emulator serve` as a process: what it prints is enough for a client."""

from __future__ import annotations

import json
import signal
import sys
import time
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


@pytest.mark.parametrize("seconds", [0.0, 0.4, 0.8])
def test_an_interrupt_while_the_engines_load_ends_it_in_silence(tmp_path: Path, seconds: float) -> None:
    command = [sys.executable, "-m", "replicator", "emulator", "serve", "us-east", "--root", str(tmp_path / "r")]
    with Popen(command, stdout=PIPE, stderr=PIPE, text=True) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == "Serving; interrupt to end.\n"
        time.sleep(seconds)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
    assert (process.returncode, said) == (130, "interrupted\n")


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="only Linux says what a process has loaded")
def test_serve_loads_the_engines_before_the_first_statement(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "replicator", "emulator", "serve", "us-east", "--root", str(tmp_path / "r")]
    with Popen(command, stdout=PIPE, stderr=PIPE, text=True) as process:
        assert process.stderr is not None
        process.stderr.readline()
        maps = Path(f"/proc/{process.pid}/maps")
        deadline = time.monotonic() + 30
        while "_duckdb" not in maps.read_text() and time.monotonic() < deadline:
            time.sleep(0.05)
        loaded = "_duckdb" in maps.read_text()
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
    assert loaded


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
