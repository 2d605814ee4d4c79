"""The open Delta Sharing protocol, read by the official delta-sharing client."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import delta_sharing
import pytest
import requests
from databricks.sdk.errors import InvalidParameterValue, NotFound
from databricks.sdk.service.sharing import AuthenticationType, IpAccessList, PermissionsChange
from delta_sharing.protocol import Table

from replicator.emulator import Endpoint, requestlog, shares, sql
from replicator.emulator.recipient_tokens import PAGE
from replicator.emulator.session import now_ms
from replicator.emulator.signed_links import sign

SETUP = """
CREATE CATALOG main;
CREATE SCHEMA main.sales;
CREATE TABLE main.sales.orders (id BIGINT, amount DECIMAL(10,2), day DATE, region STRING)
    PARTITIONED BY (region) TBLPROPERTIES (delta.enableChangeDataFeed = true);
INSERT INTO main.sales.orders VALUES (1, 1.5, DATE'2024-01-01', 'eu'), (2, 2.5, DATE'2024-01-02', 'us');
INSERT INTO main.sales.orders VALUES (3, 3.5, NULL, NULL);
UPDATE main.sales.orders SET amount = 9 WHERE id = 1;
CREATE SHARE sh;
CREATE RECIPIENT partner;
GRANT SELECT ON SHARE sh TO RECIPIENT partner
"""


@dataclass
class Partner:
    """A provider that shares `sh` with the token recipient `partner`, and the profile that the partner has got."""

    endpoint: Endpoint
    w: Any
    profile: Path

    def run(self, *statements: str) -> None:
        """SQL on the provider's side, as its owner."""
        session = self.endpoint.session()
        for statement in statements:
            sql.execute(session, statement)

    def add(self, name: str, kind: str = "TABLE", **fields: Any) -> None:
        """Add an object to the share, with the fields that REST takes."""
        item = {"name": name, "data_object_type": kind, **fields}
        shares.update_share(self.endpoint.session(), "sh", updates=[{"action": "ADD", "data_object": item}])

    def activate(self) -> None:
        """Use the recipient's activation link, as the partner does."""
        link = self.w.recipients.get("partner").tokens[-1].activation_url
        self.profile.write_text(json.dumps(self.w.recipient_activation.retrieve_token(link).as_dict()))

    def url(self, table: str = "sales.orders") -> str:
        """The client's name for a table."""
        return f"{self.profile}#sh.{table}"

    def rows(self, table: str = "sales.orders", **options: Any) -> list[tuple[Any, ...]]:
        """Rows of a shared table as the client reads them, sorted."""
        frame = delta_sharing.load_as_pandas(self.url(table), **options).astype(object)
        return sorted(tuple(row) for row in frame.where(frame.notna(), None).to_numpy().tolist())

    def refusal(self, read: Callable[[], Any]) -> tuple[int, str]:
        """Status and error code with which the server refuses the client."""
        with pytest.raises(requests.HTTPError) as caught:
            read()
        return caught.value.response.status_code, caught.value.response.json()["error_code"]

    def query(self, table: str = "sales.orders", **body: Any) -> list[dict[str, Any]]:
        """The lines that a query is answered with."""
        profile = json.loads(self.profile.read_text())
        schema, name = table.split(".")
        url = f"{profile['endpoint']}/shares/sh/schemas/{schema}/tables/{name}/query"
        answer = requests.post(url, json=body, headers={"Authorization": f"Bearer {profile['bearerToken']}"}, timeout=9)
        answer.raise_for_status()
        return [json.loads(line) for line in answer.text.splitlines()]


@pytest.fixture
def partner(endpoint: Callable[..., Endpoint], sdk: Callable[..., Any], tmp_path: Path) -> Partner:
    e = endpoint("us-east")
    made = Partner(e, sdk(e), tmp_path / "config.share")
    made.run(*SETUP.strip().split(";\n"))
    made.activate()
    return made


def history(item: Partner) -> Partner:
    """Share the table with its history."""
    item.add("main.sales.orders", history_data_sharing_status="ENABLED")
    return item


# ---- what is shared


def test_tables_are_listed_under_their_shared_names(partner: Partner) -> None:
    partner.run("CREATE SCHEMA main.ops", "CREATE TABLE main.ops.t (id INT)", "CREATE SHARE other")
    partner.add("main.sales.orders", shared_as="retail.bought")
    partner.add("main.ops", "SCHEMA")
    client = delta_sharing.SharingClient(str(partner.profile))
    (share,) = client.list_shares()
    assert share.name == "sh"
    assert [schema.name for schema in client.list_schemas(share)] == ["ops", "retail"]
    assert client.list_all_tables() == [Table("t", "sh", "ops"), Table("bought", "sh", "retail")]
    assert len(partner.rows("retail.bought")) == 3


def test_lists_come_in_pages(partner: Partner) -> None:
    partner.run("CREATE SCHEMA main.ops", *(f"CREATE TABLE main.ops.t{number} (id INT)" for number in range(3)))
    partner.add("main.ops", "SCHEMA")
    client = delta_sharing.SharingClient(str(partner.profile))._rest_client
    share = client.list_shares().shares[0]
    first = client.list_all_tables(share, max_results=2)
    rest = client.list_all_tables(share, max_results=2, page_token=first.next_page_token)
    assert [table.name for table in (*first.tables, *rest.tables)] == ["t0", "t1", "t2"]
    assert rest.next_page_token is None


@pytest.mark.parametrize("table", ["sales.no", "no.orders"])
def test_what_is_not_shared_does_not_exist(partner: Partner, table: str) -> None:
    partner.add("main.sales.orders")
    refused = partner.refusal(lambda: delta_sharing.load_as_pandas(partner.url(table)))
    assert refused == (404, "RESOURCE_DOES_NOT_EXIST")


def test_a_revoked_share_is_gone(partner: Partner) -> None:
    partner.add("main.sales.orders")
    partner.w.shares.update_permissions("sh", changes=[PermissionsChange(principal="partner", remove=["SELECT"])])
    assert delta_sharing.SharingClient(str(partner.profile)).list_shares() == []
    assert partner.refusal(lambda: delta_sharing.load_as_pandas(partner.url()))[0] == 404


# ---- reading


@pytest.mark.parametrize("options", [{}, {"use_delta_format": True}, {"convert_in_batches": True}])
def test_a_snapshot_is_read_in_both_formats(partner: Partner, options: dict[str, Any]) -> None:
    partner.add("main.sales.orders")
    found = [(row[0], float(row[1]), str(row[2]), row[3]) for row in partner.rows(**options)]
    assert found == [(1, 9.0, "2024-01-01", "eu"), (2, 2.5, "2024-01-02", "us"), (3, 3.5, "None", None)]


def test_a_limit_needs_fewer_files(partner: Partner) -> None:
    partner.add("main.sales.orders")
    assert len(delta_sharing.load_as_pandas(partner.url(), limit=1)) == 1
    assert len([line for line in partner.query(limitHint=1) if "file" in line]) == 1
    assert delta_sharing.load_as_pandas(partner.url(), limit=0).empty


def test_older_versions_need_shared_history(partner: Partner) -> None:
    partner.add("main.sales.orders")
    refused = partner.refusal(lambda: delta_sharing.load_as_pandas(partner.url(), version=1))
    assert refused == (400, "DS_TIME_TRAVEL_NOT_PERMITTED")


def test_older_versions_are_read(partner: Partner) -> None:
    history(partner)
    assert [(row[0], float(row[1])) for row in partner.rows(version=1)] == [(1, 1.5), (2, 2.5)]
    assert partner.rows(version=0) == []
    assert delta_sharing.get_table_version(partner.url()) == 3
    refused = partner.refusal(lambda: delta_sharing.load_as_pandas(partner.url(), version=9))
    assert refused == (400, "DELTA_VERSION_NOT_FOUND")


def test_versions_before_the_start_version_are_not_shared(partner: Partner) -> None:
    partner.add("main.sales.orders", history_data_sharing_status="ENABLED", start_version=2)
    assert len(partner.rows(version=2)) == 3
    assert partner.refusal(lambda: partner.rows(version=1)) == (400, "INVALID_PARAMETER_VALUE")


@pytest.mark.parametrize("delta", [False, True])
def test_changes_are_read(partner: Partner, delta: bool) -> None:
    history(partner)
    frame = delta_sharing.load_table_changes_as_pandas(partner.url(), starting_version=1, use_delta_format=delta)
    found = sorted(zip(frame["_commit_version"], frame["_change_type"], frame["id"], strict=True))
    assert found == [
        (1, "insert", 1),
        (1, "insert", 2),
        (2, "insert", 3),
        (3, "update_postimage", 1),
        (3, "update_preimage", 1),
    ]
    frame = delta_sharing.load_table_changes_as_pandas(partner.url(), starting_version=2, ending_version=2)
    assert list(frame["id"]) == [3]


def test_changes_between_moments_are_read(partner: Partner) -> None:
    history(partner)
    everything = delta_sharing.load_table_changes_as_pandas(partner.url(), starting_timestamp="2020-01-01T00:00:00Z")
    assert len(everything) == 5
    late = partner.refusal(
        lambda: delta_sharing.load_table_changes_as_pandas(partner.url(), starting_timestamp="2100-01-01T00:00:00Z")
    )
    assert late == (400, "INVALID_PARAMETER_VALUE")


def test_changes_need_a_feed_that_is_recorded_and_shared(partner: Partner) -> None:
    def read() -> Any:
        return delta_sharing.load_table_changes_as_pandas(partner.url(table), starting_version=0)

    table = "sales.orders"
    partner.add("main.sales.orders")
    assert partner.refusal(read) == (400, "DS_CDF_NOT_SHARED")
    partner.run("CREATE TABLE main.sales.plain (id INT)")
    partner.add("main.sales.plain", history_data_sharing_status="ENABLED")
    table = "sales.plain"
    assert partner.refusal(read) == (400, "DS_CDF_NOT_ENABLED")


def test_a_stream_reads_the_files_added_since_a_version(partner: Partner) -> None:
    history(partner)
    lines = partner.query(startingVersion=2)
    found = sorted((kind, line[kind]["version"]) for line in lines for kind in ("add", "remove") if kind in line)
    assert found == [("add", 2), ("add", 3), ("remove", 3)]


def test_features_that_plain_parquet_cannot_carry_come_in_the_delta_format(partner: Partner) -> None:
    partner.run(
        "CREATE TABLE main.sales.moments (at TIMESTAMP_NTZ)",
        "INSERT INTO main.sales.moments VALUES (TIMESTAMP_NTZ'2024-01-01 00:00:00')",
    )
    partner.add("main.sales.moments")
    assert [str(row[0]) for row in partner.rows("sales.moments")] == ["2024-01-01 00:00:00"]
    refused = partner.refusal(lambda: partner.rows("sales.moments", use_delta_format=False))
    assert refused == (400, "DS_UNSUPPORTED_DELTA_TABLE_FEATURES")


# ---- which files


@pytest.mark.parametrize(
    ("hints", "regions"),
    [
        (["region = 'eu'", "region <> 'us'"], ["eu"]),
        (["region <> 'eu'"], ["us"]),
        (["region IS NULL"], [None]),
        (["'eu' < region"], ["us"]),
        (["id = 1"], ["eu", "us", None]),
        (["no sense ("], ["eu", "us", None]),
        (["region = 'eu' OR id = 7"], ["eu", "us", None]),
    ],
)
def test_predicates_leave_out_files_that_cannot_match(
    partner: Partner, hints: list[str], regions: list[str | None]
) -> None:
    partner.add("main.sales.orders")
    lines = partner.query(predicateHints=hints)
    found = [line["file"]["partitionValues"]["region"] or None for line in lines if "file" in line]
    assert sorted(found, key=str) == sorted(regions, key=str)


def test_predicates_come_as_json_too(partner: Partner) -> None:
    partner.add("main.sales.orders")
    column = {"op": "column", "name": "region", "valueType": "string"}
    tree = {"op": "equal", "children": [column, {"op": "literal", "value": "us", "valueType": "string"}]}
    frame = delta_sharing.load_as_pandas(partner.url(), jsonPredicateHints=json.dumps(tree))
    assert list(frame["region"]) == ["us"]
    assert len(partner.query(jsonPredicateHints="{")) == 5


def test_only_the_shared_partitions_are_read(partner: Partner) -> None:
    partition = {"values": [{"name": "region", "op": "EQUAL", "value": "eu"}]}
    partner.add("main.sales.orders", partitions=[partition])
    assert [row[0] for row in partner.rows()] == [1]
    assert partner.query()[1]["metaData"]["numFiles"] == 1


def test_a_partition_may_be_chosen_by_a_property_of_the_recipient(partner: Partner) -> None:
    partition = {"values": [{"name": "region", "op": "EQUAL", "recipient_property_key": "country"}]}
    partner.add("main.sales.orders", partitions=[partition])
    assert partner.rows() == []
    partner.run("ALTER RECIPIENT partner SET PROPERTIES ('country' = 'us')")
    assert [row[0] for row in partner.rows()] == [2]


# ---- tokens and links


def test_an_activation_link_works_once(partner: Partner) -> None:
    made = partner.w.recipients.create("second", AuthenticationType.TOKEN)
    link = made.tokens[0].activation_url
    assert link.startswith(f"{partner.endpoint.url}{PAGE}?")
    assert partner.w.recipients.get("second").activated is False
    partner.w.recipient_activation.get_activation_url_info(link)
    assert partner.w.recipient_activation.retrieve_token(link.partition("?")[2]).bearer_token
    assert partner.w.recipients.get("second").activated is True
    assert partner.w.recipients.get("second").tokens[0].activation_url is None
    for used in (
        partner.w.recipient_activation.retrieve_token,
        partner.w.recipient_activation.get_activation_url_info,
    ):
        with pytest.raises(NotFound):
            used(link)


def test_rotation_ends_the_old_token(partner: Partner) -> None:
    partner.add("main.sales.orders")
    partner.w.recipients.rotate_token("partner", 3600)
    assert len(partner.rows()) == 3
    partner.activate()
    assert len(partner.rows()) == 3
    partner.w.recipients.rotate_token("partner", 0)
    assert partner.refusal(partner.rows) == (401, "UNAUTHENTICATED")
    partner.activate()
    assert len(partner.rows()) == 3
    with pytest.raises(InvalidParameterValue):
        partner.w.recipients.rotate_token("partner", -1)


def test_a_token_expires_and_rotation_does_not_prolong_it(partner: Partner) -> None:
    soon = now_ms() + 3_600_000
    partner.w.recipients.create("short", AuthenticationType.TOKEN, expiration_time=soon)
    first = partner.w.recipients.rotate_token("short", 7200).tokens[0]
    assert first.expiration_time == soon
    partner.w.recipients.update("partner", expiration_time=now_ms() - 1)
    assert partner.refusal(partner.rows) == (401, "UNAUTHENTICATED")


def test_only_listed_addresses_may_read(partner: Partner) -> None:
    partner.add("main.sales.orders")
    partner.w.recipients.update("partner", ip_access_list=IpAccessList(allowed_ip_addresses=["10.0.0.0/8"]))
    assert partner.refusal(partner.rows) == (403, "PERMISSION_DENIED")
    both = IpAccessList(allowed_ip_addresses=["10.0.0.0/8", "127.0.0.1"])
    partner.w.recipients.update("partner", ip_access_list=both)
    assert len(partner.rows()) == 3
    with pytest.raises(InvalidParameterValue, match="not a valid IP address"):
        partner.w.recipients.update("partner", ip_access_list=IpAccessList(allowed_ip_addresses=["here"]))


def test_the_tokens_of_users_and_recipients_open_different_doors(partner: Partner) -> None:
    profile = json.loads(partner.profile.read_text())
    for url, token in (
        (f"{profile['endpoint']}/shares", partner.endpoint.token),
        (f"{partner.endpoint.url}/api/2.1/unity-catalog/catalogs", profile["bearerToken"]),
    ):
        assert requests.get(url, headers={"Authorization": f"Bearer {token}"}, timeout=9).status_code == 401
    assert requests.get(f"{profile['endpoint']}/shares", timeout=9).status_code == 401


def test_links_to_files_are_signed_and_expire(partner: Partner) -> None:
    partner.add("main.sales.orders")
    link = next(line["file"]["url"] for line in partner.query() if "file" in line)
    assert requests.get(link, timeout=9).content[:4] == b"PAR1"
    assert requests.get(link, headers={"Range": "bytes=0-3"}, timeout=9).content == b"PAR1"
    assert requests.get(link, headers={"Range": "bytes=-4"}, timeout=9).content == b"PAR1"
    assert requests.get(link, headers={"Range": "bytes=999999-"}, timeout=9).status_code == 416
    parts = urlsplit(link)
    query = {key: values[0] for key, values in parse_qs(parts.query).items()}
    for change in ({"expires": str(now_ms() + 10**9)}, {"target": "L2V0Yy9wYXNzd2Q="}, {"X-Amz-Signature": ""}):
        forged = parts._replace(query=urlencode(query | change)).geturl()
        assert requests.get(forged, timeout=9).status_code == 403
    old = sign(partner.endpoint.store, Path(__file__), now_ms() - 1)
    assert requests.get(partner.endpoint.url + old, timeout=9).status_code == 403


def test_the_request_log_holds_no_secret(partner: Partner) -> None:
    partner.add("main.sales.orders")
    partner.rows()
    text = (partner.endpoint.store.root / requestlog.FILE).read_text()
    code = partner.w.recipients.create("x", AuthenticationType.TOKEN).tokens[0].activation_url.partition("?")[2]
    partner.w.recipient_activation.retrieve_token(code)
    assert "X-Amz-Signature" not in text
    assert code not in (partner.endpoint.store.root / requestlog.FILE).read_text()
    assert "recipient partner" in text


def test_a_person_activates_on_a_page(partner: Partner) -> None:
    link = partner.w.recipients.create("person", AuthenticationType.TOKEN).tokens[0].activation_url
    page = requests.get(link + '"><script>', timeout=9)
    assert "<script>" not in page.text
    target = requests.get(link, timeout=9).text.split('href="')[1].split('"')[0]
    assert requests.get(partner.endpoint.url + target, timeout=9).json()["shareCredentialsVersion"] == 1


def test_the_old_form_of_asking_for_the_version_is_answered(partner: Partner) -> None:
    partner.add("main.sales.orders")
    profile = json.loads(partner.profile.read_text())
    parts = urlsplit(profile["endpoint"])
    connection = http.client.HTTPConnection(parts.netloc, timeout=9)
    path = f"{parts.path}/shares/sh/schemas/sales/tables/orders"
    connection.request("HEAD", path, headers={"Authorization": f"Bearer {profile['bearerToken']}"})
    assert connection.getresponse().headers["delta-table-version"] == "3"
    connection.close()
