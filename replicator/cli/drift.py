"""`replicator drift`."""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from replicator.cli import output
from replicator.cli.common import Run, verb
from replicator.cli.drift_record import read_record, sort_out, updated, write_record
from replicator.cli.options import AsJson, AsMarkdown, Full, Workers, must_match, together
from replicator.cli.reading import reading
from replicator.cli.work import notes, opened
from replicator.errors import ExitCode
from replicator.wording import many

if TYPE_CHECKING:
    from replicator.engine.drift import DriftItem, DriftReport
    from replicator.render.drift import News

Ignore = Annotated[
    list[str] | None,
    typer.Option("--ignore", metavar="PATTERN[#FIELD]", help="Not these addresses, or not these fields, this time."),
]
Accept = Annotated[
    list[str] | None,
    typer.Option("--accept", metavar="PATTERN", help="Record that what was found at these addresses is agreed to."),
]
BaselineFile = Annotated[
    Path | None, typer.Option("--baseline", metavar="FILE", help="Drift that is accepted, each until a day.")
]
JunitFile = Annotated[
    Path | None, typer.Option("--junit", metavar="FILE", help="Write the drift as JUnit XML too, for a CI system.")
]


@verb
def drift(
    run: Run,
    ignore: Ignore = None,
    only_new: Annotated[bool, typer.Option("--only-new", help="Only what was not recorded counts.")] = False,
    record: Annotated[bool, typer.Option("--record", help="Remember what was found, for --only-new.")] = False,
    accept: Accept = None,
    baseline: BaselineFile = None,
    junit: JunitFile = None,
    as_json: AsJson = False,
    markdown: AsMarkdown = False,
    full: Full = False,
    workers: Workers = None,
) -> ExitCode:
    """Show what changed behind our back since the last apply; ends with 2 if something did. Changes nothing."""
    from replicator.engine.drift import Clock, find_drift
    from replicator.engine.planner import side_ref
    from replicator.execution.estimating import waiting as late
    from replicator.execution.events import now
    from replicator.execution.session import observe

    together(json=as_json, markdown=markdown)
    output.must_be_writable(junit)
    accepted = _baseline(run, baseline)
    with opened(run, workers=workers) as session, reading(run):
        seen = observe(session)
        clock = Clock(now(), late(session, seen.opened.state, seen.snapshots))
        backend = session.store.backend
    for notice in (*seen.opened.notices, *notes(seen.snapshots)):
        output.tell(run, f"! {notice}")
    metastores = {side.value: side_ref(snapshot) for side, snapshot in sorted(seen.snapshots.items())}
    report = _without(find_drift(seen.opened.state, seen.snapshots, metastores, clock), ignore or ())
    recorded = read_record(backend)
    if record or accept:
        agreed = _agreed(report, accept or ())
        remembered = updated(report, recorded, agreed, everything=record)
        write_record(backend, remembered)
        # What is only recorded now is still news in this run.
        recorded |= {mark: remembered[mark] for mark in agreed}
    news = sort_out(report, recorded, accepted)
    if junit is not None:
        from replicator.render.junit import drift_junit

        output.write_file(junit, drift_junit(report, news, only_new=only_new))
    _show(run, report, news, as_json=as_json, markdown=markdown, full=full)
    return ExitCode.CHANGES if news.new or (news.known and not only_new) else ExitCode.OK


def _baseline(run: Run, path: Path | None) -> Mapping[str, str]:
    """What a baseline accepts today; what has expired is told, and counts again."""
    if path is None:
        return {}
    from replicator.cli.drift_baseline import in_force, read_baseline

    accepted, expired = in_force(read_baseline(path))
    if expired:
        first = min(expired, key=lambda item: item.expires)
        output.tell(
            run, f"! {path}: {many(len(expired), 'entry', 'entries')} expired, the first on {first.expires}; they count"
        )
    return accepted


def _agreed(report: "DriftReport", patterns: Sequence[str]) -> frozenset[str]:
    """Fingerprints of what is accepted now. Raises UsageError for a pattern that nothing that drifted matches."""
    must_match(patterns, [item.address for item in report.items], "--accept")
    return frozenset(
        item.fingerprint for item in report.items if any(fnmatchcase(item.address, pattern) for pattern in patterns)
    )


def _show(run: Run, report: "DriftReport", news: "News", *, as_json: bool, markdown: bool, full: bool) -> None:
    from replicator.render.drift import drift_json, drift_text
    from replicator.render.markdown import drift_markdown

    if as_json:
        output.show_json(drift_json(report, news))
    elif markdown:
        output.show_raw(drift_markdown(report, news, arguments=run.arguments))
    else:
        output.show(run, drift_text(report, news, output.look(run, full=full)))


def _without(report: "DriftReport", patterns: Sequence[str]) -> "DriftReport":
    """The report without what this run should not look at."""
    items = tuple(left for item in report.items if (left := _left(item, patterns)) is not None)
    return report.model_copy(update={"items": items})


def _left(item: "DriftItem", patterns: Sequence[str]) -> "DriftItem | None":
    changes = item.changes
    for pattern in patterns:
        address, hash_sign, path = pattern.partition("#")
        if not fnmatchcase(item.address, address):
            continue
        if not hash_sign:
            return None
        changes = tuple(change for change in changes if not fnmatchcase(".".join(change.path), path))
    if item.changes and not changes:
        return None
    return item.model_copy(update={"changes": changes})
