"""Users, groups, service principals and their tokens, by the SDK."""

from __future__ import annotations

from typing import Any

import pytest
from databricks.sdk import WorkspaceClient
from databricks.sdk.common.types.fieldmask import FieldMask
from databricks.sdk.errors import NotFound, PermissionDenied, Unauthenticated
from databricks.sdk.service import iam, settings

from tests.conformance.sdk.calls import Calls, World
from tests.conformance.targets import Target


def test_current_user(world: World) -> None:
    with world.every_method("current_user") as api:
        assert api.me().user_name == world.me
        assert world.sql("SELECT current_user()") == [(world.me,)]


def _users(api: Calls, world: World) -> None:
    name = f"{world.named('new')}@x.com"
    made = api.create(user_name=name, display_name="New")
    assert [found.user_name for found in api.list(filter=f'userName eq "{name}"')] == [name]
    api.update(made.id, user_name=name, display_name="Newer")
    assert api.get(made.id).display_name == "Newer"
    change = iam.Patch(op=iam.PatchOp.REPLACE, path="displayName", value="Newest")
    api.patch(made.id, operations=[change], schemas=[iam.PatchSchema.URN_IETF_PARAMS_SCIM_API_MESSAGES_2_0_PATCH_OP])
    assert api.get(made.id).display_name == "Newest"
    api.delete(made.id)
    with pytest.raises(NotFound):
        api.get(made.id)


def test_users(world: World, emulated: Target) -> None:
    with world.every_method("users") as api:
        _users(api, world)
    with world.every_method("users_v2") as api:
        _users(api, world)


def _groups(api: Calls, world: World) -> None:
    people = world.w.users_v2
    one, two = (people.create(user_name=f"{world.named(word)}@x.com") for word in ("one", "two"))
    team = world.named("team")
    made = api.create(display_name=team, members=[iam.ComplexValue(value=one.id)])
    assert [member.value for member in made.members] == [one.id]
    add = iam.Patch(op=iam.PatchOp.ADD, path="members", value=[{"value": two.id}])
    remove = iam.Patch(op=iam.PatchOp.REMOVE, path=f'members[value eq "{one.id}"]')
    api.patch(made.id, operations=[add, remove])
    assert [member.value for member in api.get(made.id).members] == [two.id]
    api.update(made.id, display_name=team, members=[])
    assert not api.get(made.id).members
    assert team in [found.display_name for found in api.list()]
    api.delete(made.id)
    for person in (one, two):
        people.delete(person.id)


def test_groups(world: World, emulated: Target) -> None:
    with world.every_method("groups") as api:
        _groups(api, world)
    with world.every_method("groups_v2") as api:
        _groups(api, world)


def _service_principals(api: Calls, world: World) -> None:
    made = api.create(display_name="robot")
    assert made.application_id in [found.application_id for found in api.list()]
    api.update(made.id, display_name="robot 2", application_id=made.application_id)
    assert api.get(made.id).display_name == "robot 2"
    api.patch(made.id, operations=[iam.Patch(op=iam.PatchOp.REPLACE, path="displayName", value="robot 3")])
    assert api.get(made.id).display_name == "robot 3"
    api.delete(made.id)
    with pytest.raises(NotFound):
        api.get(made.id)


def test_service_principals(world: World, emulated: Target) -> None:
    with world.every_method("service_principals") as api:
        _service_principals(api, world)
    with world.every_method("service_principals_v2") as api:
        _service_principals(api, world)


def test_tokens(world: World) -> None:
    with world.every_method("tokens") as api:
        made = api.create(comment="c", lifetime_seconds=3600)
        mine = world.target.client(made.token_value)
        assert mine.current_user.me().user_name == world.me
        found = {item.token_id: item for item in api.list()}[made.token_info.token_id]
        assert (found.comment, found.expiry_time - found.creation_time) == ("c", 3_600_000)
        api.update(found.token_id, settings.PublicTokenInfo(comment="d"), FieldMask(["comment"]))
        assert {item.token_id: item for item in api.list()}[found.token_id].comment == "d"
        api.delete(found.token_id)
        with pytest.raises((Unauthenticated, PermissionDenied)):
            mine.current_user.me()
        with pytest.raises(NotFound):
            api.delete(found.token_id)


def test_token_management(world: World, emulated: Target) -> None:
    who, robot = world.other
    with world.every_method("token_management") as api:
        made = api.create_obo_token(who, comment="c", lifetime_seconds=60)
        token_id = made.token_info.token_id
        assert world.target.client(made.token_value).current_user.me().user_name == who
        assert api.get(token_id).token_info.comment == "c"
        assert token_id in [found.token_id for found in api.list(created_by_username=world.me)]
        api.update_token_management(token_id, settings.TokenInfo(comment="d"), FieldMask(["comment"]))
        assert api.get(token_id).token_info.comment == "d"
        with pytest.raises(PermissionDenied):
            list(robot.token_management.list())
        api.delete(token_id)
        with pytest.raises(NotFound):
            api.get(token_id)


def test_service_principal_secrets_proxy(world: World, emulated: Target) -> None:
    made = world.w.service_principals_v2.create(display_name="robot")
    with world.every_method("service_principal_secrets_proxy") as api:
        secret = api.create(made.id, lifetime="3600s")

        def connect() -> Any:
            options = {"client_id": made.application_id, "client_secret": secret.secret, "auth_type": "oauth-m2m"}
            return WorkspaceClient(host=emulated.host, **options)

        assert connect().current_user.me().user_name == made.application_id
        assert [(found.id, found.secret_hash) for found in api.list(made.id)] == [(secret.id, secret.secret_hash)]
        api.delete(made.id, secret.id)
        assert list(api.list(made.id)) == []
        with pytest.raises(Exception, match="invalid_client"):
            connect().current_user.me()
    world.w.service_principals_v2.delete(made.id)
