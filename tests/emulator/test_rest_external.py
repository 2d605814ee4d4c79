"""Storage credentials, external locations and connections through the SDK."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from databricks.sdk.errors import BadRequest, InvalidParameterValue, NotFound, PermissionDenied
from databricks.sdk.service.catalog import AwsIamRoleRequest, ConnectionType

from replicator.emulator import Endpoint

Serve = Callable[..., Endpoint]
Sdk = Callable[..., Any]


@pytest.fixture
def w(endpoint: Serve, sdk: Sdk) -> Any:
    """A workspace with the credential `role`."""
    client = sdk(endpoint())
    client.storage_credentials.create("role", aws_iam_role=AwsIamRoleRequest("arn:aws:iam::1:role/x"))
    return client


def test_an_external_location_needs_its_credential(w: Any) -> None:
    made = w.external_locations.create("lake", "s3://bucket/lake", "role", comment="raw")
    assert (made.url, made.credential_name) == ("s3://bucket/lake", "role")
    with pytest.raises(NotFound):
        w.external_locations.create("other", "s3://bucket/other", "nobody")
    with pytest.raises(InvalidParameterValue, match="dependent"):
        w.storage_credentials.delete("role")
    w.external_locations.delete("lake")
    w.storage_credentials.delete("role")
    assert list(w.storage_credentials.list()) == []


def test_locations_do_not_overlap(w: Any) -> None:
    w.external_locations.create("lake", "s3://bucket/lake", "role")
    w.external_locations.create("lake2", "s3://bucket/lake2", "role")
    for url in ("s3://bucket/lake/inner", "s3://bucket"):
        with pytest.raises(InvalidParameterValue, match="overlaps"):
            w.external_locations.create("x", url, "role")


def test_updates_rename_and_clear(w: Any) -> None:
    w.external_locations.create("lake", "s3://bucket/lake", "role", comment="raw")
    changed = w.external_locations.update("lake", new_name="sea", comment="")
    assert (changed.name, changed.comment) == ("sea", None)
    assert [item.name for item in w.external_locations.list()] == ["sea"]
    with pytest.raises(BadRequest, match="already exists"):
        w.external_locations.create("sea", "s3://elsewhere", "role")


def test_the_secrets_of_a_connection_are_never_returned(w: Any) -> None:
    options = {"host": "h", "user": "u", "password": "hunter2"}
    made = w.connections.create("pg", ConnectionType.POSTGRESQL, options)
    assert made.options == {"host": "h", "user": "u"}
    assert "hunter2" not in str(w.api_client.do("GET", "/api/2.1/unity-catalog/connections/pg"))


def test_creating_needs_the_metastore_privilege(endpoint: Serve, sdk: Sdk) -> None:
    e = endpoint()
    with pytest.raises(PermissionDenied, match="CREATE STORAGE CREDENTIAL"):
        sdk(e, e.token_for("ann@x.com")).storage_credentials.create("mine")
