"""From sections and a snapshot to the desired graph."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from replicator.address import Address, Side
from replicator.config import Config, compile_graph, load, scope
from replicator.engine.desired import Desired
from replicator.engine.snapshot import Snapshot
from replicator.errors import ConfigError
from replicator.resources import TYPES

Loader = Callable[..., Config]
World = Callable[..., Snapshot]
SEED = Path(__file__).parent / "seed.yaml"
SEED_TABLES = ("aaron.source_schema.a", "aaron.analytics_schema.product_metrics", "aaron.analytics_schema.sales_data")


def fields(desired: Desired, address: str) -> dict[str, Any]:
    """The managed fields of one resource."""
    found = Address.parse(address)
    return TYPES[found.type].declared(desired.resources[found].resource)


def addresses(desired: Desired) -> list[str]:
    return [str(address) for address in desired.resources]


@pytest.fixture
def compiled(loaded: Loader, world: World) -> Callable[..., Desired]:
    """Compile a text against the named source tables and an empty target."""

    def run(text: str, tables: Any = (), target: Mapping[str, Any] | None = None, **source: Any) -> Desired:
        return compile_graph(loaded(text), world("source", tables, **source), world("target", **(target or {})))

    return run


@pytest.fixture
def failing(compiled: Callable[..., Desired]) -> Callable[..., list[str]]:
    """The lines of the error that compiling ends with."""

    def run(*args: Any, **options: Any) -> list[str]:
        with pytest.raises(ConfigError) as caught:
            compiled(*args, **options)
        return caught.value.message.splitlines()

    return run


Compiled = Callable[..., Desired]
Failing = Callable[..., list[str]]

# --- the original design -----------------------------------------------------------------------------------------


def test_the_original_design_compiles_into_one_graph(world: World) -> None:
    desired = compile_graph(load(SEED), world("source", SEED_TABLES), world("target"))
    assert addresses(desired) == [
        "source:catalog/backup_catalog",
        "source:clone/backup_catalog.analytics_schema_backup.product_metrics",
        "source:clone/backup_catalog.analytics_schema_backup.sales_data",
        "source:clone/backup_catalog.backup_source_schema.a",
        "source:grants/share/main_share",
        "source:recipient/azure_recipient",
        "source:schema/backup_catalog.analytics_schema_backup",
        "source:schema/backup_catalog.backup_source_schema",
        "source:share/main_share",
        "target:catalog/aaron_aws",
        "target:provider/aws:source:uuid-source",
    ]
    assert fields(desired, "source:clone/backup_catalog.backup_source_schema.a") == {
        "source": "aaron.source_schema.a",
        "origin": "source:table/aaron.source_schema.a",
    }
    assert fields(desired, "source:recipient/azure_recipient") == {"metastore_id": "aws:target:uuid-target"}
    assert fields(desired, "source:share/main_share")["objects"] == {
        "TABLE:aaron.source_schema.a": {"shared_as": "source_schema_share.a", "history": "ENABLED"}
    }
    assert fields(desired, "source:grants/share/main_share")["privileges"] == {"azure_recipient": {"SELECT": True}}
    assert fields(desired, "target:catalog/aaron_aws") == {
        "share_name": "main_share",
        "provider_id": "aws:source:uuid-source",
    }
    assert desired.disabled_sections == frozenset({"replication", "reconciliation"})
    assert desired.sections[Address.parse("source:catalog/backup_catalog")] == "backup"
    assert desired.sections[Address.parse("target:catalog/aaron_aws")] == "delta_share"
    assert desired.notices == ()


def test_the_original_design_reads_only_what_it_names() -> None:
    source, target = (scope(load(SEED))[side] for side in (Side.SOURCE, Side.TARGET))
    assert source.catalogs == {
        "aaron": frozenset({"source_schema", "analytics_schema"}),
        "backup_catalog": frozenset({"backup_source_schema", "analytics_schema_backup"}),
    }
    assert source.shares == frozenset({"main_share"})
    assert source.grants == frozenset({"share/main_share"})
    assert (source.recipients, source.providers) == (True, False)
    assert target.catalogs == {"aaron_aws": frozenset()}
    assert (target.recipients, target.providers) == (False, True)


def test_places_lead_to_the_selecting_line(world: World) -> None:
    desired = compile_graph(load(SEED), world("source", SEED_TABLES), world("target"))
    lines = SEED.read_text().splitlines()

    def line(address: str) -> str:
        at = desired.resources[Address.parse(address)].at
        assert at is not None
        return lines[at.line - 1].strip()

    assert line("source:clone/backup_catalog.analytics_schema_backup.sales_data") == '- table_name: "sales_data"'
    assert line("source:clone/backup_catalog.backup_source_schema.a") == '- schema_name: "source_schema"'
    assert line("source:catalog/backup_catalog") == 'backup_catalog: "backup_catalog"'
    assert line("target:catalog/aaron_aws") == 'shared_catalog_name: "aaron_aws"'


def test_the_graph_does_not_depend_on_the_order_of_listings(world: World) -> None:
    config = load(SEED)
    one = compile_graph(config, world("source", SEED_TABLES), world("target"))
    two = compile_graph(config, world("source", SEED_TABLES[::-1]), world("target"))
    assert list(one.resources) == list(two.resources)
    assert one == two


# --- selection ---------------------------------------------------------------------------------------------------

BACKUP = "backup_config:\n  catalogs:\n    - {{catalog_name: c, backup_catalog: b{0}}}"


def backup(more: str) -> str:
    return BACKUP.format(", " + more if more else "")


def clones(desired: Desired) -> list[str]:
    return [address.name for address in desired.resources if address.type == "clone"]


TABLES = ["c.one.a", "c.one.b", "c.one.tmp_x", "c.two.a", "c.information_schema.columns"]


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        ("", ["b.one.a", "b.one.b", "b.one.tmp_x", "b.two.a"]),
        ("exclude_schemas: [t*]", ["b.one.a", "b.one.b", "b.one.tmp_x"]),
        ("schemas: [{schema_name: '*'}]", ["b.one.a", "b.one.b", "b.one.tmp_x", "b.two.a"]),
        ("schemas: [{schema_name: ONE, exclude_tables: ['tmp_*', {table_name: b}]}]", ["b.one.a"]),
        ("schemas: [{schema_name: one, tables: [{table_name: '?'}]}]", ["b.one.a", "b.one.b"]),
        (
            "schemas: [{schema_name: one, tables: [{table_name: '*'}, {table_name: a, backup_table: z}]}]",
            ["b.one.b", "b.one.tmp_x", "b.one.z"],
        ),
        (
            "backup_schema_suffix: _x, schemas: [{schema_name: '*'}, {schema_name: two, backup_schema_suffix: _y}]",
            ["b.one_x.a", "b.one_x.b", "b.one_x.tmp_x", "b.two_y.a"],
        ),
    ],
)
def test_selectors_mean_what_they_say(compiled: Compiled, selection: str, expected: list[str]) -> None:
    assert clones(compiled(backup(selection), TABLES)) == expected


@pytest.mark.parametrize(
    ("selection", "lines"),
    [
        ("schemas: [{schema_name: onne}]", ["5:68: the source has no schema `c.onne`, did you mean `one`?"]),
        (
            "schemas: [{schema_name: one, tables: [{table_name: tmp_y}]}]",
            ["5:95: the source has no table `c.one.tmp_y`, did you mean `tmp_x`?"],
        ),
        (
            "exclude_schemas: [one], schemas: [{schema_name: one}]",
            ["5:92: `one` is both selected and excluded"],
        ),
        (
            "schemas: [{schema_name: one, tables: [{table_name: a}], exclude_tables: [a]}]",
            ["5:95: `a` is both selected and excluded"],
        ),
        (
            "schemas: [{schema_name: 'o*'}, {schema_name: '*e'}]",
            ["5:89: c.one is selected twice; first at c.yaml:5:68"],
        ),
        (
            "schemas: [{schema_name: one, tables: [{table_name: a}, {table_name: A}]}]",
            ["5:112: c.one.a is selected twice; first at c.yaml:5:95"],
        ),
        (
            "schemas: [{schema_name: '*', backup_schema: all}]",
            ["5:54: source:clone/b.all.a is declared a second time; first as source:clone/b.all.a at c.yaml:5:54"],
        ),
    ],
)
def test_selectors_that_lead_nowhere_or_twice_are_refused(failing: Failing, selection: str, lines: list[str]) -> None:
    assert failing(backup(selection), TABLES) == [f"c.yaml:{line}" for line in lines]


def test_a_catalog_that_does_not_exist_is_named_with_its_nearest(failing: Failing) -> None:
    assert failing("backup_config: {catalogs: [{catalog_name: sale, backup_catalog: b}]}", ["sales.a.b"]) == [
        "c.yaml:3:43: the source has no catalog `sale`, did you mean `sales`?"
    ]


def test_a_pattern_without_a_match_is_told_but_is_no_mistake(compiled: Compiled) -> None:
    desired = compiled(backup("schemas: [{schema_name: one, tables: [{table_name: 'z*'}]}]"), TABLES)
    assert clones(desired) == []
    assert desired.notices == ("c.yaml:5:95: nothing in c.one matches `z*`",)


UNKNOWN = [
    ("", {"catalog/c": "403"}, [], "5:22: whether the source has the catalog c is unknown: 403"),
    ("", {"schema/c.*": "403"}, ["c.one.a"], "5:7: which schemas c has is unknown: 403"),
    ("", {"table/c.one.*": "403"}, ["c.one.a"], "5:7: which tables c.one has is unknown: 403"),
    (
        "",
        {"schema/c.two": "403"},
        ["c.one.a"],
        "5:7: c.two is unknown: 403; get access to it, or put it under `exclude_schemas`",
    ),
    (
        "",
        {"table/c.one.x": "403"},
        ["c.one.a"],
        "5:7: c.one.x is unknown: 403; get access to it, or put it under `exclude_tables`",
    ),
    (
        "schemas: [{schema_name: two}]",
        {"schema/c.two": "403"},
        ["c.one.a"],
        "5:68: whether the source has the schema c.two is unknown: 403",
    ),
    (
        "schemas: [{schema_name: one, tables: [{table_name: x}]}]",
        {"table/c.one.x": "403"},
        ["c.one.a"],
        "5:95: whether the source has the table c.one.x is unknown: 403",
    ),
]


@pytest.mark.parametrize(("selection", "unknown", "tables", "line"), UNKNOWN)
def test_unknown_is_never_taken_for_absent(
    failing: Failing, selection: str, unknown: dict[str, str], tables: list[str], line: str
) -> None:
    assert failing(backup(selection), tables, unknown=unknown) == [f"c.yaml:{line}"]


def test_what_is_unknown_but_excluded_is_no_obstacle(compiled: Compiled) -> None:
    text = backup("schemas: [{schema_name: one, exclude_tables: [x]}]")
    assert clones(compiled(text, ["c.one.a"], unknown={"table/c.one.x": "403"})) == ["b.one.a"]


def test_views_are_skipped_with_a_notice_and_refused_when_named(compiled: Compiled, failing: Failing) -> None:
    tables = {"c.one.a": {}, "c.one.v": {"kind": "VIEW"}, "c.one.csv": {"data_source_format": "CSV"}}
    desired = compiled(backup(""), tables)
    assert clones(desired) == ["b.one.a"]
    assert desired.notices == ("not backed up of c.one: csv (a table of format CSV), v (a view)",)
    assert failing(backup("schemas: [{schema_name: one, tables: [{table_name: v}]}]"), tables) == [
        "c.yaml:5:82: c.one.v is a view, which cannot be copied"
    ]


def test_backing_tables_beside_their_tables_are_not_selected_by_patterns(compiled: Compiled) -> None:
    backing = "c.one.__materialization_mat_p_s_1"
    tables = {"c.one.s": {"kind": "STREAMING_TABLE", "backing_table": backing}, backing: {}}
    assert clones(compiled(backup(""), tables)) == ["b.one.s"]


# --- backup ------------------------------------------------------------------------------------------------------


def test_tables_of_pipelines_are_cloned_from_behind(compiled: Compiled) -> None:
    tables = {
        "c.one.s": {"kind": "STREAMING_TABLE", "backing_table": "__databricks_internal.x.s"},
        "c.one.m": {"kind": "MATERIALIZED_VIEW", "backing_table": "__databricks_internal.x.m"},
    }
    desired = compiled(backup(""), tables)
    assert fields(desired, "source:clone/b.one.s") == {
        "source": "__databricks_internal.x.s",
        "origin": "source:table/__databricks_internal.x.s",
    }
    assert fields(desired, "source:clone/b.one.m")["source"] == "__databricks_internal.x.m"


def test_a_backing_table_that_was_not_found_is_a_problem_with_its_reason(failing: Failing) -> None:
    tables = {"c.one.s": {"kind": "STREAMING_TABLE", "backing_unknown": "403"}}
    assert failing(backup(""), tables) == [
        "c.yaml:5:7: the backing table of c.one.s is unknown: 403; get access to it, or put it under `exclude_tables`"
    ]


def test_a_backup_cannot_be_of_itself(failing: Failing) -> None:
    text = "backup_config: {catalogs: [{catalog_name: c, backup_catalog: c, schemas: [{schema_name: one}]}]}"
    assert failing(text, ["c.one.a"]) == [
        "c.yaml:3:75: c.one.a would be a backup of itself; give another backup_catalog or backup_schema"
    ]
    assert failing("backup_config: {catalogs: [{catalog_name: c, backup_catalog: c}]}", ["c.one.a"]) == [
        "c.yaml:3:62: a catalog backed up into itself needs `schemas`, or backups would be backed up too"
    ]


def test_a_catalog_that_is_not_ours_to_create_is_not_declared(compiled: Compiled) -> None:
    desired = compiled(backup("create_backup_catalog: false"), ["c.one.a"])
    assert addresses(desired) == ["source:clone/b.one.a", "source:schema/b.one"]


def test_lifecycle_and_location_reach_what_is_made(compiled: Compiled) -> None:
    text = backup("backup_catalog_location: 's3://x/y', lifecycle: {protect: true, on_existing: import}")
    desired = compiled(text, ["c.one.a"])
    assert fields(desired, "source:catalog/b") == {"storage_root": "s3://x/y"}
    lifecycle = desired.resources[Address.parse("source:clone/b.one.a")].resource.lifecycle
    assert (lifecycle.protect, lifecycle.on_existing) == (True, "import")


# --- delta share -------------------------------------------------------------------------------------------------

SHARE = """\
delta_share_config:
  recipient_id: r
  shares:
    - {{share_name: s, catalog_name: c, shared_catalog_name: c_shared{0}}}
"""


def share(more: str = "") -> str:
    return SHARE.format(", " + more if more else "")


def shared(desired: Desired) -> dict[str, Any]:
    objects: dict[str, Any] = fields(desired, "source:share/s")["objects"]
    return objects


def test_a_schema_that_is_meant_whole_is_shared_whole_and_that_is_said(compiled: Compiled) -> None:
    desired = compiled(share("schemas: [{schema_name: one}]"), ["c.one.a", "c.two.a"])
    assert shared(desired) == {"SCHEMA:c.one": {}}
    assert desired.notices == ("share s exposes c.one whole: whatever is added there later is shared too",)


def test_many_schemas_that_are_shared_whole_are_counted(compiled: Compiled) -> None:
    listed = ", ".join(f"{{schema_name: s{number:03d}}}" for number in range(200))
    desired = compiled(share(f"schemas: [{listed}]"), [f"c.s{number:03d}.t" for number in range(200)])
    assert desired.notices == (
        "share s exposes 200 schemas whole (c.s000, c.s001, c.s002, …197 more): "
        "whatever is added there later is shared too",
    )


@pytest.mark.parametrize(
    "selection",
    [
        "schemas: [{schema_name: one, exclude_tables: [b]}]",
        "schemas: [{schema_name: one, tables: [{table_name: a}]}]",
    ],
)
def test_a_part_of_a_schema_is_shared_table_by_table(compiled: Compiled, selection: str) -> None:
    desired = compiled(share(selection), ["c.one.a", "c.one.b"])
    assert shared(desired) == {"TABLE:c.one.a": {"shared_as": "one.a", "history": "ENABLED"}}


PIPELINE = {"c.one.s": {"kind": "STREAMING_TABLE", "backing_table": "int.x.s"}, "c.one.a": {}}


def test_a_table_of_a_pipeline_is_shared_from_behind_and_that_is_said(compiled: Compiled) -> None:
    desired = compiled(share(), PIPELINE)
    assert shared(desired) == {
        "TABLE:c.one.a": {"shared_as": "one.a", "history": "ENABLED"},
        "TABLE:int.x.s": {"shared_as": "one.s", "history": "ENABLED"},
    }
    assert desired.notices == (
        "share s exposes the backing table of c.one.s: "
        "row filters and column masks of the pipeline's table do not apply to it",
    )


def test_its_backup_is_shared_instead_when_there_is_one(compiled: Compiled) -> None:
    desired = compiled(backup("") + "\n" + share(), PIPELINE)
    assert set(shared(desired)) == {"TABLE:c.one.a", "TABLE:b.one.s"}
    assert desired.notices == ()


def test_backups_can_be_shared_before_they_exist(compiled: Compiled) -> None:
    text = backup("") + "\n" + share().replace("catalog_name: c,", "catalog_name: b,")
    desired = compiled(text + "replication_config: {enabled: true}\n", ["c.one.a"])
    assert shared(desired) == {"SCHEMA:b.one": {}}
    assert fields(desired, "target:clone/b.one.a")["origin"] == "source:clone/b.one.a"


def test_an_existing_recipient_of_the_same_metastore_is_used_and_named(compiled: Compiled) -> None:
    desired = compiled(share(), ["c.one.a"], recipients={"other": "aws:target:uuid-target", "r": "aws:x:y"})
    assert "source:recipient/other" in addresses(desired)
    assert "source:recipient/r" not in addresses(desired)
    assert fields(desired, "source:grants/share/s")["privileges"] == {"other": {"SELECT": True}}
    assert desired.notices[-1] == (
        "the source already has the recipient other for the target's metastore; it is used instead of r"
    )


def test_entries_of_one_share_are_joined(compiled: Compiled) -> None:
    text = share() + "    - {share_name: s, catalog_name: d, schema_suffix: _d}\n"
    desired = compiled(text, ["c.one.a", "d.one.a"])
    assert shared(desired) == {
        "SCHEMA:c.one": {},
        "TABLE:d.one.a": {"shared_as": "one_d.a", "history": "ENABLED"},
    }


def test_two_tables_cannot_have_one_name_in_a_share(failing: Failing) -> None:
    text = share("schema_suffix: _x") + "    - {share_name: s, catalog_name: d, schema_suffix: _x}\n"
    assert failing(text, ["c.one.a", "d.one.a"]) == ["c.yaml:7:7: d.one.a and c.one.a would both be one_x.a in share s"]


def test_a_share_holds_a_thousand_tables(compiled: Compiled, failing: Failing) -> None:
    text = share("schema_suffix: _x")
    assert len(shared(compiled(text, [f"c.one.t{i:04}" for i in range(1000)]))) == 1000
    assert failing(text, [f"c.one.t{i:04}" for i in range(1001)]) == [
        "c.yaml:6:7: share s would hold 1,001 tables, and a share holds at most 1,000; "
        "share whole schemas, or use several shares"
    ]


def test_a_metastore_cannot_share_with_itself(failing: Failing) -> None:
    lines = failing(share(), ["c.one.a"], metastore="m", target={"metastore": "m"})
    assert lines == ["c.yaml:3:1: source and target are the same metastore, and a metastore cannot share with itself"]


# --- replication -------------------------------------------------------------------------------------------------


def replicated(more: str = "", section: str = "") -> str:
    entry = f"{{catalog_name: c{', ' + more if more else ''}}}"
    return share("schema_suffix: _sh") + f"replication_config:\n  catalogs: [{entry}]\n{section}"


def test_replicas_are_cloned_from_the_shared_catalog_and_follow_what_is_shared(compiled: Compiled) -> None:
    desired = compiled(replicated(), {"c.one.a": {"comment": "Orders"}})
    assert [address for address in addresses(desired) if address.startswith("target:")] == [
        "target:catalog/c",
        "target:catalog/c_shared",
        "target:clone/c.one.a",
        "target:provider/aws:source:uuid-source",
        "target:schema/c.one",
    ]
    assert fields(desired, "target:clone/c.one.a") == {
        "source": "c_shared.one_sh.a",
        "origin": "source:table/c.one.a",
        "enforce_schema": True,
        "comment": "Orders",
    }


def test_settings_hold_for_what_is_below_them(compiled: Compiled) -> None:
    desired = compiled(
        replicated(
            "target_catalog: dr, target_schema_prefix: p_, enforce_schema: false, "
            "schemas: [{schema_name: one, tables: [{table_name: a, enforce_schema: true, target_table: z}, "
            "{table_name: b, overwrite_comments: false}]}]"
        ),
        ["c.one.a", "c.one.b"],
    )
    assert fields(desired, "target:clone/dr.p_one.z")["enforce_schema"] is True
    other = fields(desired, "target:clone/dr.p_one.b")
    assert other["enforce_schema"] is False
    assert "comment" not in other


def test_the_innermost_limit_of_lag_holds(compiled: Compiled) -> None:
    desired = compiled(
        replicated(
            "target_catalog: dr, schemas: [{schema_name: one, max_lag: {hours: 24}, tables: [{table_name: a}, "
            "{table_name: b, max_lag: {versions: 5}}]}]"
        ),
        ["c.one.a", "c.one.b"],
    )
    assert fields(desired, "target:clone/dr.one.a")["max_lag"] == {"hours": 24.0}
    assert fields(desired, "target:clone/dr.one.b")["max_lag"] == {"versions": 5}


def test_a_staging_catalog_is_cloned_into_first(compiled: Compiled) -> None:
    desired = compiled(replicated("intermediate_catalog: stage"), ["c.one.a"])
    assert fields(desired, "target:clone/stage.one.a") == {
        "source": "c_shared.one_sh.a",
        "origin": "source:table/c.one.a",
        "enforce_schema": True,
    }
    final = fields(desired, "target:clone/c.one.a")
    assert (final["source"], final["origin"]) == ("stage.one.a", "target:clone/stage.one.a")
    assert "target:catalog/stage" in addresses(desired)


def test_without_a_selection_everything_shared_is_replicated(compiled: Compiled) -> None:
    desired = compiled(share("schemas: [{schema_name: one}]") + "replication_config: {}\n", ["c.one.a", "c.two.b"])
    assert clones(desired) == ["c.one.a"]


def test_a_replica_of_a_pipeline_s_table_follows_its_backup(compiled: Compiled) -> None:
    desired = compiled(backup("") + "\n" + replicated(), PIPELINE)
    assert fields(desired, "target:clone/c.one.s")["origin"] == "source:clone/b.one.s"
    assert fields(desired, "target:clone/c.one.a")["origin"] == "source:table/c.one.a"


def test_a_catalog_shared_by_others_is_read_by_name(compiled: Compiled) -> None:
    text = "replication_config: {catalogs: [{catalog_name: c, source_catalog: theirs, target_catalog: dr}]}"
    assert fields(compiled(text, ["c.one.a"]), "target:clone/dr.one.a")["source"] == "theirs.one.a"


def test_tables_that_the_target_cannot_read_are_named(compiled: Compiled, failing: Failing) -> None:
    remedy = "share it in `delta_share_config`, with a `shared_catalog_name`, or give `source_catalog`"
    one_of_two = share("schemas: [{schema_name: one, tables: [{table_name: a}]}]")
    desired = compiled(one_of_two + "replication_config: {catalogs: [{catalog_name: c}]}", ["c.one.a", "c.one.b"])
    assert desired.notices == ("not shared, and so not replicated: 1 of c: c.one.b",)
    named = "replication_config: {catalogs: [{catalog_name: c, schemas: [{schema_name: one, tables: " + (
        "[{table_name: a}, {table_name: b}]}]}]}"
    )
    assert failing(one_of_two + named, ["c.one.a", "c.one.b"]) == [
        f"c.yaml:7:106: the target cannot read c.one.b: {remedy}"
    ]
    assert failing("replication_config: {catalogs: [{catalog_name: c}]}", ["c.one.a"]) == [
        f"c.yaml:3:48: the target cannot read any selected table of c: {remedy}"
    ]
    assert failing("replication_config: {}", ["c.one.a"]) == [
        "c.yaml:3:1: nothing is shared, so nothing can be replicated; give `catalogs`, or share something"
    ]


def test_nothing_can_be_written_into_a_shared_catalog(failing: Failing) -> None:
    lines = failing(replicated("target_catalog: c_shared"), ["c.one.a"])
    assert lines == [
        "c.yaml:8:14: target:catalog/c_shared (declared at c.yaml:6:61) is made from a share and read-only: "
        "nothing can be created in it"
    ]


def test_inside_one_metastore_tables_are_cloned_directly_and_never_onto_themselves(
    compiled: Compiled, failing: Failing
) -> None:
    same = {"metastore": "m", "target": {"metastore": "m"}}
    text = "replication_config: {catalogs: [{catalog_name: c, target_catalog: dr}]}"
    assert fields(compiled(text, ["c.one.a"], **same), "target:clone/dr.one.a")["source"] == "c.one.a"
    assert failing("replication_config: {catalogs: [{catalog_name: c}]}", ["c.one.a"], **same) == [
        "c.yaml:3:48: source and target are the same metastore; give another `target_catalog`"
    ]
    both = "resources: {source: {schemas: {a.b: {}}}, target: {schemas: {a.b: {}}}}"
    assert failing(both, **same) == [
        "c.yaml:3:62: target:schema/a.b and source:schema/a.b are one object: both sides are the same metastore"
    ]


def test_a_disabled_share_still_tells_where_to_read(compiled: Compiled) -> None:
    text = replicated().replace("recipient_id: r", "recipient_id: r\n  enabled: false")
    desired = compiled(text, ["c.one.a"])
    assert desired.disabled_sections == frozenset({"delta_share"})
    assert "source:share/s" not in addresses(desired)
    assert fields(desired, "target:clone/c.one.a")["source"] == "c_shared.one_sh.a"


def test_existing_backups_of_a_disabled_section_are_still_what_is_shared(compiled: Compiled) -> None:
    text = backup("").replace("catalogs:", "enabled: false\n  catalogs:") + "\n" + share("schema_suffix: _x")
    assert set(shared(compiled(text, {**PIPELINE, "b.one.s": {}}))) == {"TABLE:c.one.a", "TABLE:b.one.s"}
    assert set(shared(compiled(text, PIPELINE))) == {"TABLE:c.one.a", "TABLE:int.x.s"}


# --- reconciliation ----------------------------------------------------------------------------------------------

CHECKS = "reconciliation_config: {recon_outputs_catalog: ops, recon_outputs_schema: recon"


def test_every_replica_is_checked_against_what_it_copies(compiled: Compiled) -> None:
    desired = compiled(replicated("target_catalog: dr", CHECKS + ", threshold: 99.5, key: [ID]}\n"), ["c.one.a"])
    assert fields(desired, "target:check/dr.one.a") == {
        "copy_of": "target:clone/dr.one.a",
        "origin": "source:table/c.one.a",
        "schema_check": True,
        "row_count_check": True,
        "missing_data_check": True,
        "exclude_columns": [],
        "key": ["id"],
        "source_filter_expression": None,
        "target_filter_expression": None,
        "threshold": 99.5,
        "results_schema": "ops.recon",
    }
    check = desired.resources[Address.parse("target:check/dr.one.a")].resource
    assert Address.parse("target:schema/ops.recon") in check.depends_on()
    assert desired.resources[Address.parse("target:schema/ops.recon")].resource.lifecycle.on_removed == "forget"


def test_checks_can_be_selected_and_set_per_table(compiled: Compiled, failing: Failing) -> None:
    selection = ", catalogs: [{catalog_name: c, schemas: [{schema_name: one, tables: [{table_name: a, key: [k]}]}]}]}"
    desired = compiled(replicated("", CHECKS + selection + "\n"), ["c.one.a", "c.one.b"])
    assert [name for name in addresses(desired) if "check" in name] == ["target:check/c.one.a"]
    assert fields(desired, "target:check/c.one.a")["key"] == ["k"]
    one = "schemas: [{schema_name: one, tables: [{table_name: b}]}]"
    assert failing(replicated(one, CHECKS + selection + "\n"), ["c.one.a", "c.one.b"]) == [
        "c.yaml:9:149: c.one.a is not replicated, so there is no copy to compare it with"
    ]


def test_results_go_beside_the_audit_table_of_the_target_or_nowhere(compiled: Compiled) -> None:
    text = replicated("", "reconciliation_config: {enabled: true}\n")
    assert fields(compiled(text, ["c.one.a"]), "target:check/c.one.a")["results_schema"] is None
    audited = text + "audit_config: {audit_table: ops.audit.runs}\n"
    assert fields(compiled(audited, ["c.one.a"]), "target:check/c.one.a")["results_schema"] == "ops.audit"


def test_checks_of_a_disabled_replication_stay(compiled: Compiled) -> None:
    text = replicated("", CHECKS + "}\n").replace("replication_config:", "replication_config:\n  enabled: false")
    desired = compiled(text, ["c.one.a"])
    assert "target:check/c.one.a" in addresses(desired)
    assert "target:clone/c.one.a" not in addresses(desired)


# --- declared resources beside sections --------------------------------------------------------------------------


def test_a_declared_container_says_more_about_the_one_an_operation_needs(compiled: Compiled) -> None:
    text = backup("backup_catalog_location: 's3://x'") + "\nresources: {source: {catalogs: {b: {comment: Backups}}}}"
    desired = compiled(text, ["c.one.a"])
    assert fields(desired, "source:catalog/b") == {"comment": "Backups", "storage_root": "s3://x"}
    assert desired.sections[Address.parse("source:catalog/b")] == "resources"


def test_two_wishes_for_one_field_are_a_conflict(failing: Failing) -> None:
    text = (
        backup("backup_catalog_location: 's3://x'") + "\nresources: {source: {catalogs: {b: {storage_root: 's3://y'}}}}"
    )
    assert failing(text, ["c.one.a"]) == [
        "c.yaml:5:41: `storage_root` of source:catalog/b is declared in two ways; the other is at c.yaml:6:33"
    ]


def test_a_clone_and_a_table_of_one_name_are_one_object(failing: Failing) -> None:
    text = backup("") + "\nresources: {source: {tables: {b.one.a: {comment: mine}}}}"
    assert failing(text, ["c.one.a"]) == [
        "c.yaml:5:7: source:clone/b.one.a is declared a second time; first as source:table/b.one.a at c.yaml:6:31"
    ]


def test_declared_tables_can_be_selected_before_they_exist(compiled: Compiled) -> None:
    text = backup("") + "\nresources: {source: {tables: {c.one.new: {columns: [{name: id, type: int}]}}}}"
    assert clones(compiled(text, ["c.one.a"])) == ["b.one.a", "b.one.new"]


def test_the_other_metastore_is_named_by_its_side(compiled: Compiled, loaded: Loader) -> None:
    text = """\
        resources:
          source:
            recipients: {Europe: {metastore: target}}
            shares: {s: {objects: [{name: C.one.a}]}}
            grants: {share/s: {privileges: {Europe: [SELECT]}}}
          target:
            catalogs: {mirror: {share: {name: S, provider: source}}}
        """
    desired = compiled(text, ["c.one.a"])
    assert fields(desired, "source:recipient/europe") == {"metastore_id": "aws:target:uuid-target"}
    assert fields(desired, "target:catalog/mirror") == {"share_name": "s", "provider_id": "aws:source:uuid-source"}
    assert "target:provider/aws:source:uuid-source" in addresses(desired)
    share = desired.resources[Address.parse("source:share/s")].resource
    assert Address.parse("source:table/c.one.a") in share.depends_on()
    assert scope(loaded(text))[Side.TARGET].providers


def test_a_workspace_of_another_metastore_is_refused(world: World, loaded: Loader) -> None:
    config = loaded(
        "source_databricks_connect_config: {host: 'emulator://a', sharing_identifier: 'aws:x:y'}\n"
        "target_databricks_connect_config: {host: 'emulator://b'}\n",
        bare=True,
    )
    with pytest.raises(ConfigError) as caught:
        compile_graph(config, world("source"), world("target"))
    assert caught.value.message == (
        "c.yaml:1:78: the source workspace belongs to the metastore aws:source:uuid-source, not to aws:x:y"
    )


# --- scope -------------------------------------------------------------------------------------------------------


def test_scope_covers_what_is_selected_made_declared_and_remembered(loaded: Loader) -> None:
    config = loaded(
        backup("schemas: [{schema_name: 'o*'}]")
        + "\n"
        + replicated("target_catalog: dr, schemas: [{schema_name: one, target_schema: uno}]")
        + "resources: {target: {grants: {schema/x.y: {privileges: {}}}, tables: {x.y.z: {}}}}\n"
    )
    known = ["target:clone/old.s.t", Address.parse("source:recipient/gone"), "target:check/dr.uno.a"]
    source, target = (scope(config, known)[side] for side in (Side.SOURCE, Side.TARGET))
    assert source.catalogs == {"c": None, "b": None}
    assert target.catalogs == {
        "c_shared": frozenset(),
        "dr": frozenset({"uno"}),
        "old": frozenset({"s"}),
        "x": frozenset({"y"}),
    }
    assert target.grants == frozenset({"schema/x.y"})
    assert source.names == {"recipient/gone"}
    assert target.names == {"table/old.s.t", "table/x.y.z"}


def test_scope_covers_what_a_declared_copy_copies(loaded: Loader) -> None:
    copies = 'clones: {dr.s.t: {source: shared.s.t, origin: "source:table/main.s.t"}}'
    found = scope(loaded("resources: {target: {" + copies + "}}"), ["source:table/__databricks_internal.a.b"])
    assert found[Side.SOURCE].catalogs == {"main": frozenset({"s"})}
    assert "table/main.s.t" in found[Side.SOURCE].names


def test_scope_of_nothing_is_nothing(loaded: Loader) -> None:
    found = scope(loaded("backup_config: {enabled: false, catalogs: [{catalog_name: a, backup_catalog: b}]}"))
    assert all(not side.catalogs and not side.shares and not side.recipients for side in found.values())


def test_what_is_declared_cannot_be_forgotten(compiled: Compiled, failing: Failing) -> None:
    declared = "resources: {target: {catalogs: {a: {}}}}\nforget: ['target:catalog/%s']"
    assert compiled(declared % "b").forget == frozenset({Address.parse("target:catalog/b")})
    assert "target:catalog/a is declared, so it cannot be forgotten" in failing(declared % "a")[0]
