"""The way in: credentials by reference, hosts that do not answer, and nothing secret in any message."""

import time
from pathlib import Path

import pytest

from replicator.address import Side
from replicator.config.connection import Connection, SecretRef
from replicator.errors import ConfigError, ReplicatorError, Unavailable, WorkspaceError
from replicator.workspace import open_reader, read_versions
from replicator.workspace.access import _sdk_config
from replicator.workspace.failures import of_rest, of_sql, unreachable

from .conftest import QUICK, World

CANARY = "dapi" + "c0ffee" * 6


def test_an_emulator_says_who_it_is(world: World) -> None:
    found = world.open("us-east").identity()
    assert found.global_id.startswith("aws:us-east:")
    assert found.global_id.endswith(found.metastore_id)
    assert found.principal == "admin@us-east.emulator"


def test_the_emulator_lives_beside_the_configuration_or_where_it_is_told(tmp_path: Path) -> None:
    for host, folder in (("emulator://a", ".replicator/emulator"), ("emulator://a?root=elsewhere", "elsewhere")):
        with open_reader(Connection(host=host), Side.SOURCE, directory=tmp_path):
            assert (tmp_path / folder / "metastores.db").exists()


def test_a_token_comes_from_a_secret_scope(world: World) -> None:
    admin = world.open()
    admin.send("POST", "/api/2.0/secrets/scopes/create", {"scope": "replication"})
    token = world.endpoint().token_for("bob@example.com")
    admin.send("POST", "/api/2.0/secrets/put", {"scope": "replication", "key": "bob", "string_value": token})
    bob = world.open(token=SecretRef(secret_scope="replication", secret_key="bob"))
    assert bob.identity().principal == "bob@example.com"


def test_a_secret_that_does_not_exist_is_named(world: World) -> None:
    with pytest.raises(ReplicatorError, match="nowhere/nothing"):
        world.open(token=SecretRef(secret_scope="nowhere", secret_key="nothing"))


def test_an_environment_variable_that_is_not_set_is_named(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_SUCH_TOKEN", raising=False)
    with pytest.raises(ConfigError, match="NO_SUCH_TOKEN is not set"):
        world.open(token=SecretRef(env="NO_SUCH_TOKEN"))


def test_a_refused_token_is_said_at_once_and_never_shown(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CANARY", CANARY)
    reader = world.open(token=SecretRef(env="CANARY"))
    with pytest.raises(WorkspaceError) as raised:
        reader.identity()
    assert raised.value.status == 401
    with pytest.raises(WorkspaceError) as in_sql:
        reader.query("SELECT 1")
    assert in_sql.value.status == 401
    assert CANARY not in f"{raised.value!r}{raised.value}{in_sql.value!r}{in_sql.value}"


@pytest.mark.parametrize("host", ["http://127.0.0.1:9", "https://no-such-host.invalid"])
def test_a_host_that_cannot_be_reached_is_said_within_seconds(
    host: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CANARY", CANARY)
    made = Connection(host=host, token=SecretRef(env="CANARY"))
    began = time.monotonic()
    with pytest.raises(Unavailable) as raised:
        open_reader(made, Side.SOURCE, retry=QUICK, directory=tmp_path)
    assert time.monotonic() - began < 4
    assert host in raised.value.message
    assert CANARY not in f"{raised.value!r}{raised.value}"


def test_the_environment_of_another_workspace_does_not_leak_in(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    endpoint = world.endpoint()
    monkeypatch.setenv("DATABRICKS_HOST", "http://127.0.0.1:9")
    monkeypatch.setenv("DATABRICKS_TOKEN", CANARY)
    monkeypatch.setenv("DATABRICKS_WORKSPACE_ID", "999")
    monkeypatch.setenv("DATABRICKS_CLIENT_ID", "another")
    monkeypatch.setenv("DATABRICKS_CLIENT_SECRET", CANARY)
    monkeypatch.setenv("OURS", endpoint.token)
    made = Connection(host=endpoint.url, token=SecretRef(env="OURS"))
    with open_reader(made, Side.SOURCE, retry=QUICK, directory=world.directory) as reader:
        assert reader.identity().metastore_id == endpoint.metastore.metastore_id


def test_a_profile_goes_before_the_environment(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    endpoint = world.endpoint()
    file = tmp_path / "databrickscfg"
    file.write_text(f"[east]\nhost = {endpoint.url}\ntoken = {endpoint.token}\n")
    monkeypatch.setenv("DATABRICKS_CONFIG_FILE", str(file))
    monkeypatch.setenv("DATABRICKS_HOST", "http://127.0.0.1:9")
    monkeypatch.setenv("DATABRICKS_TOKEN", CANARY)
    made = Connection(profile="east")
    with open_reader(made, Side.SOURCE, retry=QUICK, directory=tmp_path) as reader:
        assert reader.identity().metastore_id == endpoint.metastore.metastore_id


def test_a_profile_that_does_not_exist_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "databrickscfg"
    file.write_text("[other]\nhost = https://example.com\n")
    monkeypatch.setenv("DATABRICKS_CONFIG_FILE", str(file))
    with pytest.raises(ConfigError, match="nobody"):
        open_reader(Connection(profile="nobody"), Side.SOURCE, retry=QUICK, directory=tmp_path)


@pytest.mark.parametrize(
    "wrong", [{"warehouse_id": "deadbeef"}, {"http_path": "/sql/1.0/warehouses/deadbeef"}], ids=["id", "path"]
)
def test_a_warehouse_that_does_not_exist_is_an_error_and_not_an_empty_answer(
    world: World, wrong: dict[str, str]
) -> None:
    reader = world.open(**wrong)
    with pytest.raises(WorkspaceError, match="warehouse"):
        reader.query("SELECT 1")
    with pytest.raises(WorkspaceError, match="warehouse"):
        read_versions(reader, ["c.s.t", "c.s.u"])


@pytest.mark.parametrize("around", ["{}\n", "  {}", "{}\r\n"])
def test_white_space_around_a_token_does_not_count(around: str, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CANARY", around.format(world.endpoint().token_for("bob@example.com")))
    reader = world.open(token=SecretRef(env="CANARY"))
    assert reader.identity().principal == "bob@example.com"
    assert reader.query("SELECT 1 AS one") == [{"one": 1}]


@pytest.mark.parametrize("inside", ["abc\n", "abc\r\nX-Evil: ", "abc\x00", "abc\u20ac"])
def test_a_token_that_no_header_can_carry_is_refused_and_never_shown(
    inside: str, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin = world.open()
    admin.send("POST", "/api/2.0/secrets/scopes/create", {"scope": "replication"})
    token = inside + CANARY
    admin.send("POST", "/api/2.0/secrets/put", {"scope": "replication", "key": "bob", "string_value": token})
    references = [SecretRef(secret_scope="replication", secret_key="bob")]
    if "\x00" not in token:
        monkeypatch.setenv("CANARY", token)
        references.append(SecretRef(env="CANARY"))
    for reference in references:
        with pytest.raises(ConfigError, match="no credential has") as raised:
            world.open(token=reference)
        assert CANARY not in f"{raised.value!r}{raised.value}{raised.value.hint}"


@pytest.mark.parametrize("token", [CANARY + "\n", "abc\n" + CANARY])
def test_a_token_of_the_environment_is_looked_at_too(
    token: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABRICKS_HOST", "http://127.0.0.1:9")
    monkeypatch.setenv("DATABRICKS_TOKEN", token)
    with pytest.raises(ConfigError, match="token") as raised:
        _sdk_config({}, "source")
    assert CANARY not in f"{raised.value!r}{raised.value}"


def test_an_answer_that_repeats_a_secret_is_told_without_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = "canary-of-an-echoing-server"
    monkeypatch.setenv("CANARY", secret)
    with pytest.raises(WorkspaceError):
        world.open(token=SecretRef(env="CANARY")).identity()
    for error in (ValueError(f"Invalid header value b'Bearer {secret}'"), OSError(f"no way to x?token={secret}")):
        assert secret not in of_rest(error, "source", "GET /x").message
        assert secret not in of_sql(error, "source").message
        assert secret not in unreachable(error, "source", "https://x").message
