"""Files, volumes, functions, secrets, warehouses, principals through the SDK."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from typing import Any

import pytest
from databricks.sdk import WorkspaceClient
from databricks.sdk.core import Config
from databricks.sdk.errors import (
    AlreadyExists,
    BadRequest,
    InvalidParameterValue,
    NotFound,
    PermissionDenied,
    ResourceAlreadyExists,
)
from databricks.sdk.service.catalog import VolumeType

from replicator.emulator import Endpoint, scim

Serve = Callable[..., Endpoint]
Sdk = Callable[..., Any]
VOLUME = "/Volumes/c/default/v"


@pytest.fixture
def volume(endpoint: Serve, sdk: Sdk) -> tuple[Endpoint, Any]:
    """A managed volume c.default.v."""
    e = endpoint()
    w = sdk(e)
    w.catalogs.create("c")
    w.volumes.create("c", "default", "v", VolumeType.MANAGED, comment="files")
    return e, w


def test_volumes_are_listed_renamed_and_deleted(volume: tuple[Endpoint, Any]) -> None:
    _, w = volume
    assert w.volumes.read("c.default.v").comment == "files"
    assert w.volumes.update("c.default.v", new_name="w", comment="").comment is None
    assert [item.full_name for item in w.volumes.list("c", "default")] == ["c.default.w"]
    w.volumes.delete("c.default.w")
    assert list(w.volumes.list("c", "default")) == []


@pytest.mark.parametrize("name", ["plain.txt", "a b/c+d.txt", "größe/日本.bin", "p%25/x#1?.txt"])
def test_files_are_written_read_and_removed(volume: tuple[Endpoint, Any], name: str) -> None:
    _, w = volume
    path = f"{VOLUME}/{name}"
    w.files.upload(path, io.BytesIO(b"\x00one\xff"))
    assert w.files.download(path).contents.read() == b"\x00one\xff"
    assert w.files.get_metadata(path).content_length == 5
    w.files.delete(path)
    with pytest.raises(NotFound):
        w.files.get_metadata(path)


def test_an_existing_file_is_refused_without_overwrite(volume: tuple[Endpoint, Any]) -> None:
    _, w = volume
    w.files.upload(f"{VOLUME}/f", io.BytesIO(b"one"))
    with pytest.raises(AlreadyExists):
        w.files.upload(f"{VOLUME}/f", io.BytesIO(b"two"), overwrite=False)
    w.files.upload(f"{VOLUME}/f", io.BytesIO(b"three"), overwrite=True)
    assert w.files.download(f"{VOLUME}/f").contents.read() == b"three"


def test_directories_are_listed_page_by_page(volume: tuple[Endpoint, Any]) -> None:
    _, w = volume
    for name in ("b.txt", "a.txt", "d/inner.txt"):
        w.files.upload(f"{VOLUME}/{name}", io.BytesIO(b"12"))
    w.files.create_directory(f"{VOLUME}/empty/deep")
    found = [(item.name, item.is_directory) for item in w.files.list_directory_contents(VOLUME, page_size=2)]
    assert found == [("a.txt", False), ("b.txt", False), ("d", True), ("empty", True)]
    with pytest.raises(BadRequest, match="not empty"):
        w.files.delete_directory(f"{VOLUME}/d")
    w.files.delete_directory(f"{VOLUME}/empty/deep")
    with pytest.raises(NotFound):
        w.files.get_directory_metadata(f"{VOLUME}/empty/deep")


@pytest.mark.parametrize("path", ["../x", "a/../../x", "%2e%2e/x", "/etc/passwd/../../x/.."])
def test_paths_never_leave_the_volume(volume: tuple[Endpoint, Any], path: str) -> None:
    e, w = volume
    with pytest.raises((InvalidParameterValue, NotFound)):
        w.api_client.do("PUT", f"/api/2.0/fs/files{VOLUME}/%2e%2e/%2e%2e/{path}", data=b"x")
    assert not list(e.store.root.rglob("x"))


def test_reading_a_volume_needs_the_privilege(volume: tuple[Endpoint, Any], sdk: Sdk) -> None:
    e, w = volume
    w.files.upload(f"{VOLUME}/f", io.BytesIO(b"one"))
    with pytest.raises(PermissionDenied):
        sdk(e, e.token_for("ann@x.com")).files.get_metadata(f"{VOLUME}/f")


def test_functions_are_listed_and_deleted(volume: tuple[Endpoint, Any]) -> None:
    _, w = volume
    body = {
        "name": "f",
        "catalog_name": "c",
        "schema_name": "default",
        "routine_definition": "x + 1",
        "full_data_type": "INT",
    }
    w.api_client.do("POST", "/api/2.1/unity-catalog/functions", body={"function_info": body})
    assert [item.full_name for item in w.functions.list("c", "default")] == ["c.default.f"]
    assert w.functions.update("c.default.f", owner="team").owner == "team"
    w.functions.delete("c.default.f")
    with pytest.raises(NotFound):
        w.functions.get("c.default.f")


def test_secrets_come_back_in_base64(endpoint: Serve, sdk: Sdk) -> None:
    w = sdk(endpoint())
    w.secrets.create_scope("my_scope")
    w.secrets.put_secret("my_scope", "token", string_value="gehéim")
    w.secrets.put_secret("my_scope", "Token", bytes_value=base64.b64encode(b"\x00").decode())
    assert base64.b64decode(w.secrets.get_secret("my_scope", "token").value).decode() == "gehéim"
    assert sorted(item.key for item in w.secrets.list_secrets("my_scope")) == ["Token", "token"]
    assert [item.name for item in w.secrets.list_scopes()] == ["my_scope"]
    w.secrets.delete_secret("my_scope", "token")
    with pytest.raises(NotFound):
        w.secrets.get_secret("my_scope", "token")
    w.secrets.delete_scope("my_scope")
    with pytest.raises(NotFound):
        w.secrets.get_secret("my_scope", "Token")


def test_a_scope_cannot_be_created_twice(endpoint: Serve, sdk: Sdk) -> None:
    w = sdk(endpoint())
    w.secrets.create_scope("s")
    with pytest.raises(ResourceAlreadyExists):
        w.secrets.create_scope("s")


def test_warehouses_start_and_stop(endpoint: Serve, sdk: Sdk) -> None:
    e = endpoint()
    w = sdk(e)
    (warehouse,) = w.warehouses.list()
    assert warehouse.id == e.warehouse_id
    assert warehouse.odbc_params.path == e.http_path
    assert w.warehouses.stop_and_wait(warehouse.id).state.value == "STOPPED"
    assert w.warehouses.start_and_wait(warehouse.id).state.value == "RUNNING"
    with pytest.raises(NotFound):
        w.warehouses.get("0123456789abcdef")


def test_principals_are_found_by_name(endpoint: Serve, sdk: Sdk) -> None:
    w = sdk(endpoint())
    user = w.users.create(user_name="ann@x.com")
    group = w.groups.create(display_name="team")
    principal = w.service_principals.create(display_name="robot")
    assert [item.id for item in w.users.list(filter='userName eq "ANN@x.com"')] == [user.id]
    assert [item.id for item in w.groups.list(filter='displayName eq "team"')] == [group.id]
    found = list(w.service_principals.list(filter=f'applicationId eq "{principal.application_id}"'))
    assert found[0].display_name == "robot"
    assert w.current_user.me().user_name == "admin@us-east.emulator"


def test_a_service_principal_signs_in_with_oauth(endpoint: Serve) -> None:
    e = endpoint()
    client_id, secret = scim.issue_secret(e.store, e.name, "robot")
    config = Config(host=e.url, client_id=client_id, client_secret=secret, auth_type="oauth-m2m")
    assert WorkspaceClient(config=config).current_user.me().user_name == client_id


def test_pipelines_can_be_looked_up(endpoint: Serve, sdk: Sdk) -> None:
    e = endpoint()
    doc = {"pipeline_id": "11111111-2222-3333-4444-555555555555", "name": "dlt"}
    e.store.put(e.name, "pipeline", doc["pipeline_id"], doc=doc)
    w = sdk(e)
    assert [item.pipeline_id for item in w.pipelines.list_pipelines()] == [doc["pipeline_id"]]
    assert w.pipelines.get(doc["pipeline_id"]).name == "dlt"
    with pytest.raises(NotFound):
        w.pipelines.get("no")
