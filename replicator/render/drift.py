"""What changed behind our back, for people: new first, what was seen before in one line each, then what to do."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from replicator.engine.drift import DriftItem, DriftKind, DriftReport
from replicator.engine.guards import NAMED
from replicator.engine.remedies import Remedy
from replicator.render import changes as change_text
from replicator.render.fit import spread, wrapped
from replicator.render.groups import SMALLEST, pattern
from replicator.render.look import Look, clean, duration, span, with_options
from replicator.values import JSON
from replicator.wording import count, many

COLUMN = 46

_SYMBOLS = {
    DriftKind.CHANGED: "~",
    DriftKind.DELETED: "−",
    DriftKind.ACCESS_GAINED: "!",
    DriftKind.REPLICA_WRITTEN: "↻",
    DriftKind.SOURCE_RECREATED: "±",
    DriftKind.MADE_ANEW: "±",
    DriftKind.LAG_EXCEEDED: "↻",
    DriftKind.UNKNOWN: "?",
}
_SEVERITY = (
    DriftKind.ACCESS_GAINED,
    DriftKind.DELETED,
    DriftKind.SOURCE_RECREATED,
    DriftKind.MADE_ANEW,
    DriftKind.REPLICA_WRITTEN,
    DriftKind.CHANGED,
    DriftKind.LAG_EXCEEDED,
    DriftKind.UNKNOWN,
)
_WAYS_OUT = {
    Remedy.APPLY: "undone by",
    Remedy.RELEASE: "held back by a guard, released by",
    Remedy.BY_HAND: "left alone by apply; revoke it by hand, or agree to it",
    Remedy.UNDROP: "that apply would make anew, empty; to have the rows back, within 7 days",
    Remedy.FORGET: "no longer our object; forget it, and plan says what becomes of what is there",
    Remedy.PERMISSION: "that nobody can tell about",
    Remedy.SOURCE: "with nothing to copy",
}
"""What is said of how many, before the command."""


@dataclass(frozen=True)
class News:
    """A report beside what was recorded before. `known` are items seen earlier, with the day of their first sighting
    in `since` by fingerprint; `accepted` is drift that somebody agreed to, with its last day (empty: for good) in
    `until` by fingerprint; `resolved` are addresses that had drifted and no longer do."""

    new: tuple[DriftItem, ...]
    known: tuple[DriftItem, ...] = ()
    resolved: tuple[str, ...] = ()
    since: Mapping[str, str] = field(default_factory=dict)
    accepted: tuple[DriftItem, ...] = ()
    until: Mapping[str, str] = field(default_factory=dict)


def drift_text(report: DriftReport, news: News, look: Look) -> str:
    """The whole answer of `drift`: access that was opened and objects that are gone stand first."""
    if not news.new and not news.known and not news.resolved and not news.accepted:
        return "\n".join([_clean_line(report), *lag_lines(report)]) + "\n"
    lines = [_title(report)]
    if news.new:
        lines += [f"NEW {count(len(news.new))}", *_items(news.new, look)]
    if news.known:
        oldest = min(
            (news.since[item.fingerprint] for item in news.known if item.fingerprint in news.since), default=""
        )
        lines += [f"KNOWN {count(len(news.known))}{f'   first seen {oldest}' if oldest else ''}"]
        lines += _items(news.known, look)
    if news.accepted:
        days = sorted({news.until[item.fingerprint] for item in news.accepted} - {""})
        lines += [f"ACCEPTED {count(len(news.accepted))}{f'   until {days[0]}' if days else ''}"]
        lines += _items(news.accepted, look)
    if news.resolved:
        lines += [f"RESOLVED {count(len(news.resolved))}", *(f"  ✓ {clean(address)}" for address in news.resolved)]
    return "\n".join([*lines, *lag_lines(report), "", *_sums(news, look)]) + "\n"


def _clean_line(report: DriftReport) -> str:
    return (
        f"No drift. {many(report.objects, 'resource is', 'resources are')} as {report.environment} last applied "
        f"{'it' if report.objects == 1 else 'them'} (state serial {report.state_serial})."
    )


def _title(report: DriftReport) -> str:
    calls = sum(side.calls + side.statements for side in report.metastores.values())
    objects = sum(side.objects for side in report.metastores.values())
    seconds = max((side.seconds for side in report.metastores.values()), default=0.0)
    read = f" · {many(objects, 'object')} read in {duration(seconds)} ({many(calls, 'call')})" if calls else ""
    return f"{report.environment} · state serial {report.state_serial}{read}"


def grouped(items: Iterable[DriftItem], *, full: bool = False) -> list[tuple[str, DriftItem]]:
    """One title for many items that are alike (`198 × target:table/*`), with the first of them; what is gone is always
    named."""
    alike: dict[str, list[DriftItem]] = {}
    for item in ordered(items):
        alike.setdefault(_key(item), []).append(item)
    titled: list[tuple[str, DriftItem]] = []
    for members in alike.values():
        if len(members) < SMALLEST or full or members[0].kind is DriftKind.DELETED:
            titled += [(clean(item.address), item) for item in members]
        else:
            title = f"{count(len(members))} × {pattern([item.address for item in members])}"
            titled.append((title, members[0].model_copy(update={"by": None, "at": None})))
    return titled


def _items(items: Sequence[DriftItem], look: Look) -> list[str]:
    titled = grouped(items, full=look.full)
    column = min(COLUMN, max(len(title) for title, _ in titled))
    return [line for title, item in titled for line in _rows(item, title.ljust(column), look)]


def ordered(items: Iterable[DriftItem]) -> list[DriftItem]:
    """Opened access first, then what is gone, then the rest."""
    return sorted(items, key=lambda item: (_SEVERITY.index(item.kind), item.address))


def _key(item: DriftItem) -> str:
    head, _, name = item.address.partition("/")
    changed = [[change.path, change.before, change.after] for change in item.changes]
    return json.dumps([item.kind.value, head, name.partition(".")[0], item.message if not changed else "", changed])


def _rows(item: DriftItem, title: str, look: Look) -> list[str]:
    head = f"  {_SYMBOLS[item.kind]} {title}   "
    texts = [text for text, _ in change_text.lines(item.changes, look.width - 6, full=look.full)]
    mark = "access gained" if item.kind is DriftKind.ACCESS_GAINED else who(item)
    first, *rest = texts or [clean(item.message)]
    if texts and max(map(len, texts)) + len(head) + len(mark) + (2 if mark else 0) > look.width:
        return [spread(head.rstrip(), mark, look.width), *(f"      {text}" for text in texts)]
    if not texts and len(head) + len(first) > look.width:
        return [head.rstrip(), *wrapped(f"      {first}", look.width, 6)]
    return [spread(f"{head}{first}", mark, look.width), *(f"{' ' * len(head)}{text}" for text in rest)]


def who(item: DriftItem) -> str:
    """`ana@corp.com, 2026-11-22 16:03`, empty when nobody told."""
    return ", ".join(filter(None, [clean(item.by or ""), (item.at or "")[:16].replace("T", " ")]))


def lag_lines(report: DriftReport) -> list[str]:
    if not report.lag:
        return []
    versions = [item.versions for item in report.lag]
    behind = many(len(versions), "copy is", "copies are")
    unit = "version" if max(versions) == 1 else "versions"
    return [f"Lag, which is no drift: {behind} {span(min(versions), max(versions))} {unit} behind."]


def ways_out(news: News, arguments: str) -> list[tuple[str, list[str]]]:
    """How what counts goes away: what is said of how many, and what to type (or do) for it, the easiest first."""
    found: dict[Remedy, list[DriftItem]] = {remedy: [] for remedy in _WAYS_OUT}
    for item in ordered((*news.new, *news.known)):
        found[item.remedy].append(item)
    held = bool(found[Remedy.RELEASE])
    return [
        (f"{count(len(items))} {_WAYS_OUT[remedy]}", [with_options(text, arguments) for text in _commands(items, held)])
        for remedy, items in found.items()
        if items
    ]


_RELEASE = "replicator apply --allow-destroy "


def _commands(items: Sequence[DriftItem], held: bool) -> list[str]:
    """What to type, each line good by itself: one command for each while they are few, otherwise one to fill in.

    What several guards hold is released by one command, and while any is held (`held`), an apply leaves that out.
    """
    commands = list(dict.fromkeys(clean(item.command) for item in items))
    if items[0].remedy is Remedy.APPLY and held:
        return [f"{command} --skip-blocked" for command in commands]
    if len(commands) <= NAMED and all(command.startswith(_RELEASE) for command in commands):
        return [" --allow-destroy ".join([commands[0], *(text.removeprefix(_RELEASE) for text in commands[1:])])]
    if len(commands) <= NAMED:
        return commands
    first = items[0].command.replace(items[0].address, "ADDRESS")
    return [clean(first.replace(items[0].address.partition("/")[2], "NAME"))]


def _sums(news: News, look: Look) -> list[str]:
    told = [(news.new, "new"), (news.known, "known"), (news.accepted, "accepted"), (news.resolved, "resolved")]
    sums = " · ".join(f"{count(len(items))} {word}" for items, word in told if items)
    lines = [f"{sums}."]
    for said, commands in ways_out(news, look.arguments):
        whole = f"  {said}:  {commands[0]}"
        short = len(commands) == 1 and len(whole) <= look.width
        lines += [whole] if short else [f"  {said}:", *(f"      {command}" for command in commands)]
    return lines


def drift_json(report: DriftReport, news: News) -> JSON:
    """The same for machines: the report, each item with whether it is known and since when."""
    known = {item.fingerprint for item in news.known}
    body: JSON = report.model_dump(mode="json")
    for item in body["items"]:
        item["known"] = item["fingerprint"] in known
        item["first_seen"] = news.since.get(item["fingerprint"])
        item["accepted"] = item["fingerprint"] in news.until
        item["accepted_until"] = news.until.get(item["fingerprint"]) or None
    return {**body, "resolved": list(news.resolved)}
