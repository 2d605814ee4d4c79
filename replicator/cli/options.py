"""Options that several verbs share, and the policy they come to."""

import re
import shlex
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Literal

import typer

from replicator.engine.policy import Code, Policy
from replicator.errors import UsageError

Targets = Annotated[
    list[str] | None,
    typer.Option("--target", metavar="PATTERN", help="Only these addresses and what they need; may be repeated."),
]
Excludes = Annotated[
    list[str] | None,
    typer.Option("--exclude", metavar="PATTERN", help="Not these addresses, nor what waits for them."),
]
Allowed = Annotated[
    list[str] | None,
    typer.Option(
        "--allow-destroy",
        metavar="ADDRESS|CODE",
        help="Release a guard for this run: by address pattern, code as plan prints it, or CODE:PATTERN.",
    ),
]
Workers = Annotated[
    int | None, typer.Option("--workers", min=1, max=64, metavar="N", help="So many at a time, on each side.")
]
AsJson = Annotated[bool, typer.Option("--json", help="For machines; the format has a version.")]
AsMarkdown = Annotated[bool, typer.Option("--markdown", help="For a comment on a pull request.")]
Full = Annotated[bool, typer.Option("--full", help="Every action and every value, nothing collapsed.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Output = Annotated[Path | None, typer.Option("--out", "-o", metavar="FILE", help="Save the plan for apply --plan.")]


_LIKE_CODE = re.compile(r"[A-Za-z]{2}\d+")
LIKE = "addresses look like target:table/catalog.schema.table"


SnapshotFile = Annotated[
    Path | None, typer.Option("--snapshot", metavar="FILE", help="Read nothing; plan from a saved snapshot.")
]
SaveSnapshot = Annotated[
    Path | None, typer.Option("--save-snapshot", metavar="FILE", help="Save what was read, for --snapshot.")
]
Refresh = Annotated[
    str,
    typer.Option(
        "--refresh",
        metavar="WHAT",
        help="true: read both sides; false: plan from what the last plan read; all: read every copy's history too.",
    ),
]
REFRESH = ("true", "false", "all")


def refresh_of(text: str) -> str:
    """Raises UsageError for what --refresh does not know."""
    if text.lower() not in REFRESH:
        raise UsageError(f"--refresh {text}: expected one of {', '.join(REFRESH)}")
    return text.lower()


def policy(
    targets: Sequence[str] | None,
    excludes: Sequence[str] | None,
    allowed: Sequence[str] | None,
    mode: Literal["normal", "destroy"] = "normal",
) -> Policy:
    """What this run may do. Raises UsageError for a release that names neither a guard nor addresses."""
    for text in allowed or ():
        head, colon, _ = text.partition(":")
        if head not in set(Code) and (not colon or _LIKE_CODE.fullmatch(head)):
            near = nearest(head.upper(), Code)
            known = f"codes: {', '.join(Code)}; patterns: target:table/sales.*, DL101:target:table/sales.*"
            raise UsageError(
                f"--allow-destroy {text}: neither a guard's code nor an address pattern",
                hint=f"did you mean {near}? {known}" if near else known,
            )
    return Policy(mode=mode, allow=tuple(allowed or ()), targets=tuple(targets or ()), excludes=tuple(excludes or ()))


def selection(rules: Policy) -> str:
    """The options that give this policy, for the next command."""
    given = [("--target", rules.targets), ("--exclude", rules.excludes), ("--allow-destroy", rules.allow)]
    return "".join(f" {option} {shlex.quote(value)}" for option, values in given for value in values)


def must_match(patterns: Iterable[str], addresses: Iterable[str], option: str, like: str = LIKE) -> None:
    """Raises UsageError for a pattern that no address matches: it is a mistake more often than a wish."""
    known = sorted(addresses)
    for pattern in patterns:
        if any(fnmatchcase(address, pattern) for address in known):
            continue
        near = _meant(pattern, known)
        hint = f"did you mean {near}?" if near else like
        raise UsageError(f"{option} {pattern}: nothing has such an address", hint=hint)


def _meant(pattern: str, known: Sequence[str]) -> str:
    """The same pattern of another side or type if that names something, or else the most alike address."""
    head, slash, rest = pattern.partition("/")
    heads = {address.partition("/")[0] for address in known}
    moved = (f"{other}/{rest if slash else head}" for other in sorted(heads))
    fits = [other for other in moved if any(fnmatchcase(address, other) for address in known)]
    beside = [address for address in known if address.startswith(f"{head}/")]
    return nearest(pattern, fits) or nearest(pattern, beside) or nearest(pattern, known)


def nearest(text: str, known: Iterable[str]) -> str:
    """The most alike of what there is; empty when nothing is."""
    from difflib import get_close_matches

    return next(iter(get_close_matches(text, list(known), n=1, cutoff=0.4)), "")


def together(**options: bool) -> None:
    """Raises UsageError when more than one of these options was given."""
    given = [f"--{name.replace('_', '-')}" for name, chosen in options.items() if chosen]
    if len(given) > 1:
        raise UsageError(f"{' and '.join(given)} cannot be used together")
