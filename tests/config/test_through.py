"""Replication through catalogs that delta_share_config does not make, and the keys that say what happens anyway."""

from collections.abc import Callable
from typing import Any

import pytest

from replicator.address import Address, Side
from replicator.config import compile_graph, scope
from replicator.engine.desired import Desired
from replicator.errors import ConfigError
from replicator.resources import TYPES

Loader = Callable[..., Any]
World = Callable[..., Any]
PIPELINE = {"c.one.s": {"kind": "STREAMING_TABLE", "backing_table": "__databricks_internal.x.s"}, "c.one.a": {}}
ENTRY = "catalog_name: c, target_catalog: dr"


def fields(desired: Desired, address: str) -> dict[str, Any]:
    found = Address.parse(address)
    return TYPES[found.type].declared(desired.resources[found].resource)


@pytest.fixture
def compiled(loaded: Loader, world: World) -> Callable[..., Desired]:
    def run(text: str, tables: Any = ("c.one.a",), **source: Any) -> Desired:
        return compile_graph(loaded(text), world("source", tables, **source), world("target"))

    return run


def replication(keys: str, section: str = "") -> str:
    return f"replication_config: {{{section}catalogs: [{{{ENTRY}, {keys}}}]}}\n"


def test_replication_makes_the_catalog_that_it_reads_through(compiled: Callable[..., Desired]) -> None:
    desired = compiled(replication("source_catalog: theirs, share_name: sh, create_shared_catalog: true"))
    made = {"share_name": "sh", "provider_id": "aws:source:uuid-source"}
    assert fields(desired, "target:catalog/theirs") == made
    assert Address.parse("target:provider/aws:source:uuid-source") in desired.resources
    clone = desired.resources[Address.parse("target:clone/dr.one.a")].resource
    assert fields(desired, "target:clone/dr.one.a")["source"] == "theirs.one.a"
    assert Address.parse("target:catalog/theirs") in set(clone.depends_on())


def test_a_provider_can_be_named(compiled: Callable[..., Desired]) -> None:
    keys = "source_catalog: theirs, share_name: sh, create_shared_catalog: true, provider_name: acme"
    assert fields(compiled(replication(keys)), "target:catalog/theirs") == {"share_name": "sh", "provider_name": "acme"}


def test_the_same_catalog_in_both_sections_is_one(compiled: Callable[..., Desired]) -> None:
    text = (
        "delta_share_config: {recipient_id: r, shares: [{share_name: sh, catalog_name: c, shared_catalog_name: x}]}\n"
        + replication("source_catalog: x, share_name: sh, create_shared_catalog: true")
    )
    assert fields(compiled(text), "target:clone/dr.one.a")["source"] == "x.one.a"


def test_a_catalog_to_be_made_needs_its_share(compiled: Callable[..., Desired]) -> None:
    with pytest.raises(ConfigError) as caught:
        compiled(replication("source_catalog: theirs, create_shared_catalog: true"))
    assert caught.value.message == (
        "c.yaml:3:33: `create_shared_catalog` needs `source_catalog` and `share_name`: "
        "which catalog, and from which share"
    )


BACKUP = "backup_config: {catalogs: [{catalog_name: c, backup_catalog: b, backup_schema_suffix: _bak}]}\n"


@pytest.mark.parametrize(
    ("keys", "source", "origin"),
    [
        ("source_catalog: t, backup_catalog: tb", "tb.one_bak.s", "source:clone/b.one_bak.s"),
        (
            "source_catalog: t, dpm_backing_table_catalog: td, backup_catalog: tb",
            "td.one.s",
            "source:table/__databricks_internal.x.s",
        ),
        ("source_catalog: t", "t.one.s", "source:clone/b.one_bak.s"),
    ],
)
def test_tables_of_pipelines_are_read_where_the_file_says(
    compiled: Callable[..., Desired], keys: str, source: str, origin: str
) -> None:
    desired = compiled(BACKUP + replication(keys), PIPELINE)
    found = fields(desired, "target:clone/dr.one.s")
    assert (found["source"], found["origin"]) == (source, origin)
    assert fields(desired, "target:clone/dr.one.a")["source"] == "t.one.a"


def test_all_catalogs_to_read_through_are_looked_at(loaded: Loader) -> None:
    keys = "source_catalog: t, backup_catalog: tb, dpm_backing_table_catalog: td"
    wanted = scope(loaded(replication(keys)))[Side.TARGET]
    assert {"t", "tb", "td"} <= set(wanted.catalogs)
    assert wanted.providers


def test_predictive_optimization_of_copies_is_off_or_as_on_the_source(loaded: Loader, world: World) -> None:
    def made(value: str) -> dict[str, Any]:
        text = replication("source_catalog: t", f"replicate_enable_predictive_optimization: {value}, ")
        source = world("source", ["c.one.a"])
        source.objects["schema"]["c.one"].fields["predictive_optimization"] = "enable"
        return fields(compile_graph(loaded(text), source, world("target")), "target:schema/dr.one")

    assert made("false") == {"predictive_optimization": "disable"}
    assert made("true") == {"predictive_optimization": "enable"}


@pytest.mark.parametrize(
    ("key", "possible"),
    [
        ("create_or_replace_table", "false"),
        ("create_or_replace_streaming_table", "false"),
        ("create_or_replace_materialized_view", "false"),
        ("overwrite_grants", "false"),
        ("overwrite_tags", "false"),
        ("create_or_replace_view", "false"),
        ("replicate_as_managed", "true"),
        ("copy_files", "true"),
    ],
)
def test_a_key_that_says_what_happens_anyway_takes_only_that_value(loaded: Loader, key: str, possible: str) -> None:
    loaded(replication(f"{key}: {possible}"))
    other = "true" if possible == "false" else "false"
    with pytest.raises(ConfigError, match=rf"`{key}`: only `{possible}` is possible: "):
        loaded(replication(f"{key}: {other}"))


def test_what_has_no_effect_is_accepted_and_said(compiled: Callable[..., Desired]) -> None:
    text = replication("source_catalog: t") + (
        "reconciliation_config: {source_catalog: x, catalogs: [{catalog_name: c, share_name: y}]}"
    )
    why = "has no effect: each side reads its own tables, and no share is needed"
    assert compiled(text).notices == (
        f"reconciliation_config: `source_catalog` {why}",
        f"reconciliation_config: `share_name` {why}",
    )
