"""Requests, responses and the route table."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl, unquote

from replicator.emulator.context import Workspace
from replicator.emulator.errors import ApiError, invalid
from replicator.emulator.metastore import Doc
from replicator.emulator.session import Session

JSON = "application/json"


class Headers(Mapping[str, str]):
    """Request headers by name, in any case."""

    __slots__ = ("_found",)

    def __init__(self, found: Mapping[str, str]) -> None:
        """`found` has lower-case names."""
        self._found = found

    def __getitem__(self, name: str) -> str:
        return self._found[name.lower()]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)

    def get(self, name: str, default: str = "") -> str:  # type: ignore[override]
        """The header's value; `default` without it."""
        return self._found.get(name.lower(), default)


@dataclass
class Request:
    """One HTTP request. `args` are the variable path segments, unquoted; `log` is added to its line in the log."""

    workspace: Workspace
    method: str
    target: str
    headers: Headers
    body: bytes
    client: str = "127.0.0.1"  # address that the request came from
    principal: str = ""
    args: dict[str, str] = field(default_factory=dict)
    log: Doc = field(default_factory=dict)
    shown: str = ""  # what the log shows instead of the target

    @cached_property
    def path(self) -> str:
        """The path as sent, percent-encoded, without the query."""
        return self.target.partition("?")[0]

    @cached_property
    def query(self) -> dict[str, str]:
        """Query parameters; of a repeated one the last counts."""
        return dict(parse_qsl(self.target.partition("?")[2], keep_blank_values=True))

    @cached_property
    def session(self) -> Session:
        """The caller's session for the rule functions."""
        return self.workspace.session(self.principal)

    @cached_property
    def json(self) -> Doc:
        """The JSON object in the body. Raises ApiError 400 MALFORMED_REQUEST."""
        try:
            doc = json.loads(self.body or b"{}")
            if not isinstance(doc, dict):
                raise _malformed("expected a map")
            _check_types(doc)
        except ValueError as error:
            raise _malformed(str(error)) from None
        except RecursionError:
            raise _malformed("it is nested too deeply") from None
        return doc

    def flag(self, name: str) -> bool:
        """A boolean query parameter; absent is false."""
        value = self.query.get(name, "false").lower()
        if value not in ("true", "false"):
            raise invalid(f"Invalid value '{value}' for parameter {name}: expected true or false.")
        return value == "true"

    def number(self, name: str) -> int | None:
        """A non-negative integer query parameter; absent is None."""
        text = self.query.get(name)
        if text is None:
            return None
        if not text.isascii() or not text.isdigit():
            raise invalid(f"Invalid value '{text}' for parameter {name}: expected a non-negative integer.")
        return int(text)

    def required(self, name: str) -> str:
        """A query parameter that must be there. Raises ApiError 400."""
        value = self.query.get(name)
        if not value:
            raise invalid(f"Missing required parameter: {name}")
        return value

    def text(self, name: str) -> str:
        """A string field of the JSON body that must be there. Raises ApiError 400."""
        value = self.json.get(name)
        if not isinstance(value, str) or not value:
            raise invalid(f"Missing required field: {name}")
        return value


@dataclass
class Response:
    """What goes back over the wire."""

    status: int = 200
    body: bytes = b""
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)


Handler = Callable[[Request], Any]  # returns a Response, JSON text, or an object to send as JSON (None: {})


@dataclass(frozen=True)
class Route:
    """`pattern` may hold `{name}` (one segment) and, last, `{name*}` (the rest). `writes` overrules the verb.

    A `secret` route is logged by its pattern: what stands in the path or query is a permission by itself.
    """

    method: str
    pattern: str
    handler: Handler
    public: bool = False
    writes: bool | None = None
    secret: bool = False


class Router:
    """Finds the route of a request in one walk over its path segments."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._tree: dict[Any, Any] = {}
        for route in routes:
            node = self._tree
            for part in _segments(route.pattern):
                node = node.setdefault(_slot(part), {})
            node.setdefault("", {})[route.method] = route

    def match(self, method: str, path: str) -> tuple[Route, dict[str, str]]:
        """The route and its variable segments. Raises ApiError 404 ENDPOINT_NOT_FOUND."""
        segments = [unquote(part) for part in _segments(path)]
        found = _walk(self._tree, segments, 0)
        if found is None or method not in found[0]:
            raise ApiError(404, "ENDPOINT_NOT_FOUND", f"No API found for '{method} {path}'")
        route: Route = found[0][method]
        names = [part.strip("{}*") for part in route.pattern.split("/") if part.startswith("{")]
        return route, dict(zip(names, found[1], strict=True))


def _names(kind: type | tuple[type, ...], text: str) -> dict[str, type | tuple[type, ...]]:
    return dict.fromkeys(text.split(), kind)


# Field of a body, at any depth -> the JSON type that Databricks' API documents for it.
_TYPES = {
    **_names(
        str,
        "catalog_name schema_name full_name owner comment new_name storage_root storage_location provider_name"
        " share_name connection_name table_type data_source_format volume_type isolation_mode principal action"
        " data_object_type shared_as string_shared_as history_data_sharing_status authentication_type sharing_code"
        " data_recipient_global_metastore_id recipient_profile_str enable_predictive_optimization entity_type"
        " entity_name tag_key tag_value scope key string_value bytes_value userName displayName applicationId"
        " warehouse_id statement catalog schema wait_timeout on_wait_timeout format disposition session_id"
        " type result_compression cluster_size warehouse_type",
    ),
    **_names(dict, "properties options function_info data_object ip_access_list properties_kvpairs session_confs"),
    **_names(
        list,
        "updates changes add remove columns partitions parameters members assign_workspaces unassign_workspaces"
        " allowed_ip_addresses",
    ),
    **_names(int, "row_limit start_version expiration_time existing_token_expire_in_seconds workspace_id"),
    "name": (str, dict),  # SCIM's users have a name of several parts
    "value": (str, dict, list, bool, int),  # of a statement's parameter, or of a SCIM operation
    **_names(bool, "cdf_enabled omit_permissions_in_response omit_permissions_list"),
}
# Lists whose items are objects, not plain values.
_OF_OBJECTS = frozenset({"updates", "changes", "columns", "partitions", "parameters", "members"})


def _check_types(value: Any, name: str = "") -> None:
    """Refuse a body with a value of the wrong type, before any rule sees it."""
    if isinstance(value, list):
        for item in value:
            if name in _OF_OBJECTS and not isinstance(item, dict):
                raise _malformed(f"the items of {name} must be objects")
            _check_types(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            expected = _TYPES.get(key)
            wrong = expected is not None and not isinstance(item, expected)
            if item is not None and (wrong or (expected is int and isinstance(item, bool))):
                raise _malformed(f"the value of {key} has the wrong type")
            _check_types(item, key)


def _malformed(reason: str) -> ApiError:
    return ApiError(400, "MALFORMED_REQUEST", f"Invalid JSON given in the body of the request - {reason}")


def _segments(path: str) -> list[str]:
    inside = path.strip("/")
    return inside.split("/") if inside else []


# Keys of variable segments in the tree; no segment of a path is equal to them.
_ANY, _REST = object(), object()


def _slot(part: str) -> object:
    if not part.startswith("{"):
        return part
    return _REST if part.endswith("*}") else _ANY


def _walk(node: dict[Any, Any], segments: list[str], index: int) -> tuple[dict[str, Route], list[str]] | None:
    if index == len(segments):
        return (node[""], []) if "" in node else None
    part = segments[index]
    if part and part in node:
        found = _walk(node[part], segments, index + 1)
        if found is not None:
            return found
    if _ANY in node and part:
        found = _walk(node[_ANY], segments, index + 1)
        if found is not None:
            return found[0], [part, *found[1]]
    if _REST in node:
        return node[_REST][""], ["/".join(segments[index:])]
    return None


def respond(value: Any) -> Response:
    """A handler's return value as a response."""
    if isinstance(value, Response):
        return value
    text = value if isinstance(value, str) else json.dumps(value or {}, ensure_ascii=False, separators=(",", ":"))
    # A lone surrogate is legal in JSON text and in our storage, but not in UTF-8.
    return Response(body=text.encode("utf-8", "backslashreplace"))


def error_response(error: ApiError) -> Response:
    """The response for a refusal; the headers are what the SQL connector shows instead of the body."""
    body = json.dumps(error.body(), ensure_ascii=False).encode("utf-8", "backslashreplace")
    reason = error.message.encode("ascii", "replace").decode().replace("\r", " ").replace("\n", " ")
    headers = {"x-databricks-reason-phrase": reason, "x-thriftserver-error-message": reason}
    return Response(error.status, body, headers=headers)
