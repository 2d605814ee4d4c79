"""`replicator emulator weather …`: what production brings, for every process that uses the metastores."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from replicator.cli import output
from replicator.cli.common import Run, Verbs, verb
from replicator.cli.emulated import Root, folder
from replicator.cli.options import AsJson
from replicator.errors import UsageError
from replicator.wording import many

if TYPE_CHECKING:
    from replicator.emulator.faults import Rule

app = Verbs(rich_markup_mode=None, no_args_is_help=True, help="Latency, errors, lost answers and more, on request.")


@app.command("set")
@verb
def set_(
    run: Run,
    action: Annotated[str, typer.Argument(metavar="ACTION", help="What happens; see docs/emulator.md.")],
    method: Annotated[str | None, typer.Option(metavar="REGEX", help="Only requests with this HTTP method.")] = None,
    path: Annotated[str | None, typer.Option(metavar="REGEX", help="Only requests with this in their path.")] = None,
    statement: Annotated[str | None, typer.Option(metavar="REGEX", help="Only SQL with this in it.")] = None,
    principal: Annotated[str | None, typer.Option(metavar="REGEX", help="Only requests of this principal.")] = None,
    metastore: Annotated[str | None, typer.Option(metavar="NAME", help="Only this metastore.")] = None,
    after: Annotated[int, typer.Option(metavar="N", help="Let so many pass first.")] = 0,
    times: Annotated[int, typer.Option(metavar="N", help="So often; until cleared if 0.")] = 0,
    ms: Annotated[float, typer.Option(metavar="N", help="Milliseconds to wait.")] = 0,
    status: Annotated[int, typer.Option(metavar="CODE", help="HTTP status of an error.")] = 503,
    error_code: Annotated[str | None, typer.Option(metavar="CODE", help="Databricks' code of an error.")] = None,
    message: Annotated[str | None, typer.Option(metavar="TEXT", help="Of an error.")] = None,
    retry_after: Annotated[int | None, typer.Option(metavar="S", help="Seconds for the header Retry-After.")] = None,
    per_second: Annotated[float, typer.Option(metavar="N", help="Requests per second of one token.")] = 10,
    at: Annotated[str, typer.Option(metavar="STAGE", help="Where the disk is full: data, log or catalog.")] = "data",
    sql: Annotated[str, typer.Option(metavar="SQL", help="What the metastore's owner runs first.")] = "",
    pid: Annotated[int | None, typer.Option(metavar="PID", help="The process to kill.")] = None,
    error_class: Annotated[str | None, typer.Option(metavar="CLASS", help="Error class of a statement.")] = None,
    sqlstate: Annotated[str | None, typer.Option(metavar="STATE", help="SQLSTATE of a statement.")] = None,
    root: Root = None,
) -> None:
    """Add a rule to those in force."""
    given: dict[str, Any] = {
        "method": method, "path": path, "statement": statement, "principal": principal, "metastore": metastore,
        "after": after, "ms": ms, "status": status, "error_code": error_code, "message": message,
        "retry_after": retry_after, "per_second": per_second, "at": at, "sql": sql, "pid": pid,
        "error_class": error_class, "sqlstate": sqlstate,
    }  # fmt: skip
    place = folder(run, root)
    rules = [*_rules(place), _rule(action, times or None, given)]
    _write(place, rules)
    output.show(run, _lines(rules)[-1])


@app.command("list")
@verb
def list_(run: Run, root: Root = None, as_json: AsJson = False) -> None:
    """The rules in force, with the numbers by which they are cleared."""
    from replicator.emulator.faults import said

    rules = _rules(folder(run, root))
    if as_json:
        output.show_json([said(rule) for rule in rules])
    else:
        output.show(run, "".join(_lines(rules)) or "Fair weather: no rule is in force.\n")


@app.command("clear")
@verb
def clear(
    run: Run,
    numbers: Annotated[list[int] | None, typer.Argument(metavar="NUMBER", help="As `list` shows; all if none.")] = None,
    root: Root = None,
) -> None:
    """Lift rules."""
    place = folder(run, root)
    rules = _rules(place)
    wrong = [number for number in numbers or () if not 1 <= number <= len(rules)]
    if wrong:
        raise UsageError(f"{wrong[0]}: no such rule", hint="replicator emulator weather list")
    kept = [rule for number, rule in enumerate(rules, 1) if numbers and number not in numbers]
    _write(place, kept)
    output.show(run, f"{many(len(rules) - len(kept), 'rule')} lifted, {len(kept)} left.\n")


def _rule(action: str, times: int | None, given: dict[str, Any]) -> "Rule":
    from replicator.emulator.faults import Rule, check

    # What was not said stays as the rule has it.
    said = {key: value for key, value in given.items() if value is not None}
    rule = Rule(action, times=times, **said)  # type: ignore[arg-type]  # checked next
    try:
        check(rule)
    except ValueError as error:
        raise UsageError(str(error)) from error
    return rule


def _rules(place: Path) -> "list[Rule]":
    from replicator.emulator.faults import FILE, read_rules

    try:
        return read_rules(place / FILE) if (place / FILE).exists() else []
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise UsageError(f"{place / FILE}: cannot be read: {error}") from error


def _write(place: Path, rules: "list[Rule]") -> None:
    from replicator.emulator.faults import write_rules

    write_rules(place, *rules)


def _lines(rules: "list[Rule]") -> list[str]:
    from replicator.emulator.faults import said

    found = []
    for number, rule in enumerate(rules, 1):
        facts = {key: value for key, value in said(rule).items() if key != "action"}
        often = "until cleared" if facts.pop("times", 1) is None else many(rule.times or 0, "time")
        shown = "  ".join(f"{key}={value}" for key, value in facts.items())
        found.append(f"{number:>3}  {rule.action:<24} {often:<14} {shown}".rstrip() + "\n")
    return found
