"""MERGE INTO: matched, not matched, and not matched by source."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from sqlglot import exp

from replicator.emulator import engine
from replicator.emulator.delta import read, types
from replicator.emulator.delta.log import Snapshot
from replicator.emulator.errors import SqlError
from replicator.emulator.session import Session
from replicator.emulator.sql import commits, names, rewrite, rows, translate
from replicator.emulator.sql.query import Binder, bound_table, strip_qualifiers
from replicator.emulator.sql.reader import Name, Reader
from replicator.emulator.sql.statement import Result, Statement, rows_of

Json = dict[str, Any]

_TARGET, _SOURCE = "__merge_target", "__merge_source"


@dataclass(frozen=True)
class Clause:
    """One WHEN clause: which rows, under which condition, and what happens to them."""

    matched: bool
    by_source: bool
    condition: exp.Expr | None
    action: exp.Expr


def parse(reader: Reader) -> Statement:
    """MERGE [WITH SCHEMA EVOLUTION] INTO t [AS a] USING source ON condition WHEN …."""
    if reader.peek("MERGE", "WITH", "SCHEMA", "EVOLUTION"):
        raise translate.unsupported(reader.text)
    text = reader.rest()
    return Statement("MERGE", True, lambda s: _run(s, text))


def _run(s: Session, text: str) -> Result:
    tree = translate.parse(rewrite.prepare(text))
    if not isinstance(tree, exp.Merge):
        raise translate.unsupported(text)
    name = tuple(part.name for part in tree.this.parts)
    with names.writing(s, name) as (_, state):
        return _merge(s, tree, name, state)


def _merge(s: Session, tree: exp.Merge, name: Name, state: Snapshot) -> Result:
    binder = Binder(s)
    clauses = [_clause(item) for item in tree.args["whens"].expressions]
    alias, source_alias = tree.this.alias or name[-1], tree.args["using"].alias_or_name
    _bind(binder, tree, name, alias)
    relations = binder.relations | {_TARGET: read.relation(state, row_ids=True)}
    with engine.connect(relations) as connection:
        plan = _Plan(s, binder, connection, state, clauses, alias, source_alias)
        plan.stage(tree)
        counts = plan.counts()
        touched = plan.touched()
        written = plan.write(touched)
        changes = plan.changes() if commits.feeds_changes(state) else []
    updated, deleted, inserted, sources = counts
    affected = updated + deleted + inserted
    if affected:
        metrics = {
            "numSourceRows": sources,
            "numTargetRowsInserted": inserted,
            "numTargetRowsUpdated": updated,
            "numTargetRowsDeleted": deleted,
            "numTargetRowsCopied": written.rows - updated - inserted,
            "numOutputRows": written.rows,
            "numTargetFilesAdded": len(written.adds),
            "numTargetFilesRemoved": len(touched),
            "numTargetBytesAdded": sum(add["size"] for add in written.adds),
            "numTargetBytesRemoved": sum(add["size"] for add in touched.values()),
        }
        condition = tree.args["on"].sql(dialect="databricks")
        definition = commits.redefine(state, schema=written.schema) if written.schema else []
        commits.commit_change(
            s,
            state,
            "MERGE",
            {"predicate": f'["{condition}"]'},
            metrics,
            adds=written.adds,
            removes=list(touched.values()),
            changes=changes,
            definition=definition,
        )
    names_ = ("num_affected_rows", "num_updated_rows", "num_deleted_rows", "num_inserted_rows")
    table = rows_of([(item, pa.int64()) for item in names_], [(affected, updated, deleted, inserted)])
    return Result(table, affected, "MERGE")


def _clause(when: exp.Expr) -> Clause:
    return Clause(
        bool(when.args.get("matched")), bool(when.args.get("source")), when.args.get("condition"), when.args["then"]
    )


def _bind(binder: Binder, tree: exp.Merge, name: Name, alias: str) -> None:
    """Bind the source and every subquery; the target is the relation that carries row ids."""
    strip_qualifiers(tree, name)
    target = bound_table(_TARGET)
    target.set("alias", exp.TableAlias(this=exp.to_identifier(alias, quoted=True)))
    tree.this.replace(target)
    using = tree.args["using"]
    if using.alias == "" and isinstance(using, exp.Table):
        using.set("alias", exp.TableAlias(this=exp.to_identifier(using.name, quoted=True)))
    binder.visit(tree)


@dataclass
class _Plan:
    """The steps of one MERGE on an open connection: pairs of rows, an action for each, rows of touched files."""

    s: Session
    binder: Binder
    connection: engine.Connection
    state: Snapshot
    clauses: list[Clause]
    alias: str
    source_alias: str

    def stage(self, tree: exp.Merge) -> None:
        """Number the source rows, then give every (target, source) pair and every lonely row its action."""
        using = self._text(tree.args["using"])
        on = self._text(tree.args["on"])
        target, source = types.quote(self.alias), types.quote(self.source_alias)
        run = self.connection.execute
        run(f"CREATE OR REPLACE TEMP TABLE {_SOURCE} AS SELECT *, row_number() OVER () AS __sid FROM {using}")
        run(
            "CREATE OR REPLACE TEMP TABLE __pairs AS"
            f" SELECT {target}.{read.FILE}, {target}.{read.ROW}, {source}.__sid,"
            f" {self._action(True, False)} AS __action"
            f" FROM {_TARGET} AS {target} JOIN {_SOURCE} AS {source} ON {on}"
        )
        self._refuse_ambiguous()
        run(
            "CREATE OR REPLACE TEMP TABLE __alone AS"
            f" SELECT {target}.{read.FILE}, {target}.{read.ROW}, {self._action(False, True)} AS __action"
            f" FROM {_TARGET} AS {target} ANTI JOIN __pairs USING ({read.FILE}, {read.ROW})"
        )
        run(
            "CREATE OR REPLACE TEMP TABLE __new AS"
            f" SELECT {source}.__sid, {self._action(False, False)} AS __action"
            f" FROM {_SOURCE} AS {source} ANTI JOIN __pairs USING (__sid)"
        )

    def _text(self, tree: exp.Expr) -> str:
        return self.binder.duckdb(tree.copy())

    def _action(self, matched: bool, by_source: bool) -> str:
        """CASE that yields the number of the first clause that applies, NULL for none."""
        cases = []
        for number, clause in enumerate(self.clauses):
            if (clause.matched, clause.by_source) == (matched, by_source):
                test = "true" if clause.condition is None else self._text(clause.condition)
                cases.append(f"WHEN {test} THEN {number}")
        return f"CASE {' '.join(cases)} END" if cases else "NULL::INTEGER"

    def _refuse_ambiguous(self) -> None:
        changing = [number for number, clause in enumerate(self.clauses) if clause.matched]
        if not changing:
            return
        row = f"{read.FILE}, {read.ROW}"
        query = f"SELECT 1 FROM __pairs WHERE __action IS NOT NULL GROUP BY {row} HAVING count(*) > 1 LIMIT 1"
        first = self.clauses[changing[0]]
        only_deletes = len(changing) == 1 and _is_delete(first.action) and first.condition is None
        if not only_deletes and self.connection.execute(query).fetchall():
            message = (
                "Cannot perform Merge as multiple source rows matched and attempted to modify the same target row in"
                " the Delta table in possibly conflicting ways."
            )
            raise SqlError("DELTA_MULTIPLE_SOURCE_ROW_MATCHING_TARGET_ROW_IN_MERGE", "21506", message)

    def _numbers(self, kind: str) -> str:
        found = [str(number) for number, clause in enumerate(self.clauses) if _kind(clause.action) == kind]
        return f"({', '.join(found)})" if found else "(NULL)"

    def counts(self) -> tuple[int, int, int, int]:
        """Rows updated, deleted, inserted, and source rows."""
        changed = f"(SELECT DISTINCT {read.FILE}, {read.ROW}, __action FROM __pairs UNION ALL SELECT * FROM __alone)"
        query = (
            f"SELECT (SELECT count(*) FROM {changed} WHERE __action IN {self._numbers('update')}),"
            f" (SELECT count(*) FROM {changed} WHERE __action IN {self._numbers('delete')}),"
            f" (SELECT count(*) FROM __new WHERE __action IS NOT NULL), (SELECT count(*) FROM {_SOURCE})"
        )
        found: tuple[int, int, int, int] = self.connection.execute(query).fetchall()[0]
        return found

    def touched(self) -> dict[str, Json]:
        """Files with a row that changes."""
        query = (
            f"SELECT DISTINCT {read.FILE} FROM __pairs WHERE __action IS NOT NULL UNION"
            f" SELECT DISTINCT {read.FILE} FROM __alone WHERE __action IS NOT NULL"
        )
        paths = list(self.state.files)
        return {paths[index]: self.state.files[paths[index]] for (index,) in self.connection.execute(query).fetchall()}

    def write(self, touched: dict[str, Json]) -> rows.Written:
        """The rows of touched files as they are afterwards, and the new ones, in new files."""
        target, source = types.quote(self.alias), types.quote(self.source_alias)
        positions = [index for index, path in enumerate(self.state.files) if path in touched] or [-1]
        inside = f"{target}.{read.FILE} IN ({', '.join(map(str, positions))})"
        joined = (
            f"FROM {_TARGET} AS {target}"
            f" LEFT JOIN (SELECT DISTINCT ON ({read.FILE}, {read.ROW}) * FROM __pairs"
            f" WHERE __action IS NOT NULL) AS __p"
            f" USING ({read.FILE}, {read.ROW}) LEFT JOIN __alone AS __a USING ({read.FILE}, {read.ROW})"
            f" LEFT JOIN {_SOURCE} AS {source} ON {source}.__sid = __p.__sid"
        )
        action = "coalesce(__p.__action, __a.__action)"
        deletes = self._numbers("delete")
        after = ", ".join(self._after(item, action) for item in self.state.schema.fields)
        before = ", ".join(f"{target}.{types.quote(name)}" for name in self.state.schema.names)
        change = f"{action} AS __action"
        self._temp("__before", f"SELECT {before}, {change} {joined} WHERE {inside} AND {action} IS NOT NULL")
        self._temp(
            "__after", f"SELECT {after}, {change} {joined} WHERE {inside} AND coalesce({action} NOT IN {deletes}, true)"
        )
        columns = ", ".join(types.quote(name) for name in self.state.schema.names)
        self._temp("__inserted", f"{self._inserts(source)}")
        self._temp(rows.STAGED, f"SELECT {columns} FROM __after UNION ALL SELECT {columns} FROM __inserted")
        return rows.write_staged(self.s, self.connection, self.state)

    def _temp(self, name: str, query: str) -> None:
        self.connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {query}")

    def _after(self, item: types.Field, action: str) -> str:
        """A column of a target row after the merge."""
        name, kind = types.quote(item.name), types.to_duckdb(item.type)
        old = f"{types.quote(self.alias)}.{name}"
        cases = []
        for number, clause in enumerate(self.clauses):
            if _kind(clause.action) == "update":
                value = self._values(clause).get(item.name.lower())
                if value is not None:
                    cases.append(f"WHEN {number} THEN CAST({value} AS {kind})")
        if not cases:
            return f"{old} AS {name}"
        return f"CASE {action} {' '.join(cases)} ELSE {old} END AS {name}"

    def _inserts(self, source: str) -> str:
        parts = []
        for number, clause in enumerate(self.clauses):
            if _kind(clause.action) != "insert":
                continue
            given = self._values(clause)
            columns = []
            for item in self.state.schema.fields:
                value = given.get(item.name.lower()) or self._missing(item)
                columns.append(f"CAST({value} AS {types.to_duckdb(item.type)}) AS {types.quote(item.name)}")
            parts.append(
                f"SELECT {', '.join(columns)} FROM {_SOURCE} AS {source} JOIN __new USING (__sid)"
                f" WHERE __action = {number}"
            )
        if parts:
            return " UNION ALL ".join(parts)
        empty = [
            f"CAST(NULL AS {types.to_duckdb(item.type)}) AS {types.quote(item.name)}"
            for item in self.state.schema.fields
        ]
        return f"SELECT {', '.join(empty)} WHERE false"

    def _missing(self, item: types.Field) -> str:
        if rows.IDENTITY_START in item.metadata:
            step = int(item.metadata[rows.IDENTITY_STEP])
            high = item.metadata.get(rows.IDENTITY_HIGH)
            first = int(item.metadata[rows.IDENTITY_START]) if high is None else int(high) + step
            return f"{first} + {step} * (row_number() OVER () - 1)"
        return rows.default_of(self.s, item)

    def _values(self, clause: Clause) -> dict[str, str]:
        """Assigned columns (lower case) with the DuckDB text of their values; `*` takes them from the source."""
        action = clause.action
        if _is_star(action):
            return {
                name.lower(): f"{types.quote(self.source_alias)}.{types.quote(name)}" for name in self._source_columns()
            }
        if isinstance(action, exp.Insert):
            columns = [item.name.lower() for item in action.this.expressions]
            values = action.expression.expressions
            return {column: self._value(column, value) for column, value in zip(columns, values, strict=True)}
        return {item.this.name.lower(): self._value(item.this.name, item.expression) for item in action.expressions}

    def _value(self, column: str, value: exp.Expr) -> str:
        if isinstance(value, exp.Column | exp.Var) and value.sql().upper() == "DEFAULT":
            found = self.state.schema.find(column)
            return "NULL" if found is None else rows.default_of(self.s, found)
        return self._text(value)

    def _source_columns(self) -> list[str]:
        found: list[str] = self.connection.sql(f"FROM {_SOURCE} LIMIT 0").columns
        given = {name.lower() for name in found}
        for name in self.state.schema.names:
            if name.lower() not in given:
                message = f"Cannot resolve {name} in UPDATE/INSERT clause given columns {', '.join(found[:-1])}."
                raise SqlError("DELTA_MERGE_UNRESOLVED_EXPRESSION", "42601", message)
        return [name for name in found if self.state.schema.find(name) is not None]

    def changes(self) -> list[Json]:
        """Change files of the merge."""
        columns = ", ".join(types.quote(name) for name in self.state.schema.names)
        updates, deletes = self._numbers("update"), self._numbers("delete")
        query = (
            f"SELECT {columns}, 'update_preimage' AS _change_type FROM __before WHERE __action IN {updates} UNION ALL "
            f"SELECT {columns}, 'update_postimage' AS _change_type FROM __after WHERE __action IN {updates} UNION ALL "
            f"SELECT {columns}, 'delete' AS _change_type FROM __before WHERE __action IN {deletes} UNION ALL "
            f"SELECT {columns}, 'insert' AS _change_type FROM __inserted"
        )
        return rows.write_changes(self.connection, self.state, query)


def _kind(action: exp.Expr) -> str:
    if _is_delete(action):
        return "delete"
    return "insert" if isinstance(action, exp.Insert) else "update"


def _is_delete(action: exp.Expr) -> bool:
    return isinstance(action, exp.Var) and action.name.upper() == "DELETE"


def _is_star(action: exp.Expr) -> bool:
    return isinstance(action.args.get("this"), exp.Star) or any(
        isinstance(item, exp.Star) for item in action.expressions
    )
