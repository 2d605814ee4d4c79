"""Credentials, external locations and connections, by the SDK. A live account has no cloud role to spare for them."""

from __future__ import annotations

import pytest
from databricks.sdk.errors import DatabricksError, NotFound
from databricks.sdk.service import catalog as uc

from tests.conformance.sdk.calls import World
from tests.conformance.targets import Target

ROLE = uc.AwsIamRoleRequest("arn:aws:iam::1:role/r")


def test_storage_credentials(world: World, emulated: Target) -> None:
    name = world.named("sc")
    with world.every_method("storage_credentials") as api:
        made = api.create(name, aws_iam_role=ROLE)
        assert made.aws_iam_role.role_arn == ROLE.role_arn
        assert made.id
        assert name in [found.name for found in api.list()]
        assert api.update(name, comment="c").comment == "c"
        assert api.get(name).comment == "c"
        results = api.validate(storage_credential_name=name, url=world.tmp.as_uri()).results
        assert {found.result for found in results} == {uc.ValidationResultResult.PASS}
        api.delete(name)
        with pytest.raises(NotFound):
            api.get(name)
        with pytest.raises(DatabricksError, match="Exactly one"):
            api.create(name)


def test_credentials(world: World, emulated: Target) -> None:
    name = world.named("svc")
    with world.every_method("credentials") as api:
        role = uc.AwsIamRole(role_arn="arn:aws:iam::1:role/r")
        made = api.create_credential(name, aws_iam_role=role, purpose=uc.CredentialPurpose.SERVICE)
        assert made.purpose is uc.CredentialPurpose.SERVICE
        assert name in [found.name for found in api.list_credentials(purpose=uc.CredentialPurpose.SERVICE)]
        assert api.update_credential(name, comment="c").comment == "c"
        assert api.get_credential(name).comment == "c"
        assert api.validate_credential(credential_name=name, purpose=uc.CredentialPurpose.SERVICE).results == []
        assert name not in [found.name for found in world.w.storage_credentials.list()]
        api.delete_credential(name)
        with pytest.raises(NotFound):
            api.get_credential(name)


def test_external_locations(world: World, emulated: Target) -> None:
    name, credentials = world.named("loc"), world.w.storage_credentials
    credential, renamed = world.named("sc"), world.named("sc2")
    credentials.create(credential, aws_iam_role=ROLE)
    with world.every_method("external_locations") as api:
        made = api.create(name, world.tmp.as_uri(), credential)
        assert made.credential_id == credentials.get(credential).id
        assert name in [found.name for found in api.list()]
        assert api.update(name, comment="c", new_name=f"{name}_2").name == f"{name}_2"
        assert api.get(f"{name}_2").comment == "c"
        with pytest.raises(DatabricksError, match="dependent external locations"):
            credentials.delete(credential)
        credentials.update(credential, new_name=renamed)
        assert api.get(f"{name}_2").credential_name == renamed
        with pytest.raises(DatabricksError, match="not a cloud storage path"):
            api.create(name, "ftp://x", renamed)
        api.delete(f"{name}_2")
        with pytest.raises(NotFound):
            api.get(f"{name}_2")
    credentials.delete(renamed)


def test_connections(world: World, emulated: Target) -> None:
    name = world.named("pg")
    with world.every_method("connections") as api:
        options = {"host": "h", "user": "u", "password": "p"}
        made = api.create(name=name, connection_type=uc.ConnectionType.POSTGRESQL, options=options)
        assert "password" not in made.options
        assert name in [found.name for found in api.list()]
        assert api.update(name, {"host": "h2", "user": "u"}).options["host"] == "h2"
        assert api.get(name).connection_type is uc.ConnectionType.POSTGRESQL
        api.delete(name)
        with pytest.raises(NotFound):
            api.get(name)
