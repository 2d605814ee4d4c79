"""docs/plan-schema.json is what plans are: no field is missing in it, and none is made up."""

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from replicator.render.schema import plan_schema
from tests.render import factory

FILE = Path(__file__).parents[2] / "docs" / "plan-schema.json"


def test_the_file_is_current() -> None:
    """Write it anew with: replicator show --schema > docs/plan-schema.json"""
    assert json.loads(FILE.read_text(encoding="utf-8")) == plan_schema()


def test_it_is_a_schema() -> None:
    Draft202012Validator.check_schema(plan_schema())


@pytest.mark.parametrize("made", [factory.one(), factory.fifty(), factory.five_thousand()], ids=["1", "50", "5000"])
def test_plans_are_valid(made: factory.Plan) -> None:
    Draft202012Validator(plan_schema()).validate(made.model_dump(mode="json"))


def test_what_no_plan_holds_is_refused() -> None:
    body = factory.one().model_dump(mode="json")
    validator = Draft202012Validator(plan_schema())
    assert not validator.is_valid({**body, "surprise": 1})
    assert not validator.is_valid({**body, "mode": "other"})
    assert not validator.is_valid({name: value for name, value in body.items() if name != "plan_id"})
