"""Clients whose pins differ from ours, run from environments of their own: dbt-databricks and SQLAlchemy's dialect.

`REPLICATOR_DBT` is the path of a dbt with its Databricks adapter, `REPLICATOR_SQLALCHEMY` that of a Python with
databricks-sqlalchemy. Without them these tests are skipped: they are no dependencies.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from replicator.emulator import Endpoint, connect, sql, start, stop

pytestmark = pytest.mark.slow

PROJECT = {
    "dbt_project.yml": "{name: shop, version: '1.0', profile: emulator, models: {shop: {+materialized: table}}}",
    "seeds/customers.csv": "id,name,country\n1,Ann,us\n2,Bert,eu\n3,Cid,eu\n",
    "seeds/orders.csv": "id,customer_id,amount,at\n1,1,10.5,2024-01-01\n2,1,20.0,2024-01-02\n3,2,30.25,2024-01-03\n",
    "models/people.sql": (
        "{{ config(materialized='view') }} select id as customer_id, upper(name) as name, country"
        " from {{ ref('customers') }}"
    ),
    "models/totals.sql": (
        "select p.customer_id, p.name, count(o.id) as orders, coalesce(sum(o.amount), 0) as total"
        " from {{ ref('people') }} p left join {{ ref('orders') }} o on o.customer_id = p.customer_id"
        " group by p.customer_id, p.name"
    ),
    "models/loaded.sql": (
        "{{ config(materialized='incremental', unique_key='id', incremental_strategy='merge') }}"
        " select id, customer_id, cast(amount as decimal(10,2)) as amount from {{ ref('orders') }}"
        "{% if is_incremental() %} where id >= (select max(id) from {{ this }}) {% endif %}"
    ),
    "models/appended.sql": (
        "{{ config(materialized='incremental', incremental_strategy='append', partition_by=['customer_id']) }}"
        " select id, customer_id from {{ ref('orders') }}"
    ),
    "models/clustered.sql": (
        "{{ config(liquid_clustered_by=['id'], databricks_tags={'team': 'retail'}) }}"
        " select id from {{ ref('orders') }}"
    ),
    "models/per_country.sql": (
        "{{ config(materialized='materialized_view') }} select country, count(*) as n from {{ ref('customers') }}"
        " group by country"
    ),
    "models/streamed.sql": "{{ config(materialized='streaming_table') }} select * from stream {{ ref('orders') }}",
    "models/contracted.sql": "select id, cast(amount as double) as amount from {{ ref('orders') }}",
    "models/models.yml": """
version: 2
models:
  - name: people
    columns:
      - {name: customer_id, tests: [unique, not_null]}
      - {name: country, tests: [{accepted_values: {values: [us, eu]}}]}
  - name: totals
    description: "What each customer's orders come to"
    config: {persist_docs: {relation: true, columns: true}, tblproperties: {team: retail}}
    columns:
      - name: customer_id
        description: the key
        tests: [{relationships: {to: ref('people'), field: customer_id}}]
  - name: contracted
    config: {contract: {enforced: true}}
    columns:
      - {name: id, data_type: bigint, constraints: [{type: not_null}, {type: primary_key}]}
      - {name: amount, data_type: double, constraints: [{type: check, expression: amount > 0}]}
""",
    "snapshots/snapshots.yml": """
snapshots:
  - name: customers_then
    relation: ref('customers')
    config: {unique_key: id, strategy: check, check_cols: all}
""",
    "tests/positive.sql": "select * from {{ ref('totals') }} where total < 0",
}


@pytest.fixture
def served(root: Path) -> Iterator[Endpoint]:
    """A metastore with a catalog, over TLS: dbt's REST client speaks nothing else."""
    e = start("us-east", root, tls=True)
    sql.execute(e.session(), "CREATE CATALOG main")
    yield e
    stop(e)


def _environment(e: Endpoint) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("DATABRICKS_")}
    trust = {key: value for key, value in connect.environment(e).items() if not key.startswith("DATABRICKS_")}
    return kept | trust | {"DBT_SEND_ANONYMOUS_USAGE_STATS": "false"}


def test_dbt_builds_a_project_twice(served: Endpoint, tmp_path: Path) -> None:
    dbt = os.environ.get("REPLICATOR_DBT") or shutil.which("dbt")
    if dbt is None:
        pytest.skip("dbt is not installed: point REPLICATOR_DBT to one that has dbt-databricks")
    for name, text in PROJECT.items():
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    (tmp_path / "profiles.yml").write_text(connect.instructions(served)["dbt: profiles.yml"])
    for command in ("build", "build", "snapshot", "run --full-refresh", "docs generate"):
        done = subprocess.run(
            [dbt, "--no-use-colors", *command.split(), "--profiles-dir", "."],
            cwd=tmp_path,
            env=_environment(served),
            capture_output=True,
            text=True,
            timeout=280,
            check=False,
        )
        assert done.returncode == 0, f"dbt {command}\n{done.stdout}\n{done.stderr}"
    rows = sql.execute(served.session(), "SELECT * FROM main.default.totals ORDER BY customer_id").table.to_pylist()
    assert [(row["name"], row["orders"], row["total"]) for row in rows] == [
        ("ANN", 2, 30.5),
        ("BERT", 1, 30.25),
        ("CID", 0, 0),
    ]
    catalog = json.loads((tmp_path / "target" / "catalog.json").read_text())
    assert catalog["errors"] is None
    types = {name: column["type"] for name, column in catalog["nodes"]["model.shop.totals"]["columns"].items()}
    assert types == {"customer_id": "bigint", "name": "string", "orders": "bigint", "total": "double"}


SQLALCHEMY = """
import datetime, decimal, json, sys
import sqlalchemy as sa

url, arguments = sys.argv[1], json.loads(sys.argv[2])
engine = sa.create_engine(url, connect_args=arguments)
metadata = sa.MetaData()
people = sa.Table(
    "people", metadata,
    sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("name", sa.String), sa.Column("born", sa.Date), sa.Column("pay", sa.Numeric(10, 2)),
    sa.Column("ok", sa.Boolean), sa.Column("at", sa.DateTime), sa.Column("score", sa.Float),
)
pets = sa.Table(
    "pets", metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column("owner", sa.BigInteger, sa.ForeignKey("people.id")),
)
metadata.create_all(engine)
ann = (1, "Ann", datetime.date(2000, 1, 2), decimal.Decimal("10.50"), True, datetime.datetime(2024, 1, 2, 3, 4, 5), 1.5)
with engine.begin() as c:
    names = [column.name for column in people.columns]
    c.execute(people.insert(), [dict(zip(names, ann)), dict.fromkeys(names) | {"id": 2}])
    c.execute(people.update().where(people.c.id == 2).values(name="Bob"))
with engine.connect() as c:
    assert [tuple(row) for row in c.execute(sa.select(people).order_by(people.c.id))][0] == ann
    found = sa.select(sa.func.count(), sa.func.sum(people.c.pay)).where(people.c.name.like("A%"))
    assert tuple(c.execute(found).one()) == (1, decimal.Decimal("10.50"))
inspector = sa.inspect(engine)
assert inspector.get_table_names() == ["people", "pets"]
assert inspector.has_table("people") and not inspector.has_table("no")
assert [str(column["type"]) for column in inspector.get_columns("people")][:4] == [
    "BIGINT", "VARCHAR", "DATE", "NUMERIC(10, 2)",
]
assert inspector.get_pk_constraint("people")["constrained_columns"] == ["id"]
assert inspector.get_foreign_keys("pets")[0]["referred_table"] == "people"
assert sorted(sa.Table("people", sa.MetaData(), autoload_with=engine).columns.keys()) == sorted(names)
metadata.drop_all(engine)
assert sa.inspect(engine).get_table_names() == []
engine.dispose()
"""


def test_sqlalchemy_creates_fills_reads_and_reflects(served: Endpoint) -> None:
    python = os.environ.get("REPLICATOR_SQLALCHEMY")
    if python is None:
        pytest.skip("point REPLICATOR_SQLALCHEMY to a Python that has databricks-sqlalchemy")
    place = f"http_path={served.http_path}&catalog=main&schema=default"
    url = f"databricks://token:{served.token}@127.0.0.1:443?{place}"
    arguments = {
        "_connection_uri": served.url + served.http_path,
        "_tls_trusted_ca_file": str(served.ca_file),
        "enable_telemetry": False,
    }
    command = [python, "-c", SQLALCHEMY, url, json.dumps(arguments)]
    done = subprocess.run(command, env=_environment(served), capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr
