"""Recipients: whom a metastore shares with."""

from typing import Annotated, ClassVar

from replicator.resources import canonical
from replicator.resources.base import Effect, Resource, ResourceType, Rule, rules_of


class Recipient(Resource):
    """A Databricks-to-Databricks recipient: another metastore, named by its sharing identifier cloud:region:uuid."""

    type: ClassVar[str] = "recipient"

    metastore_id: Annotated[
        str | None, Rule(effect=Effect.REPLACE, why="a recipient is bound to one metastore for life")
    ] = None
    comment: Annotated[str | None, Rule(canonical=canonical.text)] = None
    owner: Annotated[str | None, Rule(effect=Effect.OWNER, canonical=canonical.principal)] = None


TYPE = ResourceType(name="recipient", model=Recipient, rules=rules_of(Recipient), kind="recipient")
