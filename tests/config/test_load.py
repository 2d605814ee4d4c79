"""What a file may say: every mistake with its place, all at once, and nothing coerced."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from replicator.address import Address, Side
from replicator.config import Config, load
from replicator.errors import ConfigError

Refused = Callable[..., list[str]]
Loader = Callable[..., Config]
SEED = Path(__file__).parent / "seed.yaml"
SECRET = "write `env: NAME`, or `secret_scope` and `secret_key`, or use `profile`"


def test_the_original_design_s_configuration_loads_exactly_as_written() -> None:
    config = load(SEED)
    assert config.environment == "default"
    assert config.concurrency.max_workers == 4
    assert config.concurrency.timeout_seconds == 3600
    assert (config.retry.max_attempts, config.retry.retry_delay_seconds) == (3, 5)
    assert config.source.host == "https://source-databricks-instance"
    assert config.source.token is not None
    assert (config.source.token.secret_scope, config.source.token.secret_key) == ("my_secret_scope", "my_secret_key")
    assert config.audit_log_table == "operations.audit.backup_logs"
    assert config.audit is not None
    assert config.audit.side is Side.SOURCE
    assert config.directory == SEED.parent
    assert config.state_directory == SEED.parent / "state"


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path / "no.yaml")
    assert caught.value.message == f"{tmp_path}/no.yaml: there is no such file"


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        load(tmp_path)


KEYS = [
    ("catlogs: []", ["c.yaml:3:1: unknown key `catlogs`"]),
    ("concurency: {}", ["c.yaml:3:1: unknown key `concurency`, did you mean `concurrency`?"]),
    ("- a", None),
    (
        "backup_config:\n  catalogs:\n    - {catalog_name: a, backup_catlog: b}",
        [
            "c.yaml:5:7: `backup_catalog` is missing in `catalogs`",
            "c.yaml:5:25: unknown key `backup_catlog`, did you mean `backup_catalog`?",
        ],
    ),
    (
        "replication_config:\n  volume_config: {}\n  cloud_url_mapping: {}",
        [
            "c.yaml:4:3: `volume_config` is not supported: the files of volumes are not replicated",
            "c.yaml:5:3: `cloud_url_mapping` is not supported: replicas are managed tables",
        ],
    ),
    ("state:\n  bucket: s3://a/b", ["c.yaml:4:3: unknown key `bucket`"]),
    (
        "resources: {sorce: {}, target: {volumes: {}, schema: {}}}",
        [
            "c.yaml:3:13: unknown key `sorce`, expected `source` or `target`",
            "c.yaml:3:33: unknown key `volumes` "
            "(there are: catalogs, schemas, tables, clones, views, shares, recipients, grants, tags)",
            "c.yaml:3:46: unknown key `schema`, did you mean `schemas`? "
            "(there are: catalogs, schemas, tables, clones, views, shares, recipients, grants, tags)",
        ],
    ),
    (
        "resources: {target: {schemas: {a.b: {commet: x}}, tables: {a.b.c: {columns: [{name: x, typ: int}]}}}}",
        [
            "c.yaml:3:38: unknown key `commet`, did you mean `comment`?",
            "c.yaml:3:78: `type` is missing in `columns`",
            "c.yaml:3:88: unknown key `typ`, did you mean `type`?",
        ],
    ),
]

TYPES = [
    ("concurrency: {max_workers: '4'}", "c.yaml:3:28: `max_workers`: expected a whole number, got the text `4`"),
    ("concurrency: {max_workers: 4.0}", "c.yaml:3:28: `max_workers`: expected a whole number, got the number 4.0"),
    ("concurrency: {max_workers: 010}", "c.yaml:3:28: `max_workers`: expected a whole number, got the text `010`"),
    ("concurrency: {max_workers: 0}", "c.yaml:3:28: `max_workers`: must be at least 1, got 0"),
    ("concurrency: {max_workers: 65}", "c.yaml:3:28: `max_workers`: must be at most 64, got 65"),
    ("concurrency: 4", "c.yaml:3:14: `concurrency`: expected a mapping, got the number 4"),
    ("retry: {max_attempts: true}", "c.yaml:3:23: `max_attempts`: expected a whole number, got the boolean true"),
    ("retry:", "c.yaml:3:1: `retry` has no value; write one, or leave it out"),
    ("version: 1.0", "c.yaml:3:10: `version`: expected '1' or '1.0', got the number 1.0; put it in quotes"),
    ("delta_share_config: {enabled: yes}", "c.yaml:3:31: `enabled`: expected true or false, got the text `yes`"),
    (
        "backup_config: {audit_log_table: audit.logs}",
        "c.yaml:3:34: `audit_log_table`: expected a full name like `catalog.schema.table`, got audit.logs",
    ),
    (
        "backup_config: {catalogs: {a: b}}",
        "c.yaml:3:27: `catalogs`: expected a list, got a mapping",
    ),
    (
        "backup_config: {catalogs: [{catalog_name: a, backup_catalog: b, schemas: [x]}]}",
        "c.yaml:3:75: `schemas[0]`: expected a mapping, got the text `x`",
    ),
    (
        "backup_config: {catalogs: [{catalog_name: 5, backup_catalog: b}]}",
        "c.yaml:3:43: `catalog_name`: expected text, got the number 5; put it in quotes",
    ),
    (
        "resources: {source: {catalogs: {a: {properties: {x: true}}}}}",
        "c.yaml:3:53: `x`: expected text, got the boolean true; put it in quotes",
    ),
    (
        "resources: {source: {schemas: {a.b: {properties: {replicator.lineage: x}}}}}",
        "c.yaml:3:51: `replicator.lineage`: what begins with `replicator.` says whose an object is, and cannot be set",
    ),
    (
        "resources: {source: {grants: {schema/a.b: {privileges: {bob: SELECT}}}}}",
        "c.yaml:3:62: `bob`: expected a list, got the text `SELECT`",
    ),
    (
        "resources: {source: {grants: {schema/a.b: {mode: all, privileges: {}}}}}",
        "c.yaml:3:50: `mode`: expected 'additive' or 'authoritative', got the text `all`",
    ),
    (
        "resources: {source: {catalogs: {a: {lifecycle: {on_removed: drop}}}}}",
        "c.yaml:3:61: `on_removed`: expected 'delete' or 'forget', got the text `drop`",
    ),
    (
        "resources: {source: {catalogs: {a: {after: [x]}}}}",
        "c.yaml:3:45: `after[0]`: expected an address like target:table/catalog.schema.table",
    ),
    ("resources: {source: {catalogs: {a: x}}}", "c.yaml:3:36: `a`: expected a mapping, got text"),
    (
        "resources: {source: {recipients: {r: {metastore: source}}}}",
        "c.yaml:3:50: `metastore`: expected `target`, the other metastore",
    ),
    (
        "resources: {target: {catalogs: {m: {share: {name: s, provider: them}}}}}",
        "c.yaml:3:64: `provider`: expected 'source' or 'target', got the text `them`",
    ),
    (
        "resources: {target: {catalogs: {m: {share: s}}}}",
        "c.yaml:3:44: `share`: expected a mapping, got the text `s`",
    ),
    ("reconciliation_config: {threshold: 101}", "c.yaml:3:36: `threshold`: must be at most 100, got 101"),
    (
        "reconciliation_config: {recon_outputs_catalog: ops}",
        "c.yaml:3:24: `reconciliation_config`: `recon_outputs_catalog` and `recon_outputs_schema` are given together",
    ),
    (
        "delta_share_config: {shares: []}",
        "c.yaml:3:21: `delta_share_config`: `recipient_id` is required when delta_share_config is enabled",
    ),
    ("forget: [a.b]", "c.yaml:3:10: `forget[0]`: expected an address like target:table/catalog.schema.table"),
    (
        "moved: [{from: 'target:schema/a.b', to: 'source:schema/a.c'}]",
        "c.yaml:3:9: target:schema/a.b cannot become source:schema/a.c: side and type stay the same",
    ),
    (
        "state: {directory: ../../etc}",
        "c.yaml:3:20: `directory`: expected a folder inside the configuration's folder (--state-dir accepts any)",
    ),
]

NAMES = [
    ("a.b", "a name cannot contain a dot: a.b"),
    ("a b", "a name cannot contain a space: a b"),
    ("a/b", "a name cannot contain a slash: a/b"),
    ("a*", "patterns are not accepted here: a*"),
    ("''", "a name cannot be empty"),
    ("x" * 256, "a name has at most 255 characters, this one has 256"),
    ('"a\\u202eb"', "a name cannot contain the character U+202E: a\\u202eb"),
    ('"a\\u200bb"', "a name cannot contain the character U+200B: a\\u200bb"),
    ('"a\\nb"', "a name cannot contain the character U+000A: a\\u000ab"),
    ('"cafe\\u0301"', "write this name with composed characters (Unicode NFC): cafe\u0301"),
    ("'{{source_name}}_x'", "placeholders in a name must be ${variables} that are defined"),
]


@pytest.mark.parametrize(("text", "lines"), KEYS)
def test_keys_that_do_not_exist_are_named_with_the_nearest_one(
    refused: Refused, text: str, lines: list[str] | None
) -> None:
    if lines is None:
        assert refused(text, bare=True) == ["c.yaml:1:1: the file must hold a mapping, got a list"]
    else:
        assert refused(text) == lines


@pytest.mark.parametrize(("text", "line"), TYPES)
def test_wrong_values_say_what_was_expected(refused: Refused, text: str, line: str) -> None:
    assert refused(text) == [line]


@pytest.mark.parametrize(("name", "reason"), NAMES)
def test_names_are_accepted_exactly_or_refused_with_the_reason(refused: Refused, name: str, reason: str) -> None:
    text = f"backup_config: {{catalogs: [{{backup_catalog: b, catalog_name: {name}}}]}}"
    assert refused(text) == [f"c.yaml:3:62: `catalog_name`: {reason}"]


@pytest.mark.parametrize("name", ["x" * 255, "café", "表", "1st", "a`b", "a'b", "a--b", "select", "😀"])
def test_unusual_names_that_the_platform_accepts_are_kept(loaded: Loader, name: str) -> None:
    config = loaded(f'backup_config: {{catalogs: [{{backup_catalog: b, catalog_name: "{name}"}}]}}')
    assert config.document.backup_config is not None
    assert config.document.backup_config.catalogs[0].catalog_name == name


def test_names_are_folded_to_lower_case(loaded: Loader) -> None:
    config = loaded("resources: {source: {tables: {Main.Sales.Orders: {comment: Kept}}}}")
    assert [str(address) for address in config.declared] == ["source:table/main.sales.orders"]


def test_one_mistake_of_each_kind_is_reported_in_one_go(refused: Refused) -> None:
    lines = refused("""\
        concurency: {}
        retry: {max_attempts: x}
        retry: {}
        backup_config: {catalogs: [{catalog_name: "${nope}"}]}
        """)
    assert lines == [
        "c.yaml:3:1: unknown key `concurency`, did you mean `concurrency`?",
        "c.yaml:4:23: `max_attempts`: expected a whole number, got the text `x`",
        "c.yaml:5:1: the key `retry` stands here a second time; the first is in line 4",
        "    retry: {}",
        "    ^",
        "c.yaml:6:28: `backup_catalog` is missing in `catalogs`",
        "c.yaml:6:43: the variable `nope` is not defined",
    ]


SOURCE = "target_databricks_connect_config: {host: 'emulator://b'}\nsource_databricks_connect_config: "
CONNECTIONS = [
    ("{}", "2:35: `source_databricks_connect_config`: give `host`, or `profile`"),
    ("{host: adb.net}", "2:42: `host`: expected https://… (a workspace) or emulator://NAME"),
    ("{host: 'ftp://adb.net'}", "2:42: `host`: expected https://… (a workspace) or emulator://NAME"),
    ("{host: 'http://adb.net'}", "2:42: `host`: http:// is accepted for this machine only; write https://"),
    ("{host: 'https://adb.net/?o=12'}", "2:42: `host`: expected only the workspace's address: https://adb.net"),
    (
        "{host: 'https://me:hunter2@adb.net'}",
        "2:42: `host`: credentials in the host are refused; use `token` or `profile`",
    ),
    (
        "{host: 'emulator://US East'}",
        "2:42: `host`: an emulator's name has lower-case letters, digits and `-`: emulator://us-east",
    ),
    ("{host: 'emulator://a?rot=x'}", "2:42: `host`: expected emulator://NAME or emulator://NAME?root=FOLDER"),
    (
        "{host: 'https://a', token: dapi0123456789abcdef0}",
        f"2:62: `token`: a secret in clear text is refused; {SECRET}",
    ),
    ("{host: 'https://a', token: hunter2}", f"2:62: `token`: a secret in clear text is refused; {SECRET}"),
    ("{host: 'https://a', token: '${env:T}'}", f"2:62: `token`: a secret in clear text is refused; {SECRET}"),
    (
        "{host: 'https://a', token: {secret_scope: s}}",
        "2:62: `token`: give either `env`, or both `secret_scope` and `secret_key`",
    ),
    (
        "{host: 'https://a', client_id: x}",
        "2:35: `source_databricks_connect_config`: `client_id` and `client_secret` are given together",
    ),
    (
        "{host: 'https://a', profile: p, token: {env: T}}",
        "2:35: `source_databricks_connect_config`: `token` and `profile` are two ways to authenticate; give one",
    ),
    (
        "{host: 'https://a', warehouse_id: x, http_path: /sql/1.0/warehouses/x}",
        "2:35: `source_databricks_connect_config`: `warehouse_id` and `http_path` name the same thing; give one",
    ),
    ("{host: 'https://a', cluster_id: x}", "2:55: `cluster_id` is not supported: give `warehouse_id` or `http_path`"),
]


@pytest.mark.parametrize(("text", "line"), CONNECTIONS)
def test_connections_are_checked_before_anything_is_contacted(refused: Refused, text: str, line: str) -> None:
    lines = refused(SOURCE + text, bare=True, environ={"T": "s3cret"})
    assert lines == [f"c.yaml:{line}"]


def test_hosts_lose_their_trailing_slash_and_emulators_keep_their_folder(loaded: Loader) -> None:
    config = loaded(
        "source_databricks_connect_config: {host: 'https://ADB.net/'}\n"
        "target_databricks_connect_config: {host: 'emulator://eu-west?root=../x'}\n",
        bare=True,
    )
    assert config.source.host == "https://adb.net"
    assert config.source.emulator_name is None
    assert (config.target.emulator_name, config.target.emulator_root) == ("eu-west", "../x")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            "resources: {source: {catalogs: {a: {properties: {db.password: hunter2}}}}}",
            f"c.yaml:3:63: `db.password`: a secret in clear text is refused; {SECRET}",
        ),
        (
            "resources: {source: {catalogs: {a: {comment: use dapi0123456789abcdef0123}}}}",
            f"c.yaml:3:46: `comment`: this looks like a credential and is refused; {SECRET}",
        ),
        (
            "variables: {x: dapi0123456789abcdef0123}",
            f"c.yaml:3:16: `x`: this looks like a credential and is refused; {SECRET}",
        ),
    ],
)
def test_credentials_anywhere_in_the_file_are_refused_and_never_shown(refused: Refused, text: str, line: str) -> None:
    assert refused(text) == [line]


def test_one_object_cannot_be_declared_twice(refused: Refused) -> None:
    lines = refused("""\
        resources:
          source:
            schemas:
              main.sales: {comment: one}
              MAIN.Sales: {comment: two}
            tables:
              main.sales.orders: {grants: {bob: [SELECT]}}
            clones:
              main.sales.orders: {source: main.sales.raw}
            grants:
              table/main.sales.orders: {privileges: {eve: [SELECT]}}
        """)
    first = "is declared a second time; first as"
    assert lines == [
        f"c.yaml:7:7: source:schema/main.sales {first} source:schema/main.sales at c.yaml:6:7",
        f"c.yaml:11:7: source:clone/main.sales.orders {first} source:table/main.sales.orders at c.yaml:9:7",
        f"c.yaml:13:7: source:grants/table/main.sales.orders {first} "
        "source:grants/table/main.sales.orders at c.yaml:9:27",
    ]


def test_declared_resources_manage_exactly_what_is_written(loaded: Loader) -> None:
    config = loaded("""\
        resources:
          target:
            tables:
              a.b.c:
                comment:
                columns: [{name: id, type: INT}]
                lifecycle: {protect: true, ignore: [properties]}
                after: ["target:schema/a.z"]
                grants: {bob@example.com: [SELECT]}
        """)
    table = config.declared[Address.parse("target:table/a.b.c")]
    assert str(table.at) == "c.yaml:6:7"
    assert table.resource.model_fields_set == {"side", "name", "comment", "columns", "lifecycle", "after"}
    assert table.resource.lifecycle.protect is True
    assert table.resource.after == (Address(Side.TARGET, "schema", "a.z"),)
    grants = config.declared[Address.parse("target:grants/table/a.b.c")].resource
    assert grants.model_dump()["privileges"] == {"bob@example.com": ("SELECT",)}


def test_a_declared_clone_copies_from_its_own_side_unless_told_otherwise(loaded: Loader) -> None:
    config = loaded("resources: {source: {clones: {a.b.c: {source: X.y.z}}}}")
    clone = config.declared[Address.parse("source:clone/a.b.c")].resource
    assert clone.model_dump()["origin"] == "source:table/x.y.z"


def test_moved_and_forget_are_addresses(loaded: Loader) -> None:
    config = loaded("moved: [{from: 'target:schema/a.b', to: 'target:schema/a.c'}]\nforget: ['source:share/s']")
    assert config.moved == {Address.parse("target:schema/a.b"): Address.parse("target:schema/a.c")}
    assert config.forget == frozenset({Address.parse("source:share/s")})


def test_the_hash_tells_what_is_said_not_how() -> None:
    one = load(SEED)
    assert one.hash == load(SEED).hash
    assert one.hash.startswith("sha256:")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("retry: {max_attempts: 2}\nstate: {}", "# text\nstate: {}\nretry:\n  max_attempts: 2", True),
        ("variables: {n: 2}\nretry: {max_attempts: '${n}'}", "retry: {max_attempts: 2}", True),
        ("retry: {max_attempts: 2}", "retry: {max_attempts: 3}", False),
    ],
)
def test_comments_order_and_variables_do_not_change_the_hash(loaded: Loader, one: str, other: str, same: bool) -> None:
    assert (loaded(one).hash == loaded(other).hash) is same


def test_target_catalogs_select_for_every_section_without_catalogs(loaded: Loader) -> None:
    config = loaded("""\
        target_catalogs:
          - catalog_name: sales
            replication_config: {target_catalog: sales_dr}
            target_schemas:
              - schema_name: ops
                replication_config: {target_schema: ops_dr}
                tables: [{table_name: orders, reconciliation_config: {key: [id]}}]
        replication_config: {enforce_schema: false}
        reconciliation_config: {enabled: true}
        """)
    replication, reconciliation = config.document.replication_config, config.document.reconciliation_config
    assert replication is not None
    assert replication.catalogs is not None
    assert replication.catalogs[0].target_catalog == "sales_dr"
    assert replication.catalogs[0].schemas is not None
    assert replication.catalogs[0].schemas[0].target_schema == "ops_dr"
    assert reconciliation is not None
    assert reconciliation.catalogs is not None
    assert reconciliation.catalogs[0].schemas is not None
    assert reconciliation.catalogs[0].schemas[0].tables is not None
    assert reconciliation.catalogs[0].schemas[0].tables[0].key == ("id",)
    assert str(config.at("replication_config", "catalogs", 0, "schemas", 0)) == "c.yaml:7:9"


def test_target_catalogs_that_nobody_uses_are_a_mistake(refused: Refused) -> None:
    assert refused("target_catalogs: [{catalog_name: a}]") == [
        "c.yaml:3:1: `target_catalogs` is used by no section: each has `catalogs` of its own, or there is none"
    ]


def test_loading_imports_no_client_and_the_package_alone_imports_nothing() -> None:
    code = (
        "import sys, replicator.config as c; assert 'pydantic' not in sys.modules; "
        f"c.load(__import__('pathlib').Path({str(SEED)!r})); "
        "heavy = {'databricks.sdk', 'networkx', 'deepdiff', 'sqlglot', 'pandas', 'duckdb', 'deltalake'}; "
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_state_may_be_in_a_volume(loaded: Loader) -> None:
    state = loaded("state: {volume: /Volumes/ops/replicator/state/dr/, side: source}").document.state
    assert (state.volume, state.side) == ("/Volumes/ops/replicator/state/dr", "source")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{volume: ops.replicator.state}", "expected /Volumes/CATALOG/SCHEMA/VOLUME"),
        ("{volume: /Volumes/ops/replicator}", "expected /Volumes/CATALOG/SCHEMA/VOLUME"),
        ('{volume: "dbfs:/Volumes/a/b/c"}', "expected /Volumes/CATALOG/SCHEMA/VOLUME"),
        ("{volume: /Volumes/a/b/c/../d}", "expected a path of plain names"),
        ("{volume: /Volumes/a//c/d}", "expected a path of plain names"),
        ("{volume: /Volumes/a/b/c/%2e%2e}", "expected a path of plain names"),
        ('{volume: "/Volumes/a/b/c?x=1"}', "expected a path of plain names"),
        ("{volume: /Volumes/a/b/c, directory: state}", "give either `directory` or `volume`"),
        ("{side: source}", "`side` says which workspace has the `volume`"),
        ("{volume: /Volumes/a/b/c, side: both}", "source"),
    ],
)
def test_a_place_for_the_state_that_cannot_be_is_refused(refused: Refused, text: str, message: str) -> None:
    (line,) = refused(f"state: {text}")
    assert line.startswith("c.yaml:3:")
    assert message in line
