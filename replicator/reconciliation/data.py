"""The stages of a check that read data: row counts, fingerprints, rows."""

from replicator.reconciliation.drilldown import drill
from replicator.reconciliation.fingerprint import (
    Buckets,
    Cell,
    bucket_count,
    cell,
    count_sql,
    differing,
    fingerprint_sql,
    fold,
)
from replicator.reconciliation.incremental import Known, carried_forward
from replicator.reconciliation.probe import Probe, Rows
from replicator.reconciliation.recipe import Recipe, recipe_id
from replicator.reconciliation.tables import TableInfo
from replicator.reconciliation.task import Outcome, Work
from replicator.reconciliation.verdicts import DifferenceCounts, RowKind, Verdict, Why
from replicator.wording import listed, many

_ATTEMPTS = 3
"""How often a table without versions may change under the check before it is called moving."""

_MOVING = Outcome(Verdict.UNVERIFIABLE, "a table without versions changed while it was read", Why.MOVING)


def compare_counts(work: Work) -> Outcome | None:
    """Row counts only."""
    source, target = work.pair.query(lambda probe: count_sql(probe.place))
    work.counts = int(source[0]["n"]), int(target[0]["n"])
    if work.counts[0] == work.counts[1]:
        return None
    work.complete = False
    work.differing_rows_at_most = abs(work.counts[0] - work.counts[1])
    if _tolerable(work, work.differing_rows_at_most):
        work.tolerated = True
        return None
    return Outcome(Verdict.MISMATCH, f"{many(work.counts[0], 'row')} in the origin, {work.counts[1]:,} in the copy")


def compare_fingerprints(work: Work) -> Outcome | None:
    """Level 1 on each side whose fingerprint is not known yet; buckets that differ are left for the next stage."""
    recipe, pair = _recipe(work), work.pair
    source, target = _known(work, pair.source), _known(work, pair.target)
    buckets = work.task.settings.buckets or bucket_count(work.task.rows)
    if source is not None and target is None:
        target = _scanned(pair.target, recipe, buckets)
        work.source_cached = True
    elif source is None and target is not None:
        source = _scanned(pair.source, recipe, buckets)
        work.target_cached = True
    elif source is not None and target is not None:
        work.source_cached = work.target_cached = True
    if source is not None and target is not None and source.cell == target.cell:
        work.source_cell, work.target_cell = source.cell, target.cell
        _remember(work, pair.source, source)
        _remember(work, pair.target, target)
        return None
    work.source_cached = work.target_cached = False
    return _scan_both(work, recipe, buckets)


def _scanned(probe: Probe, recipe: Recipe, buckets: int) -> Known:
    rows = probe.query(fingerprint_sql(recipe, probe.place, buckets))
    return Known(fold(_buckets(rows, recipe).values(), len(recipe.hashing.words)))


def _scan_both(work: Work, recipe: Recipe, buckets: int) -> Outcome | None:
    """Both sides' buckets; a side without versions is read again until it stands still."""
    work.buckets = buckets
    pinned = all(probe.place.version is not None for probe in (work.pair.source, work.pair.target))
    before = _level_1(work, recipe, buckets)
    for _ in range(_ATTEMPTS):
        _note_cells(work, *before)
        if work.source_cell == work.target_cell:
            return None
        after = before if pinned else _level_1(work, recipe, buckets)
        if before == after:
            work.found = before
            work.bad = len(differing(*before))
            return None
        before = after
    return _MOVING


def _level_1(work: Work, recipe: Recipe, buckets: int) -> tuple[Buckets, Buckets]:
    source, target = work.pair.query(lambda probe: fingerprint_sql(recipe, probe.place, buckets))
    return _buckets(source, recipe), _buckets(target, recipe)


def _note_cells(work: Work, source: Buckets, target: Buckets) -> None:
    words = len(work.task.settings.hashing.words)
    work.source_cell, work.target_cell = fold(source.values(), words), fold(target.values(), words)
    _remember(work, work.pair.source, Known(work.source_cell))
    _remember(work, work.pair.target, Known(work.target_cell))


def _buckets(rows: Rows, recipe: Recipe) -> dict[int, Cell]:
    return {int(row["b"]): cell(row, recipe.hashing.words) for row in rows}


def drill_down(work: Work) -> Outcome | None:
    """Level 2, when the fingerprints differ."""
    if work.found is None:
        return None
    assert work.buckets is not None
    source, target = work.found
    recipe, limits = _recipe(work), work.task.settings.limits
    drilled = drill(recipe, work.pair, source, target, work.buckets, limits)
    work.complete, work.differences = drilled.complete, drilled.differences
    work.columns, work.rows = drilled.columns, drilled.rows
    if drilled.complete and not drilled.differences.total:
        return _contradiction(work)
    nothing = Cell(0, (), ())
    work.differing_rows_at_most = (
        drilled.differences.total
        if drilled.complete
        else sum(max(source.get(b, nothing).rows, target.get(b, nothing).rows) for b in differing(source, target))
    )
    if _tolerable(work, work.differing_rows_at_most):
        work.tolerated = True
        return None
    return Outcome(Verdict.MISMATCH, _told(work))


def _contradiction(work: Work) -> Outcome:
    if any(probe.place.version is None for probe in (work.pair.source, work.pair.target)):
        return _MOVING
    message = "fingerprints differ, yet no row does: a filter or a computed column gives other results each time"
    return Outcome(Verdict.ERROR, message)


def _told(work: Work) -> str:
    columns = listed([item.name for item in work.columns], 5)
    if not work.complete:
        share = f"{work.bad:,} of {many(work.buckets or 0, 'bucket')} differ{'s' * (work.bad == 1)}"
        return f"rows differ all over the table ({share})" + (f", in {columns}" if columns else "")
    counts: DifferenceCounts = work.differences
    words = [f"{getattr(counts, kind.value)} {kind.value}" for kind in RowKind if getattr(counts, kind.value)]
    return f"rows differ: {', '.join(words)}" + (f"; columns {columns}" if columns else "")


def _tolerable(work: Work, rows: int) -> bool:
    """Whether enough rows are equal, by the task's threshold in percent."""
    if work.task.threshold >= 100:
        return False
    source, target = work.counts or (_count(work.source_cell), _count(work.target_cell))
    total = max(source, target, 1)
    return 100 * (total - rows) / total >= work.task.threshold


def _count(found: Cell | None) -> int:
    return found.rows if found is not None else 0


def _recipe(work: Work) -> Recipe:
    assert work.recipe is not None
    return work.recipe


# ---- fingerprints that are known already


def _known(work: Work, probe: Probe) -> Known | None:
    """The fingerprint of a pinned version, remembered or carried forward from an older one."""
    info, version = _info(work, probe), probe.place.version
    if info is None or info.id is None or version is None:
        return None
    prefix, suffix = f"{info.id}@", f":{recipe_id(_recipe(work), probe.place)}"
    older: dict[int, Known] = {}
    for key, text in work.task.known.items():
        if key.startswith(prefix) and key.endswith(suffix):
            older[int(key[len(prefix) : -len(suffix)])] = Known.parse(text)
    if version in older:
        return older[version]
    usable = [(at, item) for at, item in older.items() if at < version]
    if not usable or not work.task.settings.incremental or not info.has_change_feed:
        return None
    return carried_forward(_recipe(work), probe, *max(usable, key=lambda found: found[0]))


def _info(work: Work, probe: Probe) -> TableInfo | None:
    return work.source if probe is work.pair.source else work.target


def _remember(work: Work, probe: Probe, known: Known) -> None:
    info, version = _info(work, probe), probe.place.version
    if info is not None and info.id is not None and version is not None:
        work.fingerprints[f"{info.id}@{version}:{recipe_id(_recipe(work), probe.place)}"] = known.text
