"""`replicator emulator …`: two metastores on this machine. The emulator is imported when a verb needs it."""

import shutil
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from textwrap import indent
from typing import TYPE_CHECKING, Annotated

import typer

from replicator.cli import output, weather
from replicator.cli.common import Run, Verbs, verb
from replicator.cli.emulated import Host, Root, folder, metastore
from replicator.cli.options import AsJson, Yes
from replicator.errors import ReplicatorError, UsageError
from replicator.values import JSON
from replicator.wording import many

if TYPE_CHECKING:
    from replicator.emulator import Endpoint
    from replicator.emulator.sql import Result

app = Verbs(rich_markup_mode=None)
app.add_typer(weather.app, name="weather")
USUAL = ("us-east", "eu-west")
ROWS = 50
WARM_UP_AFTER = 0.25
"""Seconds: who asks at once is answered first."""


@app.command("serve")
@verb
def serve(
    run: Run,
    names: Annotated[list[str] | None, typer.Argument(metavar="NAME", help="us-east and eu-west if not given.")] = None,
    root: Root = None,
    port: Annotated[int, typer.Option("--port", help="Of the first; the others follow. Any free one if 0.")] = 0,
    tls: Annotated[
        bool, typer.Option("--tls", help="Speak https, with a certificate of an authority of its own.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Serve metastores to other clients of this machine until interrupted, and print how each client connects."""
    from replicator.emulator import start
    from replicator.emulator.launch import warm_up

    place = folder(run, root)
    served = [
        start(name, place, port=port + index if port else 0, tls=tls) for index, name in enumerate(names or USUAL)
    ]
    if as_json:
        output.show_json([_facts(it) for it in served])
    else:
        for it in served:
            lines = (f"  {key:<12} {value}\n" for key, value in _facts(it).items() if key != "name")
            output.show(run, f"{it.name}\n" + "".join(lines))
        output.show(run, _how_to_connect(served[0]))
    output.tell(run, "Serving; interrupt to end.")
    # In a thread of its own, which the end waits for: an import that is interrupted may swallow the interrupt.
    warming = threading.Timer(WARM_UP_AFTER, warm_up, (served[0],))
    warming.daemon = True
    try:
        warming.start()
        threading.Event().wait()
    finally:
        warming.cancel()
        if warming.is_alive():
            warming.join()


def _facts(served: "Endpoint") -> dict[str, str]:
    """What a client needs to know of a served metastore."""
    from replicator.emulator.connect import page_address

    facts = {
        "name": served.name,
        "host": served.url,
        "token": served.token,
        "http_path": served.http_path,
        "warehouse_id": served.warehouse_id,
        "page": page_address(served),
    }
    return facts if served.ca_file is None else facts | {"ca_file": str(served.ca_file)}


def _how_to_connect(served: "Endpoint") -> str:
    from replicator.emulator.connect import instructions

    parts = (f"\n{client}\n{indent(text, '    ')}\n" for client, text in instructions(served).items())
    return f"\nHow clients connect, to {served.name}:\n" + "".join(parts)


@app.command("exec")
@verb
def execute(
    run: Run,
    host: Host,
    statement: Annotated[str | None, typer.Argument(metavar="SQL", help="Statements, if there is no file.")] = None,
    file: Annotated[Path | None, typer.Option("--file", "-f", metavar="FILE", help="A file of statements.")] = None,
    root: Root = None,
    as_json: AsJson = False,
) -> None:
    """Run SQL in a metastore as its owner, one statement after the other, until one fails."""
    text = _text(statement, file)
    name, place = metastore(run, host, root)
    done = 0
    for writes, result in _results(name, place, text, str(file or "SQL")):
        done += 1
        if not writes:
            _show(run, result, as_json=as_json)
    output.tell(run, f"{name}: {many(done, 'statement')} done.")


def _text(statement: str | None, file: Path | None) -> str:
    if (statement is None) == (file is None):
        raise UsageError("give either SQL or a file of it", hint="replicator emulator exec emulator://us-east -f FILE")
    if file is None:
        return statement or ""
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{file}: cannot be read: {error}") from error


def _results(name: str, root: Path, text: str, where: str) -> Iterator[tuple[bool, "Result"]]:
    """Run the statements of a text in one session; whether each writes, and what it returned.

    Raises ReplicatorError at the first that is refused.
    """
    from replicator.emulator import sql, start
    from replicator.emulator.errors import ApiError, SqlError, as_sql_error

    session = start(name, root).session()
    for line, statement in statements(text):
        try:
            _, writes = sql.classify(statement)
            yield writes, sql.execute(session, statement)
        except (SqlError, ApiError) as error:
            refusal = error if isinstance(error, SqlError) else as_sql_error(error)
            raise ReplicatorError(f"{where}:{line}: {refusal.display()}") from error


def statements(text: str) -> Iterator[tuple[int, str]]:
    """The statements of a script with the line each begins at; semicolons in strings and comments end nothing."""
    from replicator.emulator.sql.tokens import Kind, tokenize

    begin: int | None = None
    for token in tokenize(text):
        ends = token.kind is Kind.END or (token.kind is Kind.SYMBOL and token.text == ";")
        if ends and begin is not None:
            yield text.count("\n", 0, begin) + 1, text[begin : token.start]
            begin = None
        elif not ends and begin is None:
            begin = token.start


def _show(run: Run, result: "Result", *, as_json: bool) -> None:
    rows = [{name: _plain(value) for name, value in row.items()} for row in result.table.to_pylist()]
    if as_json:
        output.show_json(rows)
        return
    from replicator.render.fit import WIDE
    from replicator.render.table import table_text

    shown = [[_cell(value) for value in row.values()] for row in rows[:ROWS]]
    place = output.look(run)
    if not sys.stdout.isatty():
        place = replace(place, width=WIDE)  # what reads a pipe has no edge at which words break
    output.show(run, table_text(result.table.column_names, shown, place, more=len(rows) - len(shown)))


def _plain(value: object) -> object:
    """A value as JSON can hold it."""
    return value if value is None or isinstance(value, bool | int | float | str | list | dict) else str(value)


def _cell(value: object) -> str:
    return "NULL" if value is None else str(value)


@app.command("reset")
@verb
def reset(run: Run, root: Root = None, yes: Yes = False) -> None:
    """Remove the metastores with all their data. The state is kept elsewhere, and stays."""
    place = folder(run, root)
    if place.exists() and not (place / "metastores.db").exists():
        raise UsageError(f"{place}: this folder holds no emulator, and is left as it is")
    if place.exists():
        if not yes:
            typer.confirm(f"Remove {place} with all its data?", abort=True, err=True)
        shutil.rmtree(place)
    output.show(run, f"{place}: empty.\n")


@app.command("requests")
@verb
def requests(
    run: Run,
    root: Root = None,
    last: Annotated[int, typer.Option("--last", metavar="N", help="So many of the newest.")] = 50,
    writes: Annotated[bool, typer.Option("--writes", help="Only those that changed something.")] = False,
    as_json: AsJson = False,
) -> None:
    """What was asked of the metastores, and what they answered."""
    from replicator.emulator import requestlog

    found = requestlog.read(folder(run, root), **({"writes": True} if writes else {}))[-last:]
    if as_json:
        output.show_json(found)
    else:
        output.show(run, "".join(f"{line}\n" for line in _request_lines(found)))


def _request_lines(found: Sequence[JSON]) -> Iterable[str]:
    for entry in found:
        statement = " ".join(str(entry.get("statement", "")).split())
        what = f"{entry['method']} {entry['path']}" if not statement else statement[:120]
        yield f"{entry['metastore']}  {entry['status']}  {entry['ms']:>8.1f} ms  {entry.get('principal') or ''}  {what}"


@app.command("tokens")
@verb
def tokens(
    run: Run,
    host: Host,
    principal: Annotated[str, typer.Option("--for", metavar="PRINCIPAL", help="A user, group or service principal.")],
    root: Root = None,
) -> None:
    """Print a new token of a principal, to try what others may do."""
    name, place = metastore(run, host, root)
    from replicator.emulator import start

    output.show_raw(start(name, place).token_for(principal) + "\n")
