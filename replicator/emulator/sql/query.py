"""Queries: every table, view and table function in a tree becomes a relation of the engine, then the engine runs it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pyarrow as pa
from sqlglot import exp

from replicator.emulator import engine, grants
from replicator.emulator.delta import history, read
from replicator.emulator.engine import Relation
from replicator.emulator.errors import SqlError
from replicator.emulator.metastore import Doc
from replicator.emulator.session import Session
from replicator.emulator.sql import changes, detail, functions, information_schema, names, policies, rewrite, translate
from replicator.emulator.sql.names import LATEST, VIEWS, Parts, Travel, parts_of
from replicator.emulator.sql.reader import Name

_MAX_VIEW_DEPTH = 100
_BOUND = "bound"  # marks table nodes that name an engine relation


@dataclass
class Bound:
    """A bound query: DuckDB text, the relations it names, and the names of its columns where the text decides them."""

    sql: str
    relations: dict[str, Relation]
    names: list[str] | None


def select(s: Session, text: str) -> pa.Table:
    """Run a query for a session."""
    bound = bind(s, text)
    return engine.run(bound.sql, bound.relations, bound.names)


def bind(s: Session, text: str) -> Bound:
    """Parse and bind a query. Raises SqlError and ApiError for what it names but may not or cannot be read."""
    tree = translate.parse(rewrite.prepare(text))
    if not isinstance(tree, exp.Query | exp.Values):
        raise translate.unsupported(text)
    named = output_names(tree)
    binder = Binder(s)
    tree = binder.visit(tree)
    return Bound(binder.duckdb(tree), binder.relations, named)


def names_read(s: Session, text: str) -> list[str]:
    """Full names of the tables and views that the text of a query reads."""
    binder = Binder(s)
    binder.visit(translate.parse(rewrite.prepare(text)))
    return binder.named


def versions_read(s: Session, text: str) -> dict[str, int]:
    """The versions of the Delta tables that a query would read now, by full name."""
    binder = Binder(s)
    binder.visit(translate.parse(rewrite.prepare(text)))
    return dict(sorted(binder.versions.items()))


@dataclass
class Binder:
    """Replaces what a tree reads by relations; one per statement, so that equal reads share one relation."""

    s: Session
    relations: dict[str, Relation] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)
    named: list[str] = field(default_factory=list)  # full names of what the text itself reads, in order
    _known: dict[object, str] = field(default_factory=dict)
    _views: tuple[Parts, ...] = ()

    def duckdb(self, tree: exp.Expr) -> str:
        """DuckDB text of a visited tree."""
        return translate.to_duckdb(tree, names.session_values(self.s), self.s.identities)

    def add(self, key: object, make: Callable[[], Relation]) -> str:
        """The name of a relation, made on first use."""
        if key not in self._known:
            name = f"__r{len(self._known)}"
            self.relations[name] = make()
            self._known[key] = name
        return self._known[key]

    def visit(self, tree: exp.Expr, outer: frozenset[str] = frozenset()) -> exp.Expr:
        """Bind a tree in place; `outer` are the names of common table expressions around it."""
        holder = exp.Paren(this=tree)
        functions.inline(self.s, holder)
        self._visit(holder.this, outer)
        bound: exp.Expr = holder.this
        return bound.pop()

    def _visit(self, node: exp.Expr, outer: frozenset[str]) -> None:
        with_ = node.args.get("with_")
        if with_ is not None:
            for item in with_.expressions:
                inside = outer | {item.alias.lower()} if with_.args.get("recursive") else outer
                self._visit(item.this, inside)
                outer = outer | {item.alias.lower()}
        for child in list(node.iter_expressions()):
            if child is with_:
                continue
            self._visit(child, outer)
        if isinstance(node, exp.Stream):
            node.replace(_unwrapped_stream(node))
        elif isinstance(node, exp.Table):
            self._table(node, outer)

    def _table(self, node: exp.Table, outer: frozenset[str]) -> None:
        if node.meta.get(_BOUND):
            return
        if isinstance(node.this, exp.Func):
            self._table_function(node)
            return
        name = tuple(part.name for part in node.parts)
        if len(name) == 1 and name[0].lower() in outer:
            return
        travel = self._travel(node.args.get("version"))
        node.set("version", None)
        alias = node.args.get("alias") or exp.TableAlias(this=exp.to_identifier(name[-1], quoted=True))
        if alias.this is None:
            alias.set("this", exp.to_identifier(name[-1], quoted=True))
        scope = node.find_ancestor(exp.Select, exp.Update, exp.Delete, exp.Merge)
        if scope is not None:
            strip_qualifiers(scope, name)
        only = _catalogs_asked_for(scope) if len(name) == 3 and isinstance(scope, exp.Select) else None
        self._replace(node, self.source(name, travel, only), alias)

    def _replace(self, node: exp.Table, source: exp.Expr, alias: exp.Expr) -> None:
        source.set("alias", alias)
        for key in ("joins", "laterals", "pivots", "sample"):
            if node.args.get(key):
                source.set(key, node.args[key])
        node.replace(source)

    def source(self, name: Name, travel: Travel = LATEST, only: frozenset[str] | None = None) -> exp.Expr:
        """What to read for a name: an engine relation or, for a view, its query. Of information_schema the rows about
        the catalogs `only` will do.
        """
        if names.is_path(name):
            path = names.reachable(self.s, name[1], "READ_FILES")
            doc: Doc = {"_path": str(path), "full_name": name[1]}
            return self._relation(("path", path, travel), lambda: read.relation(names.snapshot_of(doc, travel)))
        parts = names.qualify(self.s, name)
        if parts[1] == "information_schema":
            return self._relation((parts, only), lambda: information_schema.table(self.s, parts[0], parts[2], only))
        doc = names.lookup(self.s, name)
        if doc["full_name"] not in self.named:
            self.named.append(doc["full_name"])
        return self.document(doc, travel)

    def document(self, doc: Doc, travel: Travel = LATEST) -> exp.Expr:
        """What to read for a table or view that was found, with its row filter and masks. Checks SELECT."""
        parts = parts_of(doc)
        if not doc.get("_temporary"):
            grants.check(self.s, "SELECT", "table", parts)
        if doc["table_type"] in VIEWS:
            return self._view(doc, travel)
        found = self._relation((parts, travel), lambda: self._pinned(doc, travel))
        if not policies.applies(doc):
            return found
        owner = Binder(view_session(self.s, doc), self.relations, self.versions, [], self._known, self._views)
        return exp.Subquery(this=owner.visit(policies.query_of(doc, found)))

    def _pinned(self, doc: Doc, travel: Travel) -> Relation:
        state = names.snapshot_of(doc, travel)
        self.versions[doc["full_name"]] = state.version
        return read.relation(state)

    def _relation(self, key: object, make: Callable[[], Relation]) -> exp.Table:
        return bound_table(self.add(key, make))

    def _view(self, doc: Doc, travel: Travel) -> exp.Expr:
        parts = parts_of(doc)
        if travel.used:
            message = "Time travel on the relation is not supported: it is a view."
            raise SqlError("UNSUPPORTED_FEATURE.TIME_TRAVEL", "0A000", message)
        if parts in self._views or len(self._views) > _MAX_VIEW_DEPTH:
            raise SqlError("RECURSIVE_VIEW", "42K0H", f"Recursive view {doc['full_name']} detected.")
        inner = Binder(view_session(self.s, doc), self.relations, self.versions, [], self._known, (*self._views, parts))
        tree = inner.visit(translate.parse(rewrite.prepare(doc.get("_view_sql") or doc["view_definition"])))
        translated = exp.Subquery(this=tree)
        columns = [column["name"] for column in doc.get("columns", ())]
        if not columns:
            return translated
        aliases = exp.TableAlias(
            this=exp.to_identifier("__view"), columns=[exp.to_identifier(item, quoted=True) for item in columns]
        )
        translated.set("alias", aliases)
        return exp.Subquery(this=exp.select("*").from_(translated))

    def _table_function(self, node: exp.Table) -> None:
        function = node.this
        name = function.name.lower() if isinstance(function, exp.Anonymous) else function.sql_name().lower()
        if name == "range":
            _range(node)
            return
        maker = {
            "emulator_history": self._history,
            "emulator_detail": self._detail,
            "table_changes": self._changes,
        }.get(name)
        if maker is None:
            if isinstance(function, exp.Explode | exp.Posexplode | exp.Unnest | exp.Inline):
                return
            message = (
                f"Cannot resolve `{name}` to a table-valued function: it is unknown, or not supported by the emulator."
            )
            raise SqlError("UNRESOLVABLE_TABLE_VALUED_FUNCTION", "42883", message)
        found = maker([_literal(item) for item in function.expressions])
        alias = node.args.get("alias") or exp.TableAlias(this=exp.to_identifier(name))
        self._replace(node, found, alias)

    def _history(self, arguments: list[str]) -> exp.Expr:
        limit = int(arguments[1]) if len(arguments) > 1 else None
        key = ("history", *arguments)
        return self._relation(
            key, lambda: history.table(rewrite.history_rows(self.s, rewrite.name_of(arguments[0]), limit))
        )

    def _detail(self, arguments: list[str]) -> exp.Expr:
        return self._relation(("detail", *arguments), lambda: detail.detail(self.s, rewrite.name_of(arguments[0])))

    def _changes(self, arguments: list[str]) -> exp.Expr:
        doc = names.lookup(self.s, rewrite.name_of(arguments[0]))
        grants.check(self.s, "SELECT", "table", parts_of(doc))
        return self._relation(("changes", *arguments), lambda: changes.relation(doc, arguments[1:]))

    def _travel(self, version: exp.Expr | None) -> Travel:
        if version is None:
            return LATEST
        value = version.expression
        if value is None:
            raise SqlError("INVALID_TIME_TRAVEL_SPEC", "42K0E", "AS OF needs a version number or a timestamp.")
        if version.name.upper() == "VERSION":
            text = value.name if isinstance(value, exp.Literal) else ""
            if not text.isdigit():
                raise SqlError("INVALID_TIME_TRAVEL_SPEC", "42K0E", "VERSION AS OF needs a version number.")
            return Travel(version=int(text))
        if isinstance(value, exp.Literal):
            return Travel(timestamp=names.parse_timestamp(value.name))
        evaluated = engine.run(
            f"SELECT CAST(epoch_ms(CAST({self.duckdb(value.copy())} AS TIMESTAMPTZ)) AS BIGINT) v", {}
        )
        return Travel(timestamp=evaluated.column(0)[0].as_py())


def bound_table(relation: str) -> exp.Table:
    """A table node that names an engine relation and is not looked up again."""
    found = exp.to_table(relation)
    found.meta[_BOUND] = True
    return found


def _catalogs_asked_for(scope: exp.Select) -> frozenset[str] | None:
    """The catalogs that a query's WHERE demands with `table_catalog = …` or `IN (…)`; None for any."""
    where = scope.args.get("where")
    if where is None:
        return None
    for part in where.this.flatten() if isinstance(where.this, exp.And) else (where.this,):
        if not isinstance(part, exp.In | exp.EQ) or not isinstance(part.this, exp.Column):
            continue
        values = part.expressions if isinstance(part, exp.In) else [part.expression]
        about = part.this.name.lower() in ("table_catalog", "catalog_name")
        if about and values and all(isinstance(value, exp.Literal) and value.is_string for value in values):
            return frozenset(value.name for value in values)
    return None


def view_session(s: Session, doc: Doc) -> Session:
    """The session in which a view's text is read: its owner's, with the catalog and schema of its creation."""
    if doc.get("_temporary"):
        catalog, schema = doc["_view_context"]
        return replace(s, catalog=catalog, schema=schema)
    ms = doc.get("_provider")
    metastore = s.store.metastore(ms) if ms else s.metastore
    principal = metastore.owner if ms else doc["owner"]
    catalog, schema = doc.get("_view_context") or str(doc.get("_source", doc["full_name"])).split(".")[:2]
    return Session(s.store, metastore, principal, catalog, schema, dict(s.conf))


def _unwrapped_stream(node: exp.Stream) -> exp.Expr:
    """STREAM(t) and STREAM t read like t."""
    inner = node.this
    while isinstance(inner, exp.Subquery | exp.Paren) and isinstance(inner.this, exp.Table | exp.Subquery):
        alias = inner.args.get("alias")
        inner = inner.this
        if alias is not None:
            inner.set("alias", alias)
    if node.args.get("alias") is not None:
        inner.set("alias", node.args["alias"])
    unwrapped: exp.Expr = inner
    return unwrapped


def strip_qualifiers(scope: exp.Expr, name: Name) -> None:
    """`c.s.t.column` and `s.t.column` become `t.column`, as the relation is only known by its last name."""
    if len(name) < 2:
        return
    folded = [part.lower() for part in name]
    for column in scope.find_all(exp.Column):
        qualifiers = [part.name.lower() for part in column.parts[:-1]]
        if len(qualifiers) > 1 and qualifiers == folded[-len(qualifiers) :]:
            column.set("db", None)
            column.set("catalog", None)


def _range(node: exp.Table) -> None:
    """range(end) and range(start, end[, step]) have one column, `id`."""
    arguments = node.this.expressions[:3]
    translated = exp.Anonymous(this="range", expressions=[item.copy() for item in arguments])
    translated.meta["duckdb"] = True
    inner = exp.Table(this=translated)
    inner.meta[_BOUND] = True
    inner.set("alias", exp.TableAlias(this=exp.to_identifier("__range"), columns=[exp.to_identifier("id")]))
    source = exp.Subquery(this=exp.select("id").from_(inner))
    alias = node.args.get("alias") or exp.TableAlias(this=exp.to_identifier("range"))
    source.set("alias", alias)
    node.replace(source)


def _literal(value: exp.Expr) -> str:
    if isinstance(value, exp.Cast):
        value = value.this
    if isinstance(value, exp.Literal):
        return value.name
    raise SqlError("NON_FOLDABLE_ARGUMENT", "42K08", "The argument of a table function must be a literal.")


def output_names(tree: exp.Expr) -> list[str] | None:
    """Column names as Spark derives them from the text; None where a star leaves them to the engine."""
    query = tree
    while not isinstance(query, exp.Select):
        if isinstance(query, exp.SetOperation | exp.Subquery | exp.Paren):
            query = query.this
        else:
            return None
    projections = query.expressions
    if any(isinstance(item, exp.Alias) and isinstance(item.this, exp.Star) for item in projections):
        raise SqlError("PARSE_SYNTAX_ERROR", "42601", "A star cannot have an alias.")
    if any(item.unnest().is_star and not isinstance(item, exp.Alias) for item in projections):
        return None
    if any(
        isinstance(item, exp.Inline | exp.Posexplode | exp.Aliases) or item.find(exp.Columns) for item in projections
    ):
        return None
    return [_output_name(item) for item in projections]


def _output_name(item: exp.Expr) -> str:
    if isinstance(item, exp.Alias | exp.Column) or (isinstance(item, exp.Dot) and not item.find(exp.Anonymous)):
        return item.output_name or item.name
    if isinstance(item, exp.Literal | exp.Boolean | exp.Null):
        return item.name if isinstance(item, exp.Literal) else item.sql().upper().lower()
    if isinstance(item, exp.Count) and isinstance(item.this, exp.Star):
        return "count(1)"
    if isinstance(item, exp.Explode):
        return "col"
    text = item.sql(dialect="databricks", normalize_functions="lower").replace("`", "")
    return f"({text})" if isinstance(item, exp.Binary) and not isinstance(item, exp.Dot) else text
