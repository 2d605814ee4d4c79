"""Attribute-based policies: row filters and column masks that a catalog, a schema or a table lays on tables by their
tags, and that no document of a table mentions (https://docs.databricks.com/data-governance/unity-catalog/abac).

Whether a policy's conditions match a table is for the platform to say. One that is meant for us and does not except us
may hide something, which is all that a check needs to know.
"""

from collections.abc import Collection, Mapping
from typing import Any, cast
from urllib.parse import quote as percent

from replicator.errors import NotFound
from replicator.resources.base import Reader

_HIDING = {"POLICY_TYPE_ROW_FILTER": "rows", "POLICY_TYPE_COLUMN_MASK": "values"}
_EVERYBODY = frozenset({"account users"})


def hiding(reader: Reader, table: str) -> tuple[str, ...]:
    """What policies may hide of a table from us, one phrase each. Raises what a reader raises; a workspace without
    policies has none."""
    path = f"/api/2.1/unity-catalog/policies/TABLE/{percent(table, safe='')}"
    try:
        policies = reader.pages(path, "policies", {"include_inherited": "true"})
    except NotFound:
        return ()
    found = [policy for policy in policies if policy.get("policy_type") in _HIDING]
    if not found:
        return ()
    from replicator.workspace import WorkspaceReader

    who = cast(WorkspaceReader, reader).who()
    us = {who.principal.lower(), *who.groups, *_EVERYBODY}
    return tuple(_told(policy) for policy in found if _concerns(policy, us))


def _concerns(policy: Mapping[str, Any], us: Collection[str]) -> bool:
    lists = (policy.get(key) or () for key in ("to_principals", "except_principals"))
    meant, excepted = ({str(name).lower() for name in names} for names in lists)
    return bool(meant & set(us)) and not excepted & (set(us) - _EVERYBODY)


def _told(policy: Mapping[str, Any]) -> str:
    where = f"{str(policy.get('on_securable_type', '')).lower()} {policy.get('on_securable_fullname', '')}"
    return f"policy {policy.get('name')} on {where} may hide {_HIDING[policy['policy_type']]}"
