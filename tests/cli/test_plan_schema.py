"""What the commands print and save as a plan is what docs/plan-schema.json promises."""

import json
from pathlib import Path

from jsonschema import Draft202012Validator

from replicator.errors import ExitCode
from tests.cli.conftest import Command


def test_real_plans_are_valid_and_saved_ones_too(shop: Path, command: Command) -> None:
    validator = Draft202012Validator(json.loads(command("show", "--schema").out))
    first = json.loads(command("plan", "--json", "--out", "plan.json").out)
    assert first["actions"]
    validator.validate(first)
    validator.validate(json.loads((shop / "plan.json").read_text()))
    assert command("apply", "--yes").code == 0
    validator.validate(json.loads(command("plan", "--json").out))
    validator.validate(json.loads(command("plan", "--destroy", "--json").out))


def test_show_wants_a_file_or_the_schema(command: Command) -> None:
    assert command("show").code == ExitCode.USAGE
    assert command("show", "plan.json", "--schema").code == ExitCode.USAGE
