"""Print the JSON of a plan and its text, from inputs shuffled by the seed in the first argument."""

import random
import sys

from replicator.address import Side
from replicator.engine.actions import Plan
from replicator.engine.policy import Policy
from replicator.engine.state import Entry
from replicator.render.look import Look
from replicator.render.markdown import plan_markdown
from replicator.render.text import plan_text
from replicator.resources.base import Observed, Resource
from replicator.resources.catalog import Catalog
from replicator.resources.grants import Grants
from replicator.resources.schema import Schema
from replicator.resources.table import Table
from tests.engine.build import desired, found, plan


def shuffled(seed: int) -> Plan:
    """Thirty schemas with tables and grants, some of them changed, some removed; the order of everything is random."""
    order = random.Random(seed)
    wanted: list[Resource] = [Catalog(side=Side.TARGET, name="m", comment="Marts")]
    have: list[tuple[str, Observed]] = [found("catalog", "m", {"comment": "theirs"})]
    entries: dict[str, Entry] = {"target:catalog/m": Entry(inputs={"comment": "Marts"})}
    for number in range(30):
        schema = f"m.s{number:02d}"
        columns = [{"name": name, "type": "int"} for name in ("a", "b", "c")]
        wanted.append(Schema(side=Side.TARGET, name=schema, comment=f"v{number % 3}"))
        wanted.append(Table(side=Side.TARGET, name=f"{schema}.t", columns=tuple(columns)))  # type: ignore[arg-type]
        people = [f"p{each}" for each in range(5)]
        order.shuffle(people)
        privileges = {who: tuple(order.sample(["SELECT", "MODIFY", "USE_SCHEMA"], 3)) for who in people}
        wanted.append(Grants(side=Side.TARGET, name=f"schema/{schema}", privileges=privileges))
        if number % 2:
            have.append(found("schema", schema, {"comment": "v0"}))
            entries[f"target:schema/{schema}"] = Entry(inputs={"comment": "v0"}, depends_on=["target:catalog/m"])
        gone = f"target:table/{schema}.gone"
        entries[gone] = Entry(depends_on=[f"target:schema/{schema}"])
        have.append(found("table", f"{schema}.gone"))
    order.shuffle(wanted)
    order.shuffle(have)
    listed = list(entries.items())
    order.shuffle(listed)
    policy = Policy(allow=("DL101", "TH102", "TH101"))
    return plan(desired(*wanted), target=tuple(have), entries=dict(listed), policy=policy)


if __name__ == "__main__":
    made = shuffled(int(sys.argv[1]))
    look = Look(width=100)
    print(made.model_dump_json(), plan_text(made, look), plan_markdown(made, look), sep="\n")
