"""The HTTP server itself: authentication, routing, the request log, injected faults."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from databricks.sdk.errors import DatabricksError, InternalError, NotFound, PermissionDenied, Unauthenticated
from databricks.sql.exc import DatabaseError
from hypothesis import given, settings
from hypothesis import strategies as st

from replicator.emulator import Endpoint, recipient_tokens, requestlog, shares, sql, start, stop
from replicator.emulator.faults import Rule, write_rules
from replicator.emulator.launch import ROUTES
from replicator.emulator.recipient_tokens import ENDPOINT
from replicator.emulator.session import words

Serve = Callable[..., Endpoint]
Sdk = Callable[..., Any]
UC = "/api/2.1/unity-catalog"


def call(
    e: Endpoint, method: str, path: str, body: bytes | None = None, **headers: str
) -> tuple[int, dict[str, str], bytes]:
    """One raw request with the owner's token, unless the headers say otherwise."""
    connection = http.client.HTTPConnection(e.url.removeprefix("http://"), timeout=30)
    try:
        sent = {"Authorization": f"Bearer {e.token}"} | headers
        connection.request(method, path, body, {key: value for key, value in sent.items() if value})
        response = connection.getresponse()
        return response.status, dict(response.getheaders()), response.read()
    finally:
        connection.close()


# ---- who may


@pytest.mark.parametrize("value", ["", "Bearer", "Bearer wrong", "Basic abc", "Bearer \xff"])
def test_without_a_valid_token_nothing_is_answered(endpoint: Serve, value: str) -> None:
    status, _, body = call(endpoint(), "GET", f"{UC}/catalogs", Authorization=value)
    assert status == 401
    assert json.loads(body)["error_code"] == "UNAUTHENTICATED"


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost:80", 200),
        ("127.0.0.1", 200),
        ("evil.example", 403),
        ("evil.example:80", 403),
        ("127.0.0.1.evil.example", 403),
    ],
)
def test_only_loopback_names_are_served(endpoint: Serve, host: str, status: int) -> None:
    assert call(endpoint(), "GET", f"{UC}/catalogs", Host=host)[0] == status


def test_it_listens_on_loopback_only(endpoint: Serve) -> None:
    e = endpoint()
    assert e.server.server_address[0] == "127.0.0.1"
    assert e.url.startswith("http://127.0.0.1:")


def test_the_database_and_the_log_are_private(endpoint: Serve) -> None:
    e = endpoint()
    call(e, "GET", f"{UC}/catalogs")
    for path in (e.store.root / "metastores.db", e.store.root / requestlog.FILE):
        assert path.stat().st_mode & 0o077 == 0
    assert e.token not in (e.store.root / requestlog.FILE).read_text()
    assert e.token.encode() not in (e.store.root / "metastores.db").read_bytes()


def test_the_workspace_is_described_without_a_token(endpoint: Serve) -> None:
    e = endpoint()
    status, _, body = call(e, "GET", "/.well-known/databricks-config", Authorization="")
    assert (status, json.loads(body)["workspace_id"]) == (200, str(e.metastore.workspace_id))


# ---- what was asked


def test_unknown_paths_and_verbs_are_named(endpoint: Serve) -> None:
    e = endpoint()
    for method, path in (
        ("GET", "/api/2.1/no"),
        ("POST", f"{UC}/metastore_summary"),
        ("GET", f"{UC}/tables/"),
    ):
        status, _, body = call(e, method, path)
        assert status in (400, 404), path
        assert json.loads(body)["error_code"] in ("ENDPOINT_NOT_FOUND", "INVALID_PARAMETER_VALUE")


@pytest.mark.parametrize("body", [b"{", b"[1]", b'"x"', b"\xff\xfe", b"null"])
def test_a_body_that_is_no_json_object_is_refused(endpoint: Serve, body: bytes) -> None:
    status, _, answer = call(endpoint(), "POST", f"{UC}/catalogs", body)
    assert status == 400
    assert json.loads(answer)["error_code"] in ("MALFORMED_REQUEST", "INVALID_PARAMETER_VALUE")


def test_a_chunked_body_is_read(endpoint: Serve) -> None:
    e = endpoint()
    connection = http.client.HTTPConnection(e.url.removeprefix("http://"))
    body = iter([b'{"name":', b'"c"}'])
    headers = {"Authorization": f"Bearer {e.token}"}
    connection.request("POST", f"{UC}/catalogs", body, headers, encode_chunked=True)
    assert connection.getresponse().status == 200
    connection.close()


def test_answers_do_not_wait_for_delayed_acknowledgements(endpoint: Serve) -> None:
    e = endpoint()
    connection = http.client.HTTPConnection(e.url.removeprefix("http://"))
    started = time.perf_counter()
    for _ in range(50):
        connection.request("GET", f"{UC}/metastore_summary", headers={"Authorization": f"Bearer {e.token}"})
        connection.getresponse().read()
    # Nagle's algorithm against delayed acknowledgements costs 40 ms per request.
    assert time.perf_counter() - started < 1.0
    connection.close()


def exchange(e: Endpoint, sent: bytes) -> bytes:
    """What comes back for bytes sent as they are, until the server ends the connection."""
    address = ("127.0.0.1", int(e.url.rpartition(":")[2]))
    with socket.create_connection(address, timeout=9) as connection:
        received = b""
        connection.sendall(sent)
        while chunk := connection.recv(65536):
            received += chunk
        return received


_KNOWN = b"GET /.well-known/databricks-config HTTP/1.1\r\nHost: localhost\r\n"


@pytest.mark.parametrize(
    "request_",
    [
        b"nonsense\r\n\r\n",
        b"GET / SPDY/3\r\n\r\n",
        b"GET  / extra HTTP/1.1\r\n\r\n",
        _KNOWN + b"no colon\r\n\r\n",
        _KNOWN + b"Folded: a\r\n b: c\r\n\r\n",
        _KNOWN + b"Spaced : a\r\n\r\n",
        _KNOWN + b"Transfer-Encoding: gzip, chunked\r\n\r\n",
        _KNOWN + b"Content-Length: -1\r\n\r\n",
        _KNOWN + b"Content-Length: 1_0\r\n\r\n",
        _KNOWN + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        _KNOWN + b"X: y\r\n" * 201 + b"\r\n",
    ],
)
def test_what_is_no_request_is_refused_and_ends_the_connection(endpoint: Serve, request_: bytes) -> None:
    answer = exchange(endpoint(), request_)
    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert b"Connection: close" in answer
    assert answer.count(b"HTTP/1.1 ") == 1


def test_requests_may_follow_each_other_on_one_connection(endpoint: Serve) -> None:
    last = _KNOWN + b"Connection: close\r\n\r\n"
    answer = exchange(endpoint(), _KNOWN + b"\r\n\r\n" + _KNOWN + b"\r\n" + last)
    assert answer.count(b"HTTP/1.1 200 OK\r\n") == 3


def test_an_old_client_is_answered_once(endpoint: Serve) -> None:
    answer = exchange(endpoint(), _KNOWN.replace(b"1.1", b"1.0") + b"\r\n" + _KNOWN + b"\r\n")
    assert answer.count(b"HTTP/1.1 200 OK\r\n") == 1


def test_a_client_that_waits_is_told_to_continue(endpoint: Serve) -> None:
    e = endpoint()
    head = f"POST {UC}/catalogs HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {e.token}\r\n"
    head += "Connection: close\r\nExpect: 100-continue\r\nContent-Length: 12\r\n\r\n"
    answer = exchange(e, head.encode() + b'{"name":"c"}')
    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")


_FIELDS = sorted(
    words(
        """name catalog_name schema_name owner comment properties new_name updates changes full_name entity_type
        entity_name tag_key tag_value scope key string_value storage_location table_type volume_type function_info
        authentication_type statement warehouse_id wait_timeout parameters row_limit ip_access_list add remove
        members userName displayName isolation_mode options provider_name share_name bindings principal action
        data_object data_object_type shared_as privileges recipient_profile_str assign_workspaces session_id format
        version timestamp startingVersion limitHint predicateHints jsonPredicateHints children op"""
    )
)
_PARAMETERS = sorted(
    words(
        """max_results page_token catalog_name schema_name force scope key filter principal overwrite page_size
        startIndex count table_name_pattern omit_columns include_shared_data update_mask maxResults pageToken
        startingVersion endingVersion startingTimestamp target expires X-Amz-Signature"""
    )
)
_NAMES = words("c c.default c.default.t catalogs TABLE ADD SELECT sh eu DATABRICKS 0 1 Users tables table")
_WORDS = st.sampled_from(sorted(_NAMES))
_LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=6) | _WORDS
_VALUES = st.recursive(
    _LEAVES,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(_FIELDS), inner, max_size=4),
    max_leaves=8,
)


@settings(max_examples=500, deadline=None)
@given(
    route=st.sampled_from([(route.method, route.pattern) for route in ROUTES]),
    segments=st.lists(_WORDS | st.text(min_size=1, max_size=8), min_size=4, max_size=4),
    body=st.dictionaries(st.sampled_from(_FIELDS), _VALUES, max_size=6),
    query=st.dictionaries(st.sampled_from(_PARAMETERS), _WORDS | st.text(max_size=6), max_size=4),
)
def test_no_request_makes_the_server_fail(
    fuzzed: Fuzzed, route: tuple[str, str], segments: list[str], body: dict[str, Any], query: dict[str, str]
) -> None:
    rest = iter(segments)
    parts = [_encoded(next(rest)) if part.startswith("{") else part for part in route[1].split("/")]
    target = "/".join(parts) + "?" + "&".join(f"{key}={_encoded(value)}" for key, value in query.items())
    if route[1].startswith(ENDPOINT):
        target = target.replace(parts[5], fuzzed.endpoint.metastore.metastore_id, 1)
    token = fuzzed.recipient if route[1].startswith(ENDPOINT) else fuzzed.endpoint.token
    data = json.dumps(body).encode()
    status, _, answer = call(fuzzed.endpoint, route[0], target, data, Authorization=f"Bearer {token}")
    assert status < 500, (route[0], target, body, answer)


def _encoded(text: str) -> str:
    return quote(text.encode("utf-8", "surrogatepass"), safe="")


@dataclass
class Fuzzed:
    """One server for all examples, with the token of a recipient of its share."""

    endpoint: Endpoint
    recipient: str


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fuzzed]:
    e = start("fuzz", tmp_path_factory.mktemp("fuzz"))
    s = e.session()
    for statement in ("CREATE CATALOG c", "CREATE TABLE c.default.t (id INT)", "INSERT INTO c.default.t VALUES (1)"):
        sql.execute(s, statement)
    shares.create_share(s, {"name": "sh"})
    item = {"name": "c.default.t", "data_object_type": "TABLE", "shared_as": "eu.sh"}
    shares.update_share(s, "sh", updates=[{"action": "ADD", "data_object": item}])
    code = shares.create_recipient(s, {"name": "ann"})["tokens"][0]["activation_url"].partition("?")[2]
    shares.change_permissions(s, "sh", [{"principal": "ann", "add": ["SELECT"]}])
    profile = recipient_tokens.activate(e.store, e.metastore, code, e.url)
    e.workspace.classify = lambda text: ("SELECT", False)
    e.workspace.execute = lambda session, text, params: (_ for _ in ()).throw(ValueError("no SQL here"))
    yield Fuzzed(e, profile["bearerToken"])
    stop(e)


# ---- the request log


def test_every_request_is_logged_with_whether_it_writes(endpoint: Serve, sdk: Sdk) -> None:
    e = endpoint()
    w = sdk(e)
    mark = requestlog.position(e.store.root)
    w.catalogs.create("c")
    list(w.catalogs.list())
    with pytest.raises(NotFound):
        w.catalogs.get("no")
    entries = requestlog.read(e.store.root, since=mark)
    shown = [(item["method"], item["status"], item["writes"]) for item in entries]
    assert shown == [("POST", 200, True), ("GET", 200, False), ("GET", 404, False)]
    assert entries[0]["principal"] == "admin@us-east.emulator"
    assert [item["method"] for item in requestlog.read(e.store.root, since=mark, writes=True)] == ["POST"]


def test_half_a_line_of_a_killed_process_is_ignored(endpoint: Serve) -> None:
    e = endpoint()
    call(e, "GET", f"{UC}/catalogs")
    with (e.store.root / requestlog.FILE).open("a") as file:
        file.write('{"ts": 1')
    assert len(requestlog.read(e.store.root)) == 1


# ---- faults


def test_a_rate_limit_passes_after_its_time(endpoint: Serve, sdk: Sdk) -> None:
    e = endpoint()
    w = sdk(e)
    e.faults.add(Rule("status", path="/catalogs", status=429, error_code="RESOURCE_EXHAUSTED", retry_after=1))
    started = time.perf_counter()
    assert w.catalogs.create("c").name == "c"
    assert time.perf_counter() - started >= 1
    assert [item["status"] for item in requestlog.read(e.store.root, method="POST")] == [429, 200]


def test_an_error_strikes_the_chosen_request_only(endpoint: Serve, sdk: Sdk) -> None:
    e = endpoint()
    w = sdk(e)
    e.faults.add(
        Rule("status", method="GET", path="/catalogs", after=1, times=2, status=500, error_code="INTERNAL_ERROR")
    )
    list(w.catalogs.list())
    for _ in range(2):
        with pytest.raises(InternalError, match="Injected fault"):
            w.api_client.do("GET", f"{UC}/catalogs")


def test_a_lost_answer_is_sent_again_by_the_sdk(endpoint: Serve, sdk: Sdk) -> None:
    e = endpoint()
    w = sdk(e)
    e.faults.add(Rule("drop_after", method="POST", path="/catalogs"))
    with pytest.raises(DatabricksError, match="Catalog 'c' already exists"):
        w.catalogs.create("c")
    assert w.catalogs.get("c").name == "c"


def test_a_request_that_was_dropped_before_had_no_effect(endpoint: Serve) -> None:
    e = endpoint()
    e.faults.add(Rule("drop_before", method="POST"))
    with pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
        call(e, "POST", f"{UC}/catalogs", b'{"name":"c"}')
    assert call(e, "GET", f"{UC}/catalogs/c")[0] == 404


def test_a_stale_read_shows_the_state_before(endpoint: Serve, sdk: Sdk) -> None:
    e = endpoint()
    w = sdk(e)
    w.catalogs.create("c", comment="old")
    e.faults.add(Rule("stale", method="GET", path="/catalogs/", after=1, times=1))
    assert w.catalogs.get("c").comment == "old"
    w.catalogs.update("c", comment="new")
    assert w.catalogs.get("c").comment == "old"
    assert w.catalogs.get("c").comment == "new"


def test_a_stale_read_of_something_new_is_not_found(endpoint: Serve, sdk: Sdk) -> None:
    e = endpoint()
    w = sdk(e)
    e.faults.add(Rule("stale", method="GET", path="/catalogs/c"))
    w.catalogs.create("c")
    with pytest.raises(NotFound):
        w.catalogs.get("c")
    assert w.catalogs.get("c").name == "c"


def test_an_empty_page_with_a_token_is_followed(endpoint: Serve, sdk: Sdk) -> None:
    e = endpoint()
    w = sdk(e)
    for name in ("a", "b"):
        w.catalogs.create(name)
    e.faults.add(Rule("empty_page", method="GET", path="/catalogs", times=1))
    e.faults.add(Rule("empty_page", method="GET", path="/catalogs", after=1, times=1))
    assert [item.name for item in w.catalogs.list(max_results=1)] == ["a", "b", "system"]
    assert len(requestlog.read(e.store.root, method="GET", status=200)) >= 5


def test_a_token_expires_midway(endpoint: Serve, sdk: Sdk) -> None:
    e = endpoint()
    w = sdk(e)
    e.faults.add(Rule("status", after=1, times=None, status=401, error_code="UNAUTHENTICATED"))
    w.catalogs.create("c")
    with pytest.raises(Unauthenticated):
        w.catalogs.get("c")


def test_a_token_is_revoked_at_a_chosen_request(endpoint: Serve, sdk: Sdk) -> None:
    e = endpoint()
    token = e.token_for("ann@x.com")
    ann, owner = sdk(e, token), sdk(e)
    e.faults.add(Rule("expire_token", principal="ann@x.com", after=1))
    list(owner.catalogs.list())
    list(ann.catalogs.list())
    for _ in range(2):
        with pytest.raises(Unauthenticated):
            ann.api_client.do("GET", f"{UC}/catalogs")
    list(owner.catalogs.list())


def test_privileges_are_revoked_midway(endpoint: Serve, sdk: Sdk) -> None:
    e = endpoint()
    for statement in ("CREATE CATALOG c", "GRANT USE CATALOG ON CATALOG c TO `ann@x.com`"):
        sql.execute(e.session(), statement)
    ann = sdk(e, e.token_for("ann@x.com"))
    e.faults.add(Rule("sql", path="/catalogs/c", after=1, sql="REVOKE USE CATALOG ON CATALOG c FROM `ann@x.com`"))
    assert ann.catalogs.get("c").name == "c"
    with pytest.raises(PermissionDenied):
        ann.catalogs.get("c")


def test_a_statement_fails_whatever_brings_it(endpoint: Serve, sdk: Sdk, request: pytest.FixtureRequest) -> None:
    e = endpoint()
    full = {"error_class": "SPARK_JOB_FAILED", "sqlstate": "58030", "message": "No space left on device"}
    e.faults.add(Rule("statement_error", statement="^insert", times=2, **full))
    cursor = request.getfixturevalue("sql")(e).cursor()
    cursor.execute("CREATE CATALOG main")
    cursor.execute("CREATE TABLE main.default.t (id INT)")
    with pytest.raises(DatabaseError, match=r"\[SPARK_JOB_FAILED\] No space left on device SQLSTATE: 58030"):
        cursor.execute("INSERT INTO main.default.t VALUES (1)")
    done = sdk(e).statement_execution.execute_statement("INSERT INTO main.default.t VALUES (1)", e.warehouse_id)
    assert "No space left" in done.status.error.message
    cursor.execute("INSERT INTO main.default.t VALUES (1)")
    assert cursor.execute("SELECT count(*) FROM main.default.t").fetchone()[0] == 1


def test_rules_in_a_file_reach_every_process(endpoint: Serve, sdk: Sdk) -> None:
    e = endpoint()
    w = sdk(e)
    write_rules(e.store.root, Rule("status", times=None, status=429, error_code="RESOURCE_EXHAUSTED"))
    assert call(e, "GET", f"{UC}/catalogs")[0] == 429
    write_rules(e.store.root)
    assert w.catalogs.create("c").name == "c"


_CLIENT = """
import sys
from pathlib import Path
from replicator.emulator import start
import http.client
e = start("us-east", Path(sys.argv[1]))
connection = http.client.HTTPConnection(e.url.removeprefix("http://"))
for name in ("a", "b", "c"):
    body = '{"name":"%s"}' % name
    connection.request("POST", "/api/2.1/unity-catalog/catalogs", body, {"Authorization": f"Bearer {e.token}"})
    connection.getresponse().read()
print("survived")
"""


@pytest.mark.parametrize(("action", "expected"), [("kill_before", ["a"]), ("kill_after", ["a", "b"])])
def test_a_client_is_killed_at_a_chosen_request(root: Path, endpoint: Serve, action: Any, expected: list[str]) -> None:
    write_rules(root, Rule(action, method="POST", path="/catalogs", after=1))
    killed = subprocess.run([sys.executable, "-c", _CLIENT, str(root)], capture_output=True, timeout=60)
    assert killed.returncode == -signal.SIGKILL
    write_rules(root)
    body = json.loads(call(endpoint(), "GET", f"{UC}/catalogs")[2])
    assert [item["name"] for item in body["catalogs"] if item["name"] != "system"] == expected
