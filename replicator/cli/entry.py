"""main: from the process's arguments to its exit code. Nothing else decides an exit code or prints an error."""

import gc
import os
import signal
import sys
import tempfile
import traceback
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, NoReturn

from replicator import __version__
from replicator.cli.verbs import VERBS, Verb
from replicator.errors import ExitCode, ReplicatorError

if TYPE_CHECKING:
    import typer

_TAKES_VALUE = frozenset({"-c", "--config", "-e", "--env", "--var", "--state-dir"})


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run a command line and end the process with its exit code. SIGTERM, which is how CI cancels, ends it as Ctrl-C
    does: the lock is given back."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # What a command reads lives until it ends: looking for garbage in it every 700 objects finds none, and takes long.
    gc.set_threshold(100_000, 50, 100)
    sys.exit(run(list(sys.argv[1:] if arguments is None else arguments)))


def run(arguments: list[str]) -> int:
    """Run a command line and return its exit code; whatever happens, no traceback is shown without --debug."""
    try:
        code = _run(arguments)
        sys.stdout.flush()
    except ReplicatorError as error:
        _tell_failure(error, arguments)
        return int(error.exit_code)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return int(ExitCode.INTERRUPTED)
    except BrokenPipeError:
        # Whoever read our output has seen enough; a second flush at exit must not complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return int(ExitCode.OK)
    except Exception as error:  # noqa: BLE001  the last floor: a defect ends with one line and a log, not a traceback
        return _tell_defect(error, arguments)
    return code


def _run(arguments: list[str]) -> int:
    if arguments == ["--version"]:
        print(f"replicator {__version__}")
        return int(ExitCode.OK)
    import typer

    verb = called(arguments)
    if (verb is None and not arguments) or (verb is not None and verb.group and arguments[-1] == verb.name):
        arguments = [*arguments, "--help"]
    command = typer.main.get_command(build(verb))
    try:
        code = command.main(args=arguments, prog_name="replicator", standalone_mode=False)
    except _usage_error() as error:
        return _tell_usage(error)
    except typer.Abort:
        print("nothing was done", file=sys.stderr)
        return int(ExitCode.INTERRUPTED)
    return int(code or ExitCode.OK)


def _usage_error() -> type[Exception]:
    """Typer exports children of its usage error, but not the error itself."""
    import typer

    return next(parent for parent in typer.BadParameter.__mro__ if parent.__name__ == "UsageError")


def called(arguments: Sequence[str]) -> Verb | None:
    """The verb that is asked for: the first word that is no option and no option's value."""
    by_name = {verb.name: verb for verb in VERBS}
    words = iter(arguments)
    for word in words:
        if word in _TAKES_VALUE:
            next(words, None)
        elif not word.startswith("-"):
            return by_name.get(word)
    return None


def build(verb: Verb | None) -> "typer.Typer":
    """The whole application; of the verbs only the one that is asked for is more than a line in the help."""
    from replicator.cli.common import Verbs, before_the_verb

    app = Verbs(
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
        help=f"Keep two Databricks metastores, objects and data, as a YAML file declares. Version {__version__}.",
        epilog="Exit codes: 0 fine, 1 error, 2 changes or drift or a difference, 3 partly done, 4 blocked by a guard, "
        "5 stale plan, 6 locked, 64 wrong usage, 130 interrupted.",
    )
    app.callback()(before_the_verb)
    for known in VERBS:
        if known is not verb:
            app.command(known.name, help=known.help)(_elsewhere)
            continue
        found = getattr(import_module(f"replicator.cli.{known.module}"), known.attribute)
        if known.group:
            app.add_typer(found, name=known.name, help=known.help)
        else:
            app.command(known.name, help=known.help)(found)
    return app


def _elsewhere() -> None:
    raise AssertionError("a verb that was not asked for was called")


def _tell_failure(error: ReplicatorError, arguments: Sequence[str]) -> None:
    from replicator.cli.output import terminal_width
    from replicator.render.fit import WIDE
    from replicator.render.problems import error_text
    from replicator.values import redact

    if "--debug" in arguments:
        sys.stderr.write(redact(traceback.format_exc()))
    sys.stdout.flush()
    width = terminal_width() if sys.stderr.isatty() else WIDE
    sys.stderr.write(redact(error_text(error, width)))


def _tell_usage(error: Exception) -> int:
    from replicator.render.problems import usage_text

    context = getattr(error, "ctx", None)
    message = error.format_message() if hasattr(error, "format_message") else str(error)
    sys.stderr.write(usage_text(message, context.command_path if context else "replicator"))
    return int(ExitCode.USAGE)


def _tell_defect(error: Exception, arguments: Sequence[str]) -> int:
    from replicator.values import redact

    where = redact(traceback.format_exc())
    if "--debug" in arguments:
        sys.stderr.write(where)
        return int(ExitCode.ERROR)
    with tempfile.NamedTemporaryFile("w", prefix="replicator-", suffix=".log", delete=False, encoding="utf-8") as log:
        log.write(where)
    print(
        f"error: a defect in replicator: {type(error).__name__}: {redact(str(error))}\n  details: {log.name}",
        file=sys.stderr,
    )
    return int(ExitCode.ERROR)
