"""Whatever is wrong, it ends with one clear message, its exit code, no traceback, and nothing changed."""

from pathlib import Path

import pytest

from replicator.emulator import requestlog
from replicator.errors import ExitCode
from tests.cli.conftest import CONFIG, Command

ROOT = Path(".replicator") / "emulator"


def configured(folder: Path, *replaced: tuple[str, str], more: str = "") -> None:
    text = CONFIG
    for old, new in replaced:
        assert old in text
        text = text.replace(old, new)
    (folder / "replicator.yaml").write_text(text + more)


BAD_FILES = {
    "an unknown key": ((("share_name:", "share_nam:"),), "", "replicator.yaml:11:7", "did you mean `share_name`?"),
    "a wrong type": ((("max_workers: 4", "max_workers: many"),), "", "replicator.yaml:3:28", "many"),
    "a duplicate key": ((), 'version: "1.0"\n', "replicator.yaml:25:1", "a second time"),
    "a clear-text token": (
        (('"emulator://eu-west"', '"https://x.cloud.databricks.com", token: "dapi123"'),),
        "",
        "clear text",
        "secret_scope",
    ),
    "no YAML": ((("version:", "version: [unclosed"),), "", "replicator.yaml:", ""),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_a_wrong_file_names_the_place(case: str, shop: Path, command: Command) -> None:
    replaced, more, *said = BAD_FILES[case]
    configured(shop, *replaced, more=more)
    asked = requestlog.position(shop / ROOT)
    for verb in (["validate"], ["plan"], ["apply", "--yes"]):
        ended = command(*verb)
        assert ended.code == ExitCode.ERROR
        assert ended.out == ""
        assert all(text in ended.err for text in said), ended.err
    assert "dapi123" not in ended.err
    assert requestlog.position(shop / ROOT) == asked


def test_a_missing_file(shop: Path, command: Command) -> None:
    ended = command("plan", "-c", "nowhere.yaml")
    assert (ended.code, ended.out) == (ExitCode.ERROR, "")
    assert "nowhere.yaml: there is no such file" in ended.err


def test_a_cycle_between_resources(shop: Path, command: Command) -> None:
    schemas = """
resources:
  target:
    schemas:
      shop_dr.one: {after: ["target:schema/shop_dr.two"]}
      shop_dr.two: {after: ["target:schema/shop_dr.one"]}
"""
    configured(shop, more=schemas)
    ended = command("plan")
    assert ended.code == ExitCode.ERROR
    assert "target:schema/shop_dr.one" in ended.err
    assert "target:schema/shop_dr.two" in ended.err
    assert _writes(shop) == 0


def _writes(folder: Path) -> int:
    return len(requestlog.read(folder / ROOT, writes=True))


UNREACHABLE = {
    "an unreachable host": '"http://127.0.0.1:9", token: {env: TOKEN}, warehouse_id: "abc"',
    "a host that does not exist": '"https://nowhere.invalid", token: {env: TOKEN}, warehouse_id: "abc"',
}


@pytest.mark.parametrize("case", UNREACHABLE)
def test_a_workspace_that_cannot_be_reached(
    case: str, shop: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", "dapi-secret-value")
    configured(shop, ('"emulator://eu-west"', UNREACHABLE[case]))
    ended = command("apply", "--yes")
    assert ended.code == ExitCode.ERROR
    assert ended.out == ""
    assert "127.0.0.1:9" in ended.err or "nowhere.invalid" in ended.err
    assert "dapi-secret-value" not in ended.err
    assert _writes(shop) == 0


def test_an_expired_token(shop: Path, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    from replicator.emulator import start

    served = start("eu-west", shop / ROOT)
    monkeypatch.setenv("TOKEN", "dapi-expired-value")
    configured(
        shop,
        ('"emulator://eu-west"', f'"{served.url}", token: {{env: TOKEN}}, warehouse_id: "{served.warehouse_id}"'),
    )
    ended = command("apply", "--yes")
    assert ended.code == ExitCode.ERROR
    assert "token" in ended.err
    assert "dapi-expired-value" not in ended.err
    assert _writes(shop) == 0


def test_a_warehouse_that_does_not_exist(shop: Path, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    from replicator.emulator import start

    served = start("eu-west", shop / ROOT)
    monkeypatch.setenv("TOKEN", served.token)
    configured(
        shop, ('"emulator://eu-west"', f'"{served.url}", token: {{env: TOKEN}}, warehouse_id: "0123456789abcdef"')
    )
    ended = command("apply", "--yes")
    assert ended.code != ExitCode.OK
    assert "0123456789abcdef" in ended.err + ended.out


def test_a_missing_source_table(shop: Path, command: Command) -> None:
    configured(
        shop,
        (
            'schemas: [{schema_name: "sales"}]\nreplication',
            'schemas: [{schema_name: "sales", tables: [{table_name: "nowhere"}]}]\nreplication',
        ),
    )
    ended = command("apply", "--yes")
    assert ended.code == ExitCode.ERROR
    assert "nowhere" in ended.err
    assert "replicator.yaml:" in ended.err
    assert _writes(shop) == 0


def test_a_target_table_that_is_not_ours(shop: Path, command: Command) -> None:
    theirs = "CREATE CATALOG shop_dr; CREATE SCHEMA shop_dr.sales; CREATE TABLE shop_dr.sales.orders (mine INT)"
    command("emulator", "exec", "emulator://eu-west", theirs)
    ended = command("apply", "--yes")
    assert ended.code == ExitCode.BLOCKED
    assert "target:clone/shop_dr.sales.orders" in ended.err
    assert "exists and is not managed by this deployment [OW102]" in ended.err
    assert _writes(shop) == 0


def test_an_environment_that_is_not_in_the_file(shop: Path, command: Command) -> None:
    ended = command("validate", "-e", "prod")
    assert ended.code == ExitCode.ERROR
    assert "prod" in ended.err


def test_sql_that_is_refused_names_its_line(shop: Path, command: Command) -> None:
    (shop / "bad.sql").write_text("SELECT 1;\n\n-- a comment; with a semicolon\nSELECT nothing FROM nowhere.at.all;\n")
    ended = command("emulator", "exec", "emulator://us-east", "-f", "bad.sql")
    assert ended.code == ExitCode.ERROR
    assert "bad.sql:4: [" in ended.err
