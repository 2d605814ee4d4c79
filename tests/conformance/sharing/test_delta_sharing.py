"""The delta-sharing client: it lists and reads what a recipient with a bearer token may read."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import delta_sharing
import pytest
import requests
from databricks.sdk import WorkspaceClient
from databricks.sdk.service.sharing import AuthenticationType

SETUP = (
    "CREATE TABLE orders (id BIGINT, amount DECIMAL(10,2), day DATE, region STRING, tags ARRAY<STRING>)"
    " PARTITIONED BY (region) TBLPROPERTIES (delta.enableChangeDataFeed = true)",
    "INSERT INTO orders VALUES (1, 1.5, DATE'2024-01-01', 'eu', array('a')), (2, 2.5, DATE'2024-01-02', 'us', NULL)",
    "INSERT INTO orders VALUES (3, 3.5, NULL, NULL, array())",
    "UPDATE orders SET amount = 9 WHERE id = 1",
    "DELETE FROM orders WHERE id = 2",
    "CREATE TABLE plain (id INT)",
    "INSERT INTO plain SELECT id FROM range(100)",
)


@pytest.fixture
def share(rows: Callable[..., Any], schema: str, w: WorkspaceClient, tmp_path: Path) -> Iterator[str]:
    """A share of the test's tables, named as the client names it: `profile file#share.schema`."""
    name = f"conformance_{uuid.uuid4().hex[:8]}"
    for statement in SETUP:
        rows(statement)
    rows(f"CREATE SHARE {name}")
    rows(f"ALTER SHARE {name} ADD TABLE {schema}.orders WITH HISTORY")
    rows(f"ALTER SHARE {name} ADD TABLE {schema}.plain")
    link = w.recipients.create(name, AuthenticationType.TOKEN).tokens[0].activation_url or ""
    rows(f"GRANT SELECT ON SHARE {name} TO RECIPIENT {name}")
    profile = tmp_path / "config.share"
    profile.write_text(json.dumps(w.recipient_activation.retrieve_token(link.partition("?")[2] or link).as_dict()))
    yield f"{profile}#{name}.{schema.partition('.')[2]}"
    rows(f"DROP RECIPIENT {name}")
    rows(f"DROP SHARE {name}")


def test_shares_schemas_and_tables_are_listed(share: str) -> None:
    profile, _, rest = share.partition("#")
    name, schema = rest.split(".")
    client = delta_sharing.SharingClient(profile)
    assert [found.name for found in client.list_shares()] == [name]
    (listed,) = client.list_schemas(client.list_shares()[0])
    assert (listed.share, listed.name) == (name, schema)
    assert sorted(table.name for table in client.list_tables(listed)) == ["orders", "plain"]
    assert sorted(table.name for table in client.list_all_tables()) == ["orders", "plain"]


def test_a_snapshot_is_read(share: str) -> None:
    frame = delta_sharing.load_as_pandas(f"{share}.orders").sort_values("id")
    assert list(frame.columns) == ["id", "amount", "day", "region", "tags"]
    assert [int(value) for value in frame["id"]] == [1, 3]
    assert [str(value) for value in frame["amount"]] == ["9.00", "3.50"]
    assert list(frame["region"].astype(object).where(frame["region"].notna(), None)) == ["eu", None]
    assert len(delta_sharing.load_as_pandas(f"{share}.plain")) == 100


def test_a_limit_reads_no_more(share: str) -> None:
    assert len(delta_sharing.load_as_pandas(f"{share}.plain", limit=7)) == 7
    assert len(delta_sharing.load_as_pandas(f"{share}.plain", limit=0)) == 0


def test_versions_are_read(share: str) -> None:
    assert delta_sharing.get_table_version(f"{share}.orders") == 4
    assert sorted(int(value) for value in delta_sharing.load_as_pandas(f"{share}.orders", version=1)["id"]) == [1, 2]
    assert len(delta_sharing.load_as_pandas(f"{share}.orders", version=2)) == 3
    now = (dt.datetime.now(dt.UTC) - dt.timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    with pytest.raises(requests.HTTPError):
        delta_sharing.load_as_pandas(f"{share}.orders", timestamp=now)
    with pytest.raises(requests.HTTPError):
        delta_sharing.load_as_pandas(f"{share}.orders", version=99)


def test_metadata_and_protocol_are_read(share: str) -> None:
    metadata = delta_sharing.get_table_metadata(f"{share}.orders")
    assert metadata.partition_columns == ["region"]
    fields = [field["name"] for field in json.loads(metadata.schema_string)["fields"]]
    assert fields == ["id", "amount", "day", "region", "tags"]
    assert delta_sharing.get_table_protocol(f"{share}.orders").min_reader_version == 1


def test_the_change_data_feed_is_read(share: str) -> None:
    frame = delta_sharing.load_table_changes_as_pandas(f"{share}.orders", starting_version=1)
    found = sorted((int(row["_commit_version"]), row["_change_type"], int(row["id"])) for _, row in frame.iterrows())
    assert found == [
        (1, "insert", 1),
        (1, "insert", 2),
        (2, "insert", 3),
        (3, "update_postimage", 1),
        (3, "update_preimage", 1),
        (4, "delete", 2),
    ]
    last = delta_sharing.load_table_changes_as_pandas(f"{share}.orders", starting_version=4, ending_version=4)
    assert list(last["_change_type"]) == ["delete"]


def test_what_is_not_shared_is_refused(share: str) -> None:
    with pytest.raises(requests.HTTPError) as refusal:
        delta_sharing.load_as_pandas(f"{share}.absent")
    assert refusal.value.response.status_code in (403, 404)
    with pytest.raises(requests.HTTPError):
        delta_sharing.load_table_changes_as_pandas(f"{share}.plain", starting_version=0)
