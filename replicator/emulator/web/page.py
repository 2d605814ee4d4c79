"""The page as a reader sees it: the metastores, the tree of objects, one object, the last requests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from replicator.emulator import grants, recipients, requestlog, securables, shares, tables
from replicator.emulator.errors import ApiError
from replicator.emulator.metastore import Doc
from replicator.emulator.routing import Request
from replicator.emulator.session import Session
from replicator.emulator.web import table_page
from replicator.emulator.web.format import moment, status_chip
from replicator.emulator.web.html import Html, chip, el, join, link, table

_TREE = 400  # tables: a larger metastore shows those of one schema at a time
_SHOWN = 300  # of one schema in the tree
_REQUESTS = 30


def title(request: Request) -> str:
    """What the browser's tab says."""
    wanted = next((request.query[key] for key in ("table", "share", "schema", "catalog") if key in request.query), "")
    name = request.workspace.metastore.name
    return f"{wanted} · {name}" if wanted else name


def body(request: Request) -> Html:
    """The page for what the query names. Raises ApiError when it does not exist or may not be seen."""
    s = request.session
    match request.query:
        case {"table": name}:
            main = table_page.table(request, *securables.parts_of(name, 3))
        case {"share": name}:
            main = [_share(s, name)]
        case {"catalog": catalog, "schema": schema}:
            main = [_schema(s, catalog, schema)]
        case {"catalog": catalog}:
            main = [_catalog(s, catalog)]
        case _:
            main = [_overview(s), _requests(s)]
    return _frame(request, main)


def refused(request: Request, error: ApiError) -> Html:
    """The page that says why there is nothing to see."""
    return _frame(request, [el("section", el("h1", "Nothing to see here"), el("p", error.message, class_="soft"))])


def _frame(request: Request, main: list[Html]) -> Html:
    s = request.session
    info = s.metastore
    head = el(
        "header",
        el("strong", link(info.name)),
        chip(f"{info.cloud} {info.region}"),
        chip("emulator", "strong"),
        el("span", s.principal, class_="who"),
    )
    return join([head, el("div", el("nav", *_tree(request)), el("main", *main), class_="columns")])


# ---- the tree


def _tree(request: Request) -> Iterator[Html]:
    s = request.session
    here = _selected(request)
    everything = s.store.count_all(s.ms, "table") <= _TREE
    yield el("h2", "Metastores")
    yield el("ul", *(_metastore(s, info.name, info.global_id) for info in s.store.metastores()))
    yield el("h2", "Catalogs")
    yield el("ul", *(_catalog_node(s, catalog, here, everything) for catalog in securables.list_catalogs(s)))
    found = shares.list_shares(s)
    if found:
        yield el("h2", "Shares")
        yield el("ul", *(el("li", link(doc["name"], share=doc["name"])) for doc in found))


def _selected(request: Request) -> tuple[str, ...]:
    if "table" in request.query:
        return tuple(request.query["table"].lower().split("."))
    return tuple(request.query[key].lower() for key in ("catalog", "schema") if key in request.query)


def _metastore(s: Session, name: str, global_id: str) -> Html:
    if name == s.ms:
        return el("li", link(name), class_="here", title=global_id)
    return el("li", name, chip("other address"), title=global_id)


def _catalog_node(s: Session, catalog: Doc, here: tuple[str, ...], everything: bool) -> Html:
    name = catalog["name"]
    shared = chip("shared", "warn") if catalog["catalog_type"] == "DELTASHARING_CATALOG" else None
    summary = el("summary", link(name, catalog=name), shared, class_="here" if here == (name,) else None)
    try:
        schemas = [doc for doc in securables.list_schemas(s, name) if doc["name"] != "information_schema"]
    except ApiError as error:
        return el("li", el("details", summary, el("p", error.message, class_="soft")))
    nodes = [_schema_node(s, name, doc["name"], here, everything) for doc in schemas]
    if not nodes:
        return el("li", link(name, catalog=name), shared, class_="here" if here == (name,) else None)
    return el("li", el("details", summary, el("ul", *nodes), open=everything or here[:1] == (name,)))


def _schema_node(s: Session, catalog: str, schema: str, here: tuple[str, ...], everything: bool) -> Html:
    selected = here[:2] == (catalog, schema)
    mark = "here" if here == (catalog, schema) else None
    if not (everything or selected):
        return el("li", link(schema, catalog=catalog, schema=schema), class_=mark)
    found = tables.names_and_types(s, catalog, schema)
    nodes = [_table_node(f"{catalog}.{schema}.{name}", name, kind, here) for name, kind in found[:_SHOWN]]
    if len(found) > _SHOWN:
        nodes.append(el("li", f"and {len(found) - _SHOWN} more", class_="soft"))
    if not nodes:
        return el("li", link(schema, catalog=catalog, schema=schema), class_=mark)
    summary = el("summary", link(schema, catalog=catalog, schema=schema), class_=mark)
    return el("li", el("details", summary, el("ul", *nodes), open=selected or len(found) <= 20))


def _table_node(full_name: str, name: str, kind: str, here: tuple[str, ...]) -> Html:
    mark = "here" if here == tuple(full_name.split(".")) else None
    label = None if kind == "MANAGED" else chip(kind.replace("_", " ").lower())
    return el("li", link(name, table=full_name), label, class_=mark)


# ---- what the middle shows


def _overview(s: Session) -> Html:
    info = s.metastore
    counted = {
        "Catalogs": len(securables.list_catalogs(s)),
        "Schemas": s.store.count_all(s.ms, "schema"),
        "Tables": s.store.count_all(s.ms, "table"),
        "Volumes": s.store.count_all(s.ms, "volume"),
        "Functions": s.store.count_all(s.ms, "function"),
        "Shares": len(shares.list_shares(s)),
        "Recipients": len(recipients.list_recipients(s)),
    }
    facts = {"Owner": info.owner, "Sharing identifier": el("code", info.global_id), "Folder": el("code", s.root)}
    return el(
        "section",
        el("h1", info.name),
        _facts(facts),
        Html("<br>"),
        el("div", *(el("div", el("b", f"{count:,}"), name) for name, count in counted.items()), class_="cards"),
    )


def _catalog(s: Session, name: str) -> Html:
    doc = securables.get_catalog(s, name)
    rows = [
        [
            link(schema["name"], catalog=doc["name"], schema=schema["name"]),
            schema.get("comment", ""),
            schema.get("owner", ""),
            moment(schema.get("created_at")),
        ]
        for schema in securables.list_schemas(s, name)
    ]
    share = f"{doc['provider_name']}.{doc['share_name']}" if "share_name" in doc else None
    facts = {"Comment": doc.get("comment"), "Owner": doc.get("owner"), "From share": share}
    listed = table(["Schema", "Comment", "Owner", "Created"], rows, "No schemas.")
    return el("section", el("h1", doc["name"], " ", chip(doc["catalog_type"])), _facts(facts), listed)


def _schema(s: Session, catalog: str, schema: str) -> Html:
    doc = securables.get_schema(s, catalog, schema)
    rows = [
        [
            link(item["name"], table=item["full_name"]),
            chip(item["table_type"]),
            el("td", len(item.get("columns", ())), class_="number"),
            item.get("comment", ""),
            item.get("owner", ""),
            moment(item.get("updated_at")),
        ]
        for item in tables.list_tables(s, catalog, schema)[: 10 * _SHOWN]
    ]
    heads = ["Table", "Type", el("th", "Columns", class_="number"), "Comment", "Owner", "Changed"]
    facts = {"Comment": doc.get("comment"), "Owner": doc.get("owner")}
    return el("section", el("h1", doc["full_name"]), _facts(facts), table(heads, rows, "No tables."))


def _share(s: Session, name: str) -> Html:
    doc = shares.get_share(s, name)
    rows = [
        [
            item["name"],
            chip(item["data_object_type"]),
            item.get("shared_as") or item.get("string_shared_as") or "",
            item.get("history_data_sharing_status", ""),
            chip(item["status"], "good" if item["status"] == "ACTIVE" else "bad"),
        ]
        for item in doc["objects"]
    ]
    readers = ", ".join(grant["principal"] for grant in shares.permissions(s, name)) or "nobody"
    facts: Doc = {"Comment": doc.get("comment"), "Owner": doc.get("owner"), "Recipients": readers}
    heads = ["Object", "Type", "Shared as", "History", "Status"]
    return el("section", el("h1", doc["name"]), _facts(facts), table(heads, rows, "The share is empty."))


def _facts(facts: Mapping[str, object]) -> Html:
    shown = [join([el("dt", name), el("dd", value)]) for name, value in facts.items() if value]
    return el("dl", *shown, class_="facts")


# ---- requests


def _requests(s: Session) -> Html:
    entries = requestlog.tail(s.root, 10 * _REQUESTS)
    if not grants.allowed(s, "MANAGE", "metastore", (s.metastore.metastore_id,)):
        entries = [entry for entry in entries if entry.get("principal") == s.principal and entry["metastore"] == s.ms]
    rows = [_request(entry) for entry in reversed(entries[-_REQUESTS:])]
    heads = ["Time", "Metastore", "Status", el("th", "ms", class_="number"), "Principal", "Request"]
    return el("section", el("h2", "Last requests"), table(heads, rows, "Nobody has asked for anything yet."))


def _request(entry: Doc) -> list[object]:
    statement = " ".join(str(entry.get("statement", "")).split())
    what = statement or f"{entry['method']} {entry['path']}"
    return [
        el("td", moment(entry["ts"] * 1000), class_="nowrap"),
        entry["metastore"],
        status_chip(entry["status"]),
        el("td", f"{entry['ms']:,.1f}", class_="number"),
        el("td", entry.get("principal", ""), class_="nowrap"),
        el("td", chip("writes", "warn") if entry.get("writes") else None, " ", what[:300], class_="code"),
    ]
