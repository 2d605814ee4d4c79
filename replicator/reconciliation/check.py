"""One check, in order: exists, schema, versions, fingerprint, buckets, rows; each costs less than the next, and the
first that settles the verdict ends it.

Whatever goes wrong on the way is a verdict too, ERROR or UNVERIFIABLE: a check never fails open and never stops others.
"""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from replicator.errors import NotFound, PermissionDenied, ReplicatorError, WorkspaceError
from replicator.reconciliation import pins, schema
from replicator.reconciliation.data import compare_counts, compare_fingerprints, drill_down
from replicator.reconciliation.selection import choose
from replicator.reconciliation.tables import AFRESH, Lookup, TableInfo
from replicator.reconciliation.task import CheckTask, Outcome, Work, begin, sentence
from replicator.reconciliation.verdicts import LASTING, CheckResult, Verdict, Why
from replicator.resources.base import Reader
from replicator.wording import listed, many

_VERSION_GONE = re.compile(
    r"VERSION_NOT_FOUND|VERSION_NOT_CONTIGUOUS|CANNOT_RECONSTRUCT|FILE_NOT_FOUND|FileNotFound|FAILED_READ_FILE"
    r"|TRUNCATED_TRANSACTION_LOG|STATE_RECOVER_ERROR|RETENTION|TIME_TRAVEL|Cannot time travel"
    r"|versions? .*not available",
    re.IGNORECASE,
)
"""How Databricks words that a version's files or log are no longer there (vacuumed, cleaned up, not shared)."""

Stage = Callable[[Work, Lookup], Outcome | None]
_T = TypeVar("_T")


def run_check(task: CheckTask, source: Reader, target: Reader, *, look: Lookup = AFRESH) -> CheckResult:
    """Compare a copy with its origin at the versions that the copy's history pins. `source` and `target` read the two
    metastores; both are read concurrently, nothing is written, no row crosses between them. Raises nothing of ours.

    `look` says how to find out about a table and where its data stands: asking afresh, unless told otherwise.
    """
    work = begin(task, source, target)
    try:
        outcome = next((found for stage in _STAGES if (found := stage(work, look)) is not None), None)
        return work.result(outcome or _good(work))
    except PermissionDenied as error:
        return work.result(Outcome(Verdict.UNVERIFIABLE, f"not permitted: {error.message}", Why.FORBIDDEN))
    except WorkspaceError as error:
        return work.result(_failed(work, error))
    except ReplicatorError as error:
        return work.result(Outcome(Verdict.ERROR, error.message))


def _failed(work: Work, error: WorkspaceError) -> Outcome:
    pinned = work.pair.source.place.version
    if pinned is not None and is_version_gone(error):
        hint = "bring the copy up to date and check again right after"
        return Outcome(
            Verdict.UNVERIFIABLE,
            f"version {pinned} of {work.task.origin.name} is gone (vacuumed or cleaned up): {hint}",
            Why.VERSION_GONE,
        )
    return Outcome(Verdict.ERROR, error.message)


def is_version_gone(error: WorkspaceError) -> bool:
    """Whether a statement failed because a version's files or log are no longer there."""
    return _VERSION_GONE.search(f"{error.code} {error.message}") is not None


def _exists(work: Work, look: Lookup) -> Outcome | None:
    source, target = work.pair.source, work.pair.target
    if look.local:
        work.source, work.target = (_find(look, probe.reader, probe.place.table) for probe in (source, target))
    else:
        with ThreadPoolExecutor(max_workers=2, thread_name_prefix="check") as pool:
            running = [pool.submit(_find, look, probe.reader, probe.place.table) for probe in (source, target)]
        work.source, work.target = running[0].result(), running[1].result()
    if work.target is None:
        return Outcome(Verdict.MISMATCH, "the copy does not exist", Why.COPY_MISSING)
    if work.source is None:
        message = f"{work.task.origin.name} does not exist: there is nothing to compare with"
        return Outcome(Verdict.UNVERIFIABLE, message, Why.ORIGIN_MISSING)
    return None


def _find(look: Lookup, reader: Reader, name: str) -> TableInfo | None:
    try:
        return look.table(reader, name)
    except NotFound:
        return None


def _asked(work: Work, look: Lookup) -> Outcome | None:
    if work.task.schema_check or work.task.row_count_check or work.task.missing_data_check:
        return None
    return Outcome(Verdict.UNVERIFIABLE, "nothing is checked: every check is switched off", Why.NOTHING_TO_COMPARE)


def _visible(work: Work, look: Lookup) -> Outcome | None:
    source, target = _both(work)
    hidden = [info.name for info in (source, target) if info.filtered]
    if hidden and (work.task.row_count_check or work.task.missing_data_check):
        message = f"a row filter on {' and '.join(hidden)} may hide rows from us"
        return Outcome(Verdict.UNVERIFIABLE, message, Why.MASKED)
    return None


def _policies(work: Work, look: Lookup) -> Outcome | None:
    if not (work.task.row_count_check or work.task.missing_data_check):
        return None
    hidden: list[str] = []
    for probe in (work.pair.source, work.pair.target):
        try:
            hidden += look.hiding(probe.reader, probe.place.table)
        except PermissionDenied:
            work.notes.append(f"the policies on {probe.place.table} may not be read: nobody knows whether one masks it")
    if not hidden:
        return None
    return Outcome(Verdict.UNVERIFIABLE, f"{'; '.join(hidden)}: except us from it", Why.MASKED)


def _schema(work: Work, look: Lookup) -> Outcome | None:
    work.schema_differences = tuple(schema.compare(*_both(work), work.task.exclude_columns))
    return None


def _versions(work: Work, look: Lookup) -> Outcome | None:
    return pins.pin(work, look.version)


def _schema_then(work: Work, look: Lookup) -> Outcome | None:
    return pins.judge_schema(work)


def _columns(work: Work, look: Lookup) -> Outcome | None:
    task = work.task
    recipe, left_out, notes = choose(
        *_both(work), exclude=task.exclude_columns, key=task.key, hashing=task.settings.hashing
    )
    work.recipe, work.uncompared = recipe, left_out
    work.columns_total = len(recipe.columns) + len(left_out)
    work.notes += notes
    if task.missing_data_check and not recipe.columns:
        return Outcome(Verdict.UNVERIFIABLE, "no column can be compared", _why(work) or Why.NOTHING_TO_COMPARE)
    return None


def _data(work: Work, look: Lookup) -> Outcome | None:
    if work.task.missing_data_check:
        return compare_fingerprints(work)
    return compare_counts(work) if work.task.row_count_check else None


def _rows(work: Work, look: Lookup) -> Outcome | None:
    return drill_down(work)


_STAGES: tuple[Stage, ...] = (
    _exists,
    _asked,
    _visible,
    _policies,
    _schema,
    _versions,
    _schema_then,
    _columns,
    _data,
    _rows,
)


def _both(work: Work) -> tuple[TableInfo, TableInfo]:
    assert work.source is not None
    assert work.target is not None
    return work.source, work.target


def _good(work: Work) -> Outcome:
    """Nothing that was looked at differs."""
    what = _compared(work)
    if work.blind and work.task.missing_data_check:
        names = listed([item.name for item in work.blind])
        message = f"equal in {what}; could not be compared: {names}"
        return Outcome(Verdict.UNVERIFIABLE, message, _why(work))
    differing = many(work.differences.total or work.differing_rows_at_most, "row differs", "rows differ")
    tolerated = f"{differing}, which the threshold allows"
    equal = sentence([f"equal in {what}", tolerated if work.tolerated else ""])
    if work.lag:
        version = work.pair.source.place.version
        return Outcome(Verdict.STALE, f"{equal}, at version {version}; {many(work.lag, 'version')} behind")
    return Outcome(Verdict.MATCH, equal)


def _why(work: Work) -> Why | None:
    """Why columns could not be compared; a reason that may pass by itself goes before one that lasts."""
    return min((item.why for item in work.blind), key=lambda why: why in LASTING, default=None)


def _all_columns(total: int) -> str:
    return "its column" if total == 1 else f"all {many(total, 'column')}"


def _compared(work: Work) -> str:
    if work.task.missing_data_check and work.recipe is not None:
        compared, total = len(work.recipe.columns), work.columns_total
        return _all_columns(total) if compared == total else f"{compared} of {many(total, 'column')}"
    return "row count" if work.task.row_count_check else "definition"
