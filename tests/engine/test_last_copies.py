"""A copy whose origin was dropped is not dropped with it."""

import pytest

from replicator.address import Side
from replicator.engine.actions import Do, Reason
from replicator.engine.policy import Code, Policy
from replicator.engine.state import Entry
from replicator.resources.catalog import Catalog
from tests.engine.build import LINEAGE, desired, found, plan, the_action

COPY = "target:clone/dr.a.t"
ENTRY = Entry(id="id-dr.a.t", inputs={"source": "shared.a.t", "origin": "source:table/main.a.t"}, section="replication")
THERE = (found("table", "dr.a.t", mark=LINEAGE),)
OTHERS = desired(Catalog(side=Side.TARGET, name="dr"))


@pytest.mark.parametrize("allow", [(), (COPY,), ("target:*",), ("DL101", "UN102")])
def test_it_stays_whatever_is_released(allow: tuple[str, ...]) -> None:
    action = the_action(plan(OTHERS, target=THERE, entries={COPY: ENTRY}, policy=Policy(allow=allow)), COPY)
    assert (action.do, action.reason) == (Do.NOOP, Reason.ORIGIN_MISSING)
    assert [block.code for block in action.blocked] == [Code.ORIGIN_MISSING]
    assert "source:table/main.a.t is gone, and this may be the last copy" in action.message
    assert f"replicator state forget '{COPY}'" in (action.blocked[0].release or "")


def test_one_whose_origin_is_there_can_be_dropped_when_that_is_allowed() -> None:
    source = (found("table", "main.a.t"),)
    made = plan(OTHERS, source=source, target=THERE, entries={COPY: ENTRY}, policy=Policy(allow=(COPY,)))
    action = the_action(made, COPY)
    assert (action.do, action.blocked) == (Do.DELETE, ())


def test_a_destroy_that_allows_it_takes_it_away() -> None:
    policy = Policy(mode="destroy", allow=(COPY,))
    action = the_action(plan(OTHERS, target=THERE, entries={COPY: ENTRY}, policy=policy), COPY)
    assert (action.do, action.blocked) == (Do.DELETE, ())
