"""Grants, tags and what other principals may see and do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from databricks.sdk.errors import (
    AlreadyExists,
    BadRequest,
    InvalidParameterValue,
    NotFound,
    PermissionDenied,
    Unauthenticated,
)
from databricks.sdk.service.catalog import EntityTagAssignment, PermissionsChange, Privilege

from replicator.emulator import Endpoint, principals, tables

Serve = Callable[..., Endpoint]
Sdk = Callable[..., Any]
ANN = "ann@x.com"


@pytest.fixture
def two_tables(endpoint: Serve, sdk: Sdk) -> tuple[Endpoint, Any]:
    """Catalog c with schemas a and b, one table t in each."""
    e = endpoint()
    w = sdk(e)
    w.catalogs.create("c")
    for schema in ("a", "b"):
        w.schemas.create(schema, "c")
        doc = {"catalog_name": "c", "schema_name": schema, "name": "t", "table_type": "MANAGED"}
        tables.register_table(e.session(), doc | {"columns": [{"name": "id"}, {"name": "x.y"}]})
    return e, w


def grant(w: Any, kind: str, name: str, *privileges: str, principal: str = ANN, remove: bool = False) -> Any:
    words = [Privilege(word) for word in privileges]
    change = PermissionsChange(principal=principal, **{"remove" if remove else "add": words})
    return w.grants.update(kind, name, changes=[change])


def test_grants_are_added_removed_and_listed(two_tables: tuple[Endpoint, Any]) -> None:
    _, w = two_tables
    grant(w, "TABLE", "c.a.t", "SELECT", "MODIFY")
    grant(w, "table", "c.a.t", "MODIFY", remove=True)
    found = w.grants.get("TABLE", "c.a.t").privilege_assignments
    assert [(item.principal, item.privileges) for item in found] == [(ANN, [Privilege.SELECT])]
    assert not w.grants.get("TABLE", "c.a.t", principal="bob@x.com").privilege_assignments
    grant(w, "TABLE", "c.a.t", "SELECT", remove=True)
    assert not w.grants.get("TABLE", "c.a.t").privilege_assignments


def test_effective_grants_name_where_they_come_from(two_tables: tuple[Endpoint, Any]) -> None:
    _, w = two_tables
    grant(w, "CATALOG", "c", "SELECT", "USE_CATALOG")
    grant(w, "TABLE", "c.a.t", "MODIFY")
    (item,) = w.grants.get_effective("TABLE", "c.a.t").privilege_assignments
    found = [(word.privilege.value, word.inherited_from_name) for word in item.privileges]
    assert found == [("MODIFY", None), ("SELECT", "c")]


def test_one_bad_entry_rejects_the_whole_change(two_tables: tuple[Endpoint, Any]) -> None:
    e, w = two_tables
    principals.restrict(e.store, e.name)
    principals.add(e.store, e.name, "Users", {"userName": ANN})
    changes = [PermissionsChange(principal=name, add=[Privilege.SELECT]) for name in (ANN, "nobody@x.com")]
    with pytest.raises(NotFound) as caught:
        w.grants.update("TABLE", "c.a.t", changes=changes)
    assert caught.value.error_code == "PRINCIPAL_DOES_NOT_EXIST"
    assert not w.grants.get("TABLE", "c.a.t").privilege_assignments


def test_a_privilege_must_fit_the_object(two_tables: tuple[Endpoint, Any]) -> None:
    _, w = two_tables
    with pytest.raises(InvalidParameterValue, match="CREATE_SCHEMA is not applicable"):
        grant(w, "SCHEMA", "c.a", "CREATE_SCHEMA")


def test_a_principal_without_grants_sees_nothing(two_tables: tuple[Endpoint, Any], sdk: Sdk) -> None:
    e, _ = two_tables
    ann = sdk(e, e.token_for(ANN))
    assert [catalog.name for catalog in ann.catalogs.list()] == ["system"]
    with pytest.raises(PermissionDenied, match="USE CATALOG on Catalog 'c'"):
        ann.catalogs.get("c")
    with pytest.raises(PermissionDenied):
        ann.tables.get("c.a.t")
    with pytest.raises(PermissionDenied, match="CREATE CATALOG"):
        ann.catalogs.create("mine")


def test_listings_hold_what_was_granted(two_tables: tuple[Endpoint, Any], sdk: Sdk) -> None:
    e, w = two_tables
    ann = sdk(e, e.token_for(ANN))
    grant(w, "CATALOG", "c", "USE_CATALOG")
    grant(w, "SCHEMA", "c.a", "USE_SCHEMA")
    grant(w, "TABLE", "c.a.t", "SELECT")
    assert [catalog.name for catalog in ann.catalogs.list()] == ["c", "system"]
    assert [schema.name for schema in ann.schemas.list("c")] == ["a", "information_schema"]
    assert [table.name for table in ann.tables.list("c", "a")] == ["t"]
    assert [item.full_name for item in ann.tables.list_summaries("c")] == ["c.a.t"]
    with pytest.raises(PermissionDenied, match="MANAGE"):
        ann.tables.delete("c.a.t")


def test_browse_shows_everything_below(two_tables: tuple[Endpoint, Any], sdk: Sdk) -> None:
    e, w = two_tables
    grant(w, "CATALOG", "c", "BROWSE")
    ann = sdk(e, e.token_for(ANN))
    assert [table.name for table in ann.tables.list("c", "b")] == ["t"]
    with pytest.raises(PermissionDenied):
        ann.schemas.create("mine", "c")


def test_groups_pass_their_grants_on(two_tables: tuple[Endpoint, Any], sdk: Sdk) -> None:
    e, w = two_tables
    principals.add_group(e.store, e.name, "analysts", [ANN])
    grant(w, "CATALOG", "c", "USE_CATALOG", principal="analysts")
    assert "c" in [catalog.name for catalog in sdk(e, e.token_for(ANN)).catalogs.list()]


def test_an_owner_may_do_everything_below(two_tables: tuple[Endpoint, Any], sdk: Sdk) -> None:
    e, w = two_tables
    w.catalogs.update("c", owner=ANN)
    ann = sdk(e, e.token_for(ANN))
    ann.schemas.create("mine", "c")
    ann.tables.delete("c.a.t")
    assert [table.name for table in ann.tables.list("c", "a")] == []


def test_manage_allows_grants_but_plain_privileges_do_not(two_tables: tuple[Endpoint, Any], sdk: Sdk) -> None:
    e, w = two_tables
    ann = sdk(e, e.token_for(ANN))
    grant(w, "CATALOG", "c", "ALL_PRIVILEGES")
    with pytest.raises(PermissionDenied, match="MANAGE"):
        grant(ann, "TABLE", "c.a.t", "SELECT", principal="bob@x.com")
    grant(w, "SCHEMA", "c.a", "MANAGE")
    grant(ann, "TABLE", "c.a.t", "SELECT", principal="bob@x.com")


def test_a_revoked_token_is_refused(two_tables: tuple[Endpoint, Any], sdk: Sdk) -> None:
    e, _ = two_tables
    token = e.token_for(ANN)
    ann = sdk(e, token)
    ann.current_user.me()
    principals.revoke_token(e.store, e.name, token)
    with pytest.raises(Unauthenticated):
        ann.current_user.me()


# ---- tags


def test_tags_are_created_updated_listed_and_deleted(two_tables: tuple[Endpoint, Any]) -> None:
    _, w = two_tables
    tags = w.entity_tag_assignments
    for key in ("PII", "pii", "cost"):
        tags.create(EntityTagAssignment(entity_name="c.a.t", tag_key=key, entity_type="tables", tag_value="1"))
    assert [tag.tag_key for tag in tags.list("tables", "c.a.t")] == ["PII", "cost", "pii"]
    changed = EntityTagAssignment(entity_name="c.a.t", tag_key="PII", entity_type="tables", tag_value="2")
    assert tags.update("tables", "c.a.t", "PII", changed, "tag_value").tag_value == "2"
    assert tags.get("tables", "c.a.t", "pii").tag_value == "1"
    tags.delete("tables", "c.a.t", "cost")
    with pytest.raises(NotFound):
        tags.delete("tables", "c.a.t", "cost")
    with pytest.raises(AlreadyExists):
        tags.create(changed)


def test_columns_carry_tags_even_with_dots_in_their_names(two_tables: tuple[Endpoint, Any]) -> None:
    _, w = two_tables
    tag = EntityTagAssignment(entity_name="c.a.t.x.y", tag_key="k", entity_type="columns", tag_value="v")
    w.entity_tag_assignments.create(tag)
    assert [item.entity_name for item in w.entity_tag_assignments.list("columns", "c.a.t.x.y")] == ["c.a.t.x.y"]
    missing = EntityTagAssignment(entity_name="c.a.t.no", tag_key="k", entity_type="columns")
    with pytest.raises(NotFound):
        w.entity_tag_assignments.create(missing)


def test_an_object_has_at_most_50_tags(two_tables: tuple[Endpoint, Any]) -> None:
    _, w = two_tables
    for number in range(50):
        tag = EntityTagAssignment(entity_name="c", tag_key=f"k{number}", entity_type="catalogs")
        w.entity_tag_assignments.create(tag)
    with pytest.raises(BadRequest, match="exceeds limit 50"):
        w.entity_tag_assignments.create(EntityTagAssignment("c", "one more", "catalogs"))
