"""The JSON schema of a plan, as `plan --json` prints it and `plan --out` saves it."""

from replicator.engine.actions import Plan
from replicator.values import JSON

PLAN_ID = "urn:replicator:plan:1.0"


def plan_schema() -> JSON:
    """JSON Schema 2020-12 of a plan as it is written; docs/plan-schema.json holds the same."""
    schema = Plan.model_json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": PLAN_ID, **schema}
