"""docs/guards.md lists every code, and says of each whether --allow-destroy releases it."""

from replicator.engine.guards import _NEVER_RELEASED
from replicator.engine.policy import Code
from tests.docs.pages import code, page, rows

LISTED = {code(row["code"]): row for row in rows(page("guards.md"), "code")}
NOTICES = {Code.REVOKES, Code.UNTAGS}
BEFORE_THE_PLAN = {Code.OTHER_METASTORE}


def test_every_code_is_listed() -> None:
    assert LISTED.keys() == {item.value for item in Code}


def test_what_releases_each_is_what_the_engine_lets_it() -> None:
    released = {item for item, row in LISTED.items() if "--allow-destroy" in row["to let it go on"]}
    assert released == {item.value for item in set(Code) - _NEVER_RELEASED - NOTICES - BEFORE_THE_PLAN}
