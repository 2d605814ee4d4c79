"""All rules that hold an action back, on one page. Each names how a person releases it.

A guard looks at one action (or at all of them) and returns blocks; nothing here changes what would be done.
"""

import shlex
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from replicator.address import Address, Side
from replicator.engine.actions import Action, Block, Cause, Do, Notice, Reason
from replicator.engine.desired import Desired
from replicator.engine.policy import Code, Policy
from replicator.engine.snapshot import Snapshot
from replicator.engine.state import Entry, State
from replicator.resources.base import Lag, Observed, ResourceType
from replicator.resources.canonical import principal
from replicator.wording import listed, many


@dataclass(frozen=True)
class Case:
    """One action with what a guard may want to know."""

    action: Action
    address: Address
    rtype: ResourceType
    observed: Observed | None
    entry: Entry | None
    lag: Lag | None
    breaks: tuple[str, ...]
    on_existing: str
    protect: bool
    state: State
    snapshot: Snapshot
    leaving: frozenset[str]
    uninvited: frozenset[str] = frozenset()
    unshielded: tuple[str, ...] = ()
    verb: str = "apply"


def _release(case: Case) -> str:
    return f"replicator {case.verb} --allow-destroy {shlex.quote(str(case.address))}"


def _unknown(case: Case) -> Block | None:
    if case.action.reason is not Reason.UNKNOWN:
        return None
    return Block(
        code=Code.UNKNOWN,
        message=f"cannot be read, so nothing is proposed for it: {case.action.message}",
        release="give the principal the right to read it (BROWSE or USE), or leave it out with --exclude",
    )


def _origin_missing(case: Case) -> Block | None:
    if case.action.reason is not Reason.ORIGIN_MISSING:
        return None
    return Block(
        code=Code.ORIGIN_MISSING,
        message=case.action.message,
        release=f"bring the origin back, or let go of the copy, which stays: replicator state forget '{case.address}'"
        if case.action.cause is Cause.REMOVED
        else "restore the source, or take the table out of the configuration",
    )


def _protected(case: Case) -> Block | None:
    if not case.protect or case.action.do not in (Do.DELETE, Do.REPLACE):
        return None
    return Block(
        code=Code.PROTECTED,
        message="is protected",
        release=f"replicator state unprotect {shlex.quote(str(case.address))}, or apply it with protect: false",
    )


def _drops_data(case: Case) -> Block | None:
    if case.action.do is not Do.DELETE or not case.rtype.bears_data:
        return None
    return Block(code=Code.DROPS_DATA, message="would drop a table with its data", release=_release(case))


def _drops_children(case: Case) -> Block | None:
    if case.action.do is not Do.DELETE or not case.rtype.holds_children:
        return None
    prefix = case.address.name + "."
    left = [
        name
        for kind in ("schema", "table")
        for name in case.snapshot.objects.get(kind, {})
        if name.startswith(prefix) and f"{kind}/{name}" not in case.leaving and not _automatic(kind, name)
    ]
    if not left or (case.observed is not None and case.observed.fields.get("share_name")):
        return None
    theirs = many(len(left), "object that is", "objects that are")
    return Block(
        code=Code.DROPS_CHILDREN,
        message=f"still holds {theirs} not ours to drop, for example {min(left)}",
        release=f"move them away, or keep it: replicator state forget {shlex.quote(str(case.address))}",
    )


def _automatic(kind: str, name: str) -> bool:
    """The schemas that a catalog is born with are nobody's data."""
    return kind == "schema" and name.rpartition(".")[2] in ("default", "information_schema")


def _drops_column(case: Case) -> Block | None:
    lossy = [".".join(change.path) for change in case.action.changes if change.lossy]
    if not lossy or not case.rtype.bears_data:
        return None
    return Block(code=Code.DROPS_COLUMN, message=f"would drop or narrow {listed(lossy, 5)}", release=_release(case))


def _replaces_data(case: Case) -> Block | None:
    if case.action.do is not Do.REPLACE or not (case.rtype.bears_data or case.rtype.holds_children):
        return None
    fields = ", ".join(".".join(change.path) for change in case.action.changes if change.effect == "replace")
    return Block(
        code=Code.REPLACES_DATA,
        message=f"{fields} cannot be changed in place; replacing drops the {case.rtype.name} and all it holds",
        release=_release(case),
    )


def _replaces_access(case: Case) -> Block | None:
    if case.action.do is not Do.REPLACE or case.rtype.bears_data or case.rtype.holds_children:
        return None
    fields = ", ".join(".".join(change.path) for change in case.action.changes if change.effect == "replace")
    return Block(
        code=Code.REPLACES_ACCESS,
        message=f"{fields} cannot be changed in place; replacing the {case.rtype.name} takes access from who has it",
        release=_release(case),
    )


_KINDS = {
    "MANAGED": "a table",
    "EXTERNAL": "an external table",
    "VIEW": "a view",
    "STREAMING_TABLE": "a streaming table",
}


def _other_kind(case: Case) -> Block | None:
    """A view where a table is declared, or the other way round: no statement turns the one into the other."""
    found = case.observed.info.get("table_type") if case.observed else None
    if found is None or not case.rtype.table_types or found in case.rtype.table_types:
        return None
    if case.action.do in (Do.NOOP, Do.FORGET):
        return None
    return Block(
        code=Code.OTHER_OBJECT,
        message=f"exists as something else: {_KINDS.get(found) or found.lower().replace('_', ' ')}",
        release="choose another name, or declare what is there",
    )


def _other_object(case: Case) -> Block | None:
    different = [change for change in case.action.changes if change.effect == "replace"]
    if case.action.do is not Do.IMPORT or not different:
        return None
    found = ", ".join(f"{'.'.join(change.path)} {change.before!r}" for change in different)
    return Block(
        code=Code.OTHER_OBJECT,
        message=f"exists as something else, with {found}, which cannot be changed in place",
        release="choose another name, or declare what is there",
    )


def _ours_to_take(case: Case) -> bool:
    return _not_managed(case) is None and _marked_by_other(case) is None


def _overwrites_replica(case: Case) -> Block | None:
    if case.lag is Lag.FOREIGN_WRITE:
        what = f"{case.action.message}; a sync discards that"
    elif case.lag is Lag.NEVER_COPIED and case.observed is not None and _ours_to_take(case):
        what = "holds rows that were never copied from its origin; a sync discards them"
    else:
        return None
    return Block(code=Code.OVERWRITES_REPLICA, message=what, release=_release(case))


def _source_recreated(case: Case) -> Block | None:
    if case.lag is not Lag.RECREATED or not case.action.moves_data:
        return None
    return Block(
        code=Code.SOURCE_RECREATED,
        message=f"{case.action.message}; a sync overwrites the copy of the former table",
        release=_release(case),
    )


def _schema_changed(case: Case) -> Block | None:
    if not case.breaks or not case.action.moves_data:
        return None
    return Block(
        code=Code.SCHEMA_CHANGED,
        message=f"the source's schema changed: {listed(case.breaks, 5)}",
        release=f"set enforce_schema: false to let it follow, or {_release(case)}",
    )


def _marked_by_other(case: Case) -> Block | None:
    mark = case.observed.mark if case.observed else None
    if mark is None or case.state.owns(mark) or case.action.do in (Do.NOOP, Do.FORGET, Do.CHECK):
        return None
    return Block(
        code=Code.MARKED_BY_OTHER,
        message=f"belongs to another deployment of replicator (it carries the mark of lineage {mark})",
        release=f"let that deployment forget it; if its state is lost: replicator state adopt {mark}",
    )


def _not_managed(case: Case) -> Block | None:
    if case.action.do is not Do.IMPORT or case.on_existing != "fail":
        return None
    if case.observed is None or case.observed.mark is not None:
        return None  # ours, or told by _marked_by_other
    return Block(
        code=Code.NOT_MANAGED,
        message="exists and is not managed by this deployment",
        release="choose another name, or take it over with lifecycle: {on_existing: import}",
    )


def _name_taken(case: Case) -> Block | None:
    """The object under the new name is not the one that state knows."""
    known, found = case.entry, case.observed
    if case.action.do is not Do.RENAME or known is None or found is None or case.state.owns(found.mark):
        return None
    if known.id is None or found.id is None or known.id == found.id:
        return None
    return Block(
        code=Code.NOT_MANAGED,
        message=f"exists already, and is another object than {case.action.previous_address}",
        release="choose another name, or take the move out of the configuration",
    )


def _locks_out(case: Case) -> Block | None:
    me = principal(case.snapshot.metastore.principal)
    lost = [
        change
        for change in case.action.changes
        if change.path[:2] == ("privileges", me) and change.before is not None and change.after is None
    ]
    removed = case.action.do is Do.DELETE and me in (case.action.desired.get("privileges") or {})
    if not lost and not removed:
        return None
    return Block(
        code=Code.LOCKS_OUT,
        message=f"would take away the privileges of {me}, who runs this",
        release=_release(case),
    )


def _exposes(case: Case) -> Block | None:
    """Of a share that others may read, too, whom nobody declared."""
    added = [
        change.path[1].partition(":")[2]
        for change in case.action.changes
        if case.address.type == "share" and change.path[0] == "objects" and len(change.path) == 2 and not change.before
    ]
    if not added or not case.uninvited:
        return None
    more = f" and {len(added) - 1} more" if len(added) > 1 else ""
    return Block(
        code=Code.EXPOSES,
        message=f"would show {added[0]}{more} to others who may read this share and are not declared: "
        + ", ".join(sorted(case.uninvited)),
        release=_release(case),
    )


def _unshielded(case: Case) -> Block | None:
    """A copy that comes into being; one that is there already shows no more than before."""
    if not case.unshielded or case.action.do not in (Do.CREATE, Do.REPLACE):
        return None
    lost = " and ".join(case.unshielded)
    return Block(
        code=Code.UNSHIELDED,
        message=f"would not have {lost} of its origin: whoever may read the copy sees what they hide",
        release=_release(case),
    )


GUARDS: tuple[Callable[[Case], Block | None], ...] = (
    _unknown,
    _origin_missing,
    _protected,
    _not_managed,
    _name_taken,
    _other_kind,
    _other_object,
    _marked_by_other,
    _drops_data,
    _drops_children,
    _drops_column,
    _replaces_data,
    _replaces_access,
    _overwrites_replica,
    _source_recreated,
    _schema_changed,
    _locks_out,
    _exposes,
    _unshielded,
)

_NEVER_RELEASED = frozenset(
    {
        Code.UNKNOWN,
        Code.ORIGIN_MISSING,
        Code.NOT_MANAGED,
        Code.OTHER_OBJECT,
        Code.MARKED_BY_OTHER,
        Code.PROTECTED,
        Code.DROPS_CHILDREN,
    }
)
"""Guards that --allow-destroy does not lift: their release is printed with them."""


NAMED = 3
"""Up to this many resources are released by name; more of them by the codes of what holds them."""


def verb_of(policy: Policy) -> str:
    """The command that carries out a plan of this policy."""
    return "destroy" if policy.mode == "destroy" else "apply"


def release_all(actions: Iterable[Action]) -> str:
    """The options that release all that holds these actions back, ` --allow-destroy …`; empty when something of it is
    not to be released that way."""
    held = [action for action in actions if action.blocked]
    codes = sorted({block.code for action in held for block in action.blocked})
    if not held or not codes or any(Code(code) in _NEVER_RELEASED for code in codes):
        return ""
    names = [
        action.address if len(action.blocked) == 1 and not action.released else f"{block.code}:{action.address}"
        for action in held
        for block in action.blocked
    ]
    by_name = len(held) <= NAMED and not any(code.startswith("TH") for code in codes)
    return "".join(f" --allow-destroy {shlex.quote(item)}" for item in (names if by_name else codes))


@dataclass(frozen=True)
class Judged:
    """What still holds an action back, and what would but for a release."""

    blocked: tuple[Block, ...] = ()
    released: tuple[Block, ...] = ()


def judge(case: Case, policy: Policy, many: Iterable[Block] = ()) -> Judged:
    """Every guard of one action, those of `many` actions at once included."""
    found = [block for guard in GUARDS if (block := guard(case)) is not None]
    free = [block for block in found if Code(block.code) not in _NEVER_RELEASED]
    alone = len(free) == 1
    address = str(case.address)
    let_go = [block for block in free if policy.allows(Code(block.code), address, alone=alone)]
    let_go += [block for block in many if policy.allows(Code(block.code), address)]
    held = [block if alone or block not in free else _named(block, address) for block in found]
    return Judged(
        tuple(block for block in (*held, *many) if block.code not in {item.code for item in let_go}), tuple(let_go)
    )


def _named(block: Block, address: str) -> Block:
    """The same where others hold the address too: what releases it names it, so that it releases only itself."""
    release = block.release.replace(shlex.quote(address), shlex.quote(f"{block.code}:{address}"))
    return block.model_copy(update={"release": release})


def thresholds(actions: Iterable[Action], state: State, policy: Policy) -> dict[str, Block]:
    """Too much at once is a mistake more often than a wish. Returns a block per address concerned."""
    held = Counter(Address.parse(text).side for text in state.resources)
    listed = list(actions)
    found: dict[str, Block] = {}
    for code, kinds, percent, word in (
        (Code.MANY_UPDATES, (Do.UPDATE, Do.REPLACE), policy.max_update_percent, "update"),
        (Code.MANY_DELETES, (Do.DELETE,), policy.max_delete_percent, "delete"),
    ):
        for side in Side:
            hit = [action.address for action in listed if action.do in kinds and action.at.side is side]
            if held[side] < policy.threshold_objects or len(hit) * 100 <= percent * held[side]:
                continue
            block = Block(
                code=code,
                message=f"{word}s {len(hit)} of {many(held[side], f'{side} object')} at once, more than {percent} %",
                release=f"replicator {verb_of(policy)} --allow-destroy {code.value}",
            )
            found |= dict.fromkeys(hit, block)
    return found


def notices(actions: Iterable[Action], desired: Desired) -> tuple[Notice, ...]:
    """What a reviewer must see although it blocks nothing: access that is taken away, and what compiling noted."""
    listed = list(actions)
    closed = tuple(
        Notice(code=code, address=action.address, message=text)
        for code, told in ((Code.REVOKES, _closings), (Code.UNTAGS, _untagging))
        for action in listed
        for text in told(action)
    )
    return closed + tuple(Notice(code="NOTE", message=text) for text in desired.notices)


def _closings(action: Action) -> Iterator[str]:
    """Whom an action takes what from, in sentences."""
    if action.do is Do.DELETE and action.at.type == "grants":
        for who, held in sorted((action.desired.get("privileges") or {}).items()):
            yield f"revokes {', '.join(sorted(held))} from {who}"
    for change in action.changes:
        if change.before is None or change.after is not None or len(change.path) < 2:
            continue
        if change.path[0] == "privileges":
            held = [change.path[2]] if len(change.path) == 3 else sorted(change.before)
            yield f"revokes {', '.join(held)} from {change.path[1]}"
        elif change.path[0] == "objects" and action.at.type == "share":
            yield f"takes {change.path[1].partition(':')[2]} out of the share"


def _untagging(action: Action) -> Iterator[str]:
    """Which tags an action takes away: policies that go by them stop applying, and may have held something back."""
    if action.at.type != "tags":
        return
    gone = sorted(action.desired.get("tags") or {}) if action.do is Do.DELETE else []
    gone += [change.path[1] for change in action.changes if change.after is None and len(change.path) > 1]
    if gone:
        yield f"takes away the tag{'s' * (len(gone) > 1)} {', '.join(gone)}: policies that go by it no longer apply"
