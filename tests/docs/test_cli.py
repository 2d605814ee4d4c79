"""docs/cli.md says what the commands say of themselves: every command, argument, option and exit code."""

import shlex
from typing import Any

import pytest
import typer

from replicator.cli.common import Run
from replicator.cli.entry import build
from replicator.cli.verbs import VERBS
from replicator.errors import ExitCode
from tests.docs.pages import blocks, page, rows
from tests.docs.pages import sections as parts_of

PAGE = page("cli.md")
PARTS = parts_of(PAGE)
COMMON = set(Run.__dataclass_fields__) - {"environment", "variables"} | {"env", "var"}


def commands() -> dict[str, Any]:
    """Every command by its whole name, as the parser knows it."""
    found: dict[str, Any] = {}
    for verb in VERBS:
        command = typer.main.get_command(build(verb)).commands[verb.name]  # type: ignore[attr-defined]
        found |= below(f"replicator {verb.name}", command)
    return found


def below(name: str, command: Any) -> dict[str, Any]:
    """A command by its name, or those of a group by theirs."""
    if not hasattr(command, "commands"):
        return {name: command}
    inside = [below(f"{name} {word}", item) for word, item in command.commands.items()]
    return {word: item for part in inside for word, item in part.items()}


COMMANDS = commands()


def options(command: Any) -> set[str]:
    return {" ".join(param.opts) for param in command.params if param.param_type_name == "option"}


def is_common(written: str) -> bool:
    return written.split()[0].removeprefix("--").replace("-", "_") in COMMON


def written(text: str, header: str) -> set[str]:
    return {row[header].replace("`", "") for row in rows(text, header)}


def test_every_command_has_its_section() -> None:
    assert {title for title in PARTS if title.startswith("replicator ")} == COMMANDS.keys()


def test_the_overview_lists_every_verb() -> None:
    named = {row["command"].split("`")[1].removesuffix(" …") for row in rows(PAGE, "command")}
    assert named == {verb.name for verb in VERBS}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_lists_its_options_and_arguments(name: str) -> None:
    own = {option for option in options(COMMANDS[name]) if not is_common(option)}
    assert written(PARTS[name], "option") == own
    arguments = {param.metavar for param in COMMANDS[name].params if param.param_type_name == "argument"}
    assert written(PARTS[name], "argument") == arguments


def test_the_options_of_every_command_are_those_of_each_command() -> None:
    listed = written(PARTS["Options of every command"], "option") - {"--version", "--help -h"}
    for name, command in COMMANDS.items():
        assert {option for option in options(command) if is_common(option)} == listed, name


def test_every_exit_code_is_explained_once() -> None:
    assert [int(row["code"]) for row in rows(PARTS["Exit codes"], "code")] == [code.value for code in ExitCode]


@pytest.mark.parametrize(
    "line", [line for block in blocks(PAGE) if block.kind == "bash" for line in block.text.splitlines()]
)
def test_an_example_is_a_command_line_that_exists(line: str) -> None:
    words = shlex.split(line.partition(" > ")[0])
    name = f"replicator {words[1]}"
    known = {option for written in options(COMMANDS[name]) for option in written.split()}
    assert {word for word in words if word.startswith("-")} <= known
