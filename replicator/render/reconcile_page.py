"""A reconciliation as one HTML page without any other file, to be read at one table and at ten thousand.

What is not equal is written out on the page. The details of all other tables, their SQL above all, are kept in it
compressed and unpacked where somebody asks: ten thousand tables have tens of megabytes of SQL.
"""

import base64
import gzip
import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from replicator.reconciliation.verdicts import AROUND, CheckResult, Report, SchemaDifference, Verdict
from replicator.render import reconcile_figures as figures
from replicator.render.look import clean
from replicator.render.reconcile import SYMBOLS, WORST_FIRST, costs, word
from replicator.wording import count, many

WRITTEN_OUT = 10
"""So many tables that are not equal are written out; the others are opened by a click."""

PER_CHUNK = 250
"""Tables whose details are unpacked together."""


def report_page(report: Report) -> str:
    """The whole page. Nothing is loaded from anywhere, and nothing but its own script and style runs."""
    style, script = (files(__package__).joinpath(name).read_text("utf-8") for name in ("reconcile.css", "reconcile.js"))
    policy = f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; base-uri 'none'"
    ordered = sorted(report.tables, key=lambda result: (WORST_FIRST.index(result.verdict), result.table))
    bad = [result for result in ordered if not result.equal]
    page = _environment().get_template("reconcile.html.j2")
    return page.render(
        report=report,
        policy=Markup(policy),
        style=Markup(style),
        script=Markup(script),
        headline=headline(report),
        tone=_tone(report),
        summary=[(verdict.value, report.summary.get(verdict, 0)) for verdict in WORST_FIRST],
        legend=Counter((result.verdict.value, word(result)) for result in ordered),
        without_lag=sum(result.lag is None for result in ordered),
        tables=ordered,
        written_out=bad[:WRITTEN_OUT] if len(ordered) > 1 else ordered,
        bad=len(bad),
        chunks=[Markup(chunk) for chunk in _chunks(ordered)],
        per_chunk=PER_CHUNK,
        beside=_beside(report),
        verdict_bar=figures.verdict_bar(report),
        lag_bars=figures.lag_bars(report),
        most_behind=figures.most_behind(report),
        difference_bars=figures.difference_bars(report),
        schema_bars=figures.schema_bars(report),
        largest=figures.LARGEST,
        cost=" · ".join(costs(report)),
    )


def headline(report: Report) -> str:
    """The answer in one sentence."""
    total = len(report.tables)
    verdicts = Counter(result.verdict for result in report.tables)
    different = verdicts[Verdict.MISMATCH] + verdicts[Verdict.SCHEMA_MISMATCH]
    unsure = verdicts[Verdict.UNVERIFIABLE] + verdicts[Verdict.ERROR]
    if not total:
        return "Nothing was compared"
    if different:
        end = f"; {count(unsure)} more could not be verified" if unsure else ""
        return f"{count(different)} of {many(total, 'copy', 'copies')} {_is(different)} not what was copied{end}"
    if unsure:
        return f"{count(unsure)} of {many(total, 'copy', 'copies')} could not be verified"
    what = "The copy is" if total == 1 else f"All {many(total, 'copy', 'copies')} are"
    late = f"; {count(verdicts[Verdict.STALE])} behind the source" if verdicts[Verdict.STALE] else ""
    return f"{what} equal to what was copied{late}"


def _is(number: int) -> str:
    return "is" if number == 1 else "are"


def _tone(report: Report) -> str:
    if any(result.equal is False for result in report.tables):
        return "bad"
    return "unsure" if any(result.equal is None for result in report.tables) or not report.tables else "good"


def _chunks(ordered: Sequence[CheckResult]) -> Iterator[str]:
    """Each the base64 of the gzip of a JSON list of fragments."""
    fragment = _environment().get_template("reconcile_table.html.j2")
    for start in range(0, len(ordered), PER_CHUNK):
        part = [fragment.render(table=result) for result in ordered[start : start + PER_CHUNK]]
        packed = gzip.compress(json.dumps(part, ensure_ascii=False).encode(), compresslevel=6, mtime=0)
        yield base64.b64encode(packed).decode()


def _beside(report: Report) -> list[tuple[str, int, SchemaDifference]]:
    """Per kind of difference that breaks no copy: in how many tables, and an example of what it means."""
    found: dict[str, tuple[set[str], SchemaDifference]] = {}
    for result in report.tables:
        for item in result.schema_differences:
            if not item.breaking:
                found.setdefault(item.kind, (set(), item))[0].add(result.table)
    rows = [(kind.replace("_", " "), len(tables), item) for kind, (tables, item) in found.items()]
    return sorted(rows, key=lambda row: (-row[1], row[0]))


@cache
def _environment() -> Environment:
    found = Environment(
        loader=PackageLoader("replicator", "render"),
        autoescape=True,
        finalize=_finished,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters.update(_FILTERS)
    found.globals["symbol"] = {verdict.value: symbol for verdict, symbol in SYMBOLS.items()}
    return found


def _finished(value: Any) -> Any:
    """Whatever is put into a page: text from a metastore cannot hide what it says; markup is ours."""
    return clean(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _definition(table: CheckResult, around: bool) -> list[SchemaDifference]:
    return [item for item in table.schema_differences if (item.kind in AROUND) is around]


_FILTERS: dict[str, Any] = {
    "count": count,
    "many": many,
    "words": lambda kind: str(kind).replace("_", " "),
    "sql": lambda text: Markup("\n").join(clean(line) for line in str(text).split("\n")),
    "definition": lambda table: _definition(table, around=False),
    "around": lambda table: _definition(table, around=True),
    "moment": lambda text: datetime.fromisoformat(text).strftime("%Y-%m-%d %H:%M:%S UTC"),
}


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
