"""The options that every verb has, before it and after it, and what they come to."""

import functools
import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
import typer.core

from replicator.errors import ExitCode, ReplicatorError, UsageError
from replicator.render.look import with_options

F = TypeVar("F", bound=Callable[..., Any])
DEFAULT_FILES = ("replicator.yaml", "config.yaml")


@dataclass(frozen=True)
class Run:
    """What was asked for in general. `config` is None if no file was named."""

    config: Path | None = None
    environment: str | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    state_dir: Path | None = None
    no_color: bool = False
    quiet: bool = False
    verbose: bool = False
    debug: bool = False
    timings: bool = False

    @property
    def path(self) -> Path:
        """The configuration's file: the one that was named, or the first that exists of the usual ones."""
        usual = [Path(name) for name in DEFAULT_FILES]
        return self.config or next((path for path in usual if path.exists()), usual[0])

    @property
    def arguments(self) -> str:
        """The options that the next command needs again, each with a space before it."""
        import shlex

        given = [("-c", str(self.config) if self.config else None), ("-e", self.environment)]
        given += [("--var", f"{name}={value}") for name, value in self.variables.items()]
        given += [("--state-dir", str(self.state_dir) if self.state_dir else None)]
        return "".join(f" {option} {shlex.quote(value)}" for option, value in given if value)


class Command(typer.core.TyperCommand):
    """A command whose help names its arguments without Python's types, and its own options before everybody's."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        return [piece.strip("{}") for piece in super().collect_usage_pieces(ctx)]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        params = [item for item in self.get_params(ctx) if not getattr(item, "hidden", False)]
        arguments = [item for item in params if item.param_type_name == "argument"]
        options = [item for item in params if item.param_type_name == "option"]
        common = [item for item in options if item.name in _OPTIONS or item.name == "help"]
        for title, listed in (
            ("Arguments", [(item.metavar or item.name, getattr(item, "help", "")) for item in arguments]),
            ("Options", [item.get_help_record(ctx) for item in options if item not in common]),
            ("Options of every command", [item.get_help_record(ctx) for item in common]),
        ):
            if listed:
                with formatter.section(title):
                    formatter.write_dl(listed)


class Verbs(typer.Typer):
    """Commands that look alike."""

    def command(self, name: str | None = None, **given: Any) -> Callable[[F], F]:
        return super().command(name, cls=Command, **given)


_OPTIONS: dict[str, Any] = {
    "config": Annotated[
        Path | None,
        typer.Option("--config", "-c", metavar="FILE", help="The configuration; replicator.yaml if none is given."),
    ],
    "environment": Annotated[
        str | None, typer.Option("--env", "-e", metavar="NAME", help="Which of the file's environments.")
    ],
    "variables": Annotated[
        list[str] | None, typer.Option("--var", metavar="NAME=VALUE", help="A variable of the file; may be repeated.")
    ],
    "state_dir": Annotated[
        Path | None,
        typer.Option("--state-dir", metavar="DIR", help="Where the state is; `state` beside the file if not given."),
    ],
    "no_color": Annotated[bool, typer.Option("--no-color", help="No colour (as with NO_COLOR).")],
    "quiet": Annotated[bool, typer.Option("--quiet", "-q", help="No progress, no notices.")],
    "verbose": Annotated[bool, typer.Option("--verbose", "-v", help="Log every action on standard error.")],
    "timings": Annotated[bool, typer.Option("--timings", help="What was asked of each side, and how long it took.")],
    "debug": Annotated[bool, typer.Option("--debug", help="Show a traceback if something fails.")],
}


def _parameters() -> list[inspect.Parameter]:
    return [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            annotation=option,
            default=False if option.__origin__ is bool else None,
        )
        for name, option in _OPTIONS.items()
    ]


def _with_signature(function: Callable[..., Any], parameters: list[inspect.Parameter]) -> None:
    """Typer reads options from a signature and its annotations."""
    function.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    function.__annotations__ = {item.name: item.annotation for item in parameters}


_CONTEXT = inspect.Parameter("ctx", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)


def verb(function: Callable[..., ExitCode | None]) -> Callable[..., int]:
    """Give a function `run: Run, …` the common options in place of its first parameter."""
    own = list(inspect.signature(function, eval_str=True).parameters.values())[1:]

    @functools.wraps(function)
    def command(ctx: typer.Context, **given: Any) -> int:
        late = {name: given.pop(name) for name in _OPTIONS}
        run = merged(ctx.obj or {}, late)
        try:
            return int(function(run, **given) or ExitCode.OK)
        except ReplicatorError as error:
            error.hint = with_options(error.hint, run.arguments)
            raise
        except KeyboardInterrupt as interrupt:
            # Typer would end the process without a word.
            print(str(interrupt) or "interrupted", file=sys.stderr)
            return int(ExitCode.INTERRUPTED)

    keyword_only = [item.replace(kind=inspect.Parameter.KEYWORD_ONLY) for item in own]
    _with_signature(command, [_CONTEXT, *keyword_only, *_parameters()])
    return command


def before_the_verb(ctx: typer.Context, **given: Any) -> None:
    """Options may stand before the verb too."""
    if given.pop("version"):
        from replicator import __version__

        print(f"replicator {__version__}")
        raise typer.Exit
    ctx.obj = given


_VERSION = inspect.Parameter(
    "version",
    inspect.Parameter.KEYWORD_ONLY,
    annotation=Annotated[bool, typer.Option("--version", help="Print the version and end.")],
    default=False,
)
_with_signature(before_the_verb, [_CONTEXT, _VERSION, *_parameters()])


def merged(early: Mapping[str, Any], late: Mapping[str, Any]) -> Run:
    """Options before the verb, under those after it; variables of both."""
    chosen = {name: late[name] or early.get(name) for name in _OPTIONS if name != "variables"}
    variables = [*(early.get("variables") or ()), *(late["variables"] or ())]
    return Run(
        **{name: value for name, value in chosen.items() if value is not None},
        variables=dict(map(_variable, variables)),
    )


def _variable(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise UsageError(f"--var {text}: expected NAME=VALUE")
    return name, value
