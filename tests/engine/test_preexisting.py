"""What others gave before us: plan neither shows that it would be taken back, nor takes it back."""

from replicator.address import Side
from replicator.engine.actions import Cause, Do
from replicator.engine.state import Entry
from replicator.resources.grants import Grants
from tests.engine.build import desired, found, plan, the_action

AT = "target:grants/schema/m.s"
SCHEMA = found("schema", "m.s")
HELD = found("grants", "schema/m.s", {"privileges": {"ana": ["MODIFY", "SELECT"], "bob": ["SELECT"]}})
KNOWN = {
    AT: Entry(
        inputs={"privileges": {"ana": {"MODIFY": True, "SELECT": True}, "bob": {"SELECT": True}}},
        outputs={"preexisting": {"privileges": [["ana", "SELECT"], ["bob", "SELECT"]]}},
    )
}


def grants(**privileges: tuple[str, ...]) -> Grants:
    return Grants(side=Side.TARGET, name="schema/m.s", privileges=privileges)


def test_a_principal_that_left_the_file_keeps_what_it_had() -> None:
    made = plan(desired(grants(ana=("MODIFY", "SELECT"))), target=(SCHEMA, HELD), entries=KNOWN)
    assert made.actions == ()


def test_only_what_we_gave_is_revoked_and_said() -> None:
    made = plan(desired(grants(bob=("SELECT",))), target=(SCHEMA, HELD), entries=KNOWN)
    (change,) = the_action(made, AT).changes
    assert (change.path, change.before, change.after) == (("privileges", "ana"), {"MODIFY": True}, None)
    assert [notice.message for notice in made.notices] == ["revokes MODIFY from ana"]


def test_a_removed_block_says_what_it_revokes_and_no_more() -> None:
    made = plan(desired(), target=(SCHEMA, HELD), entries=KNOWN)
    assert the_action(made, AT).do is Do.DELETE
    assert [notice.message for notice in made.notices] == ["revokes MODIFY from ana"]


def test_a_removed_block_with_nothing_of_ours_is_forgotten() -> None:
    others = {"preexisting": {"privileges": [["ana", "SELECT"], ["ana", "MODIFY"], ["bob", "SELECT"]]}}
    entry = KNOWN[AT].model_copy(update={"outputs": others})
    made = plan(desired(), target=(SCHEMA, HELD), entries={AT: entry})
    assert the_action(made, AT).do is Do.FORGET
    assert made.notices == ()


def test_what_others_gave_and_somebody_took_is_drift() -> None:
    less = found("grants", "schema/m.s", {"privileges": {"ana": ["MODIFY", "SELECT"]}})
    made = plan(desired(grants(ana=("MODIFY", "SELECT"), bob=("SELECT",))), target=(SCHEMA, less), entries=KNOWN)
    assert the_action(made, AT).cause is Cause.DRIFT
