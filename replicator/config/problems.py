"""What is wrong with a configuration: each problem with its place, all of them raised as one error."""

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from replicator.engine.desired import Position
from replicator.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong. `caret` holds the lines that point at it, for text that is not YAML."""

    at: Position
    text: str
    caret: str = ""

    def __str__(self) -> str:
        return f"{self.at}: {self.text}" + (f"\n{self.caret}" if self.caret else "")


def as_error(problems: Iterable[Problem], *, hint: str = "") -> ConfigError:
    """One error that holds every problem once, in the order of the file."""
    unique = dict.fromkeys(problems)
    ordered = sorted(unique, key=lambda problem: (problem.at.file, problem.at.line, problem.at.column, problem.text))
    return ConfigError("\n".join(map(str, ordered)), hint=hint)


def raise_for(problems: Sequence[Problem]) -> None:
    """Raise ConfigError when there is at least one problem."""
    if problems:
        raise as_error(problems)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`, did you mean `x`?` for the nearest known word, empty when none is near."""
    near = difflib.get_close_matches(word.lower(), sorted(known), n=1, cutoff=0.7)
    return f", did you mean `{near[0]}`?" if near else ""
