"""A credential that is planted, and failures of every kind: none of the bytes that are written holds it."""

from pathlib import Path

import pytest

from replicator.cli import entry
from replicator.emulator import start
from replicator.emulator.faults import Rule
from tests.cli.conftest import CONFIG, Command

ROOT = Path(".replicator") / "emulator"
CANARY = "canary-7d1f0c8e-not-to-be-seen"
AUDITED = CONFIG.replace('emulator://eu-west"}', 'emulator://eu-west", token: {env: CANARY}}').replace(
    'version: "1.0"',
    'version: "1.0"\naudit_config: {audit_table: ops.audit.log, logging_workspace: source, create_audit_catalog: true}',
)
ECHO = f"no such thing for Authorization: {CANARY}"

FAILURES = {
    "a listing fails": Rule("status", method="GET", path="/tables", status=500, message=ECHO, times=3),
    "reading is refused": Rule("status", method="GET", path="/catalogs/", status=403, message=ECHO, times=3),
    "a write is refused": Rule("status", method="POST", path="/schemas", status=403, message=ECHO, times=3),
    "a write fails": Rule("status", method="POST", path="/schemas", status=500, message=ECHO, times=3),
    "a statement is refused": Rule("status", statement="DEEP CLONE", status=403, message=ECHO, times=3),
    "a statement fails": Rule("statement_error", statement="DEEP CLONE", message=ECHO, times=3),
    "an answer is lost": Rule("drop_after", method="POST", path="/unity-catalog/", times=3),
    "the token expires": Rule("expire_token", method="POST", path="/schemas"),
    "too many requests": Rule(
        "status", method="GET", path="/providers", status=429, message=ECHO, retry_after=0, times=2
    ),
}


def written(folder: Path) -> bytes:
    """All that lies under a folder, but for the request log, which is the emulated server's own."""
    files = (path for path in folder.rglob("*") if path.is_file() and "requests" not in path.name)
    return b"".join(path.read_bytes() + bytes(str(path), "utf-8") for path in files if "faults" not in path.name)


@pytest.mark.parametrize("kind", FAILURES)
def test_no_failure_shows_a_token(
    kind: str, shop: Path, command: Command, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    endpoint = start("eu-west", shop / ROOT, token=CANARY)
    monkeypatch.setenv("CANARY", CANARY + "\n")
    (shop / "replicator.yaml").write_text(AUDITED)
    endpoint.faults.add(FAILURES[kind])
    capsys.readouterr()
    for arguments in (
        ("apply", "--yes", "-v", "--events", "events.ndjson"),
        ("plan", "--json", "--out", "plan.json"),
        ("apply", "--yes", "--json", "--debug", "--events", "-"),
        ("drift", "--json"),
    ):
        entry.run(list(arguments))
    told = "".join(capsys.readouterr())
    rows = command("emulator", "exec", "emulator://us-east", "SELECT * FROM ops.audit.log")
    assert CANARY not in told + rows.out + rows.err
    assert CANARY.encode() not in written(shop)
    if FAILURES[kind].message == ECHO and FAILURES[kind].status != 429:  # that one is only waited for
        assert "Authorization: ***" in told


@pytest.mark.parametrize("token", ["x\n{}", "{}\x01", "{}\n", "\u20ac{}"])
def test_no_malformed_token_is_shown(token: str, shop: Path, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CANARY", token.format(CANARY))
    (shop / "replicator.yaml").write_text(AUDITED)
    for arguments in (("plan",), ("apply", "--yes", "-v", "--events", "events.ndjson")):
        ended = command(*arguments)
        assert ended.code == 1
        assert CANARY not in ended.out + ended.err
    assert CANARY.encode() not in written(shop)
