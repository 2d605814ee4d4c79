"""Checks: is a copy equal to its origin? Nothing in a metastore; run after the copy, at the versions it pinned."""

from collections.abc import Iterable
from typing import Annotated, ClassVar

from replicator.address import Address
from replicator.resources.base import Effect, Resource, ResourceType, Rule, rules_of


class Check(Resource):
    """The checks of one copied table, named as the table. `copy_of` is the clone's address, `origin` the table it
    copies."""

    type: ClassVar[str] = "check"

    copy_of: Annotated[str, Rule(effect=Effect.IGNORED)]
    origin: Annotated[str, Rule(effect=Effect.IGNORED)]
    schema_check: Annotated[bool, Rule(effect=Effect.IGNORED)] = True
    row_count_check: Annotated[bool, Rule(effect=Effect.IGNORED)] = True
    missing_data_check: Annotated[bool, Rule(effect=Effect.IGNORED)] = True
    exclude_columns: Annotated[tuple[str, ...], Rule(effect=Effect.IGNORED)] = ()
    key: Annotated[tuple[str, ...], Rule(effect=Effect.IGNORED)] = ()
    source_filter_expression: Annotated[str | None, Rule(effect=Effect.IGNORED)] = None
    target_filter_expression: Annotated[str | None, Rule(effect=Effect.IGNORED)] = None
    threshold: Annotated[float, Rule(effect=Effect.IGNORED)] = 100.0
    results_schema: Annotated[str | None, Rule(effect=Effect.IGNORED)] = None

    def depends_on(self) -> Iterable[Address]:
        yield Address.parse(self.copy_of)
        yield from self.after


TYPE = ResourceType(name="check", model=Check, rules=rules_of(Check), kind="check", is_check=True)
