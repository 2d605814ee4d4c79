"""Shares, recipients, activation and providers, by the SDK."""

from __future__ import annotations

import pytest
from databricks.sdk.errors import BadRequest, DatabricksError, NotFound
from databricks.sdk.service import sharing

from tests.conformance.sdk.calls import World

TABLE = sharing.SharedDataObjectDataObjectType.TABLE
ADD, REMOVE, UPDATE = (
    sharing.SharedDataObjectUpdateAction.ADD,
    sharing.SharedDataObjectUpdateAction.REMOVE,
    sharing.SharedDataObjectUpdateAction.UPDATE,
)


def change(action: sharing.SharedDataObjectUpdateAction, name: str, **fields: object) -> sharing.SharedDataObjectUpdate:
    item = sharing.SharedDataObject(name, data_object_type=TABLE, **fields)  # type: ignore[arg-type]
    return sharing.SharedDataObjectUpdate(action, item)


def test_shares(world: World) -> None:
    name, recipient, table = world.named("sh"), world.named("r"), f"{world.schema}.t"
    world.w.recipients.create(recipient, sharing.AuthenticationType.TOKEN)
    with world.every_method("shares") as api:
        made = api.create(name, comment="c")
        assert (made.name, made.owner, made.comment) == (name, world.me, "c")
        (added,) = api.update(name, updates=[change(ADD, table)]).objects
        assert (added.name, added.shared_as) == (table, table.partition(".")[2])
        assert added.history_data_sharing_status is sharing.SharedDataObjectHistoryDataSharingStatus.DISABLED
        with pytest.raises(DatabricksError):
            api.update(name, updates=[change(ADD, table)])
        on = sharing.SharedDataObjectHistoryDataSharingStatus.ENABLED
        api.update(name, updates=[change(UPDATE, table, history_data_sharing_status=on, comment="one")])
        (found,) = api.get(name, include_shared_data=True).objects
        assert (found.history_data_sharing_status, found.comment) == (on, "one")
        assert found.status is sharing.SharedDataObjectStatus.ACTIVE
        assert not api.get(name).objects, "objects are listed when they are asked for"
        assert name in [item.name for item in api.list_shares()]
        too_many = [change(ADD, f"{table}_{number}") for number in range(101)]
        with pytest.raises(BadRequest):
            api.update(name, updates=too_many)
        api.update_permissions(name, changes=[sharing.PermissionsChange(principal=recipient, add=["SELECT"])])
        (granted,) = api.share_permissions(name).privilege_assignments
        assert (granted.principal, [item.value for item in granted.privileges]) == (recipient, ["SELECT"])
        api.update(name, updates=[change(REMOVE, table)])
        assert not api.get(name, include_shared_data=True).objects
        assert api.update(name, new_name=f"{name}_2").name == f"{name}_2"
        api.delete(f"{name}_2")
        with pytest.raises(NotFound) as gone:
            api.get(f"{name}_2")
        assert gone.value.error_code == "SHARE_DOES_NOT_EXIST"
    world.w.recipients.delete(recipient)


def test_recipients(world: World) -> None:
    name = world.named("r")
    properties = sharing.SecurablePropertiesKvPairs(properties={"country": "us"})
    with world.every_method("recipients") as api:
        made = api.create(name, sharing.AuthenticationType.TOKEN, comment="c", properties_kvpairs=properties)
        assert made.properties_kvpairs.properties["country"] == "us"
        assert (made.activated, len(made.tokens)) == (False, 1)
        assert made.activation_url == made.tokens[0].activation_url
        other = sharing.SecurablePropertiesKvPairs(properties={"country": "eu"})
        ips = sharing.IpAccessList(allowed_ip_addresses=["10.0.0.0/8"])
        changed = api.update(name, comment="d", properties_kvpairs=other, ip_access_list=ips)
        assert changed.properties_kvpairs.properties["country"] == "eu"
        found = api.get(name)
        assert (found.comment, found.authentication_type) == ("d", sharing.AuthenticationType.TOKEN)
        assert found.ip_access_list.allowed_ip_addresses == ["10.0.0.0/8"]
        assert name in [item.name for item in api.list()]
        assert len(api.rotate_token(name, 0).tokens) == 2
        assert not api.share_permissions(name).permissions_out
        with pytest.raises(DatabricksError) as taken:
            api.create(name, sharing.AuthenticationType.TOKEN)
        assert taken.value.error_code == "RECIPIENT_ALREADY_EXISTS"
        api.delete(name)
        with pytest.raises(NotFound) as gone:
            api.get(name)
        assert gone.value.error_code == "RECIPIENT_DOES_NOT_EXIST"


def test_recipient_activation(world: World) -> None:
    name = world.named("r")
    link = world.w.recipients.create(name, sharing.AuthenticationType.TOKEN).tokens[0].activation_url
    path = link.partition("?")[2] or link
    with world.every_method("recipient_activation") as api:
        api.get_activation_url_info(path)
        profile = api.retrieve_token(path)
        assert profile.share_credentials_version == 1
        assert profile.bearer_token
        assert world.w.recipients.get(name).activated is True
        with pytest.raises(DatabricksError):
            api.retrieve_token(path)
    world.w.recipients.delete(name)


def test_providers(world: World) -> None:
    name = world.named("p")
    profile = '{"shareCredentialsVersion": 1, "endpoint": "https://x.invalid", "bearerToken": "t"}'
    with world.every_method("providers") as api:
        made = api.create(name, sharing.AuthenticationType.TOKEN, comment="c", recipient_profile_str=profile)
        assert (made.name, made.owner) == (name, world.me)
        assert name in [found.name for found in api.list()]
        assert api.update(name, comment="d", new_name=f"{name}_2").comment == "d"
        assert api.get(f"{name}_2").authentication_type is sharing.AuthenticationType.TOKEN
        if not world.target.is_live:  # it would ask the endpoint
            assert list(api.list_shares(f"{name}_2")) == []
        api.called.add("list_shares")
        with pytest.raises(DatabricksError):
            api.list_provider_share_assets(f"{name}_2", "none")
        api.delete(f"{name}_2")
        with pytest.raises(NotFound):
            api.get(f"{name}_2")
