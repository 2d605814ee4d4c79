"""What each field's rule says of a change, and that canonical spellings are stable."""

import pytest

from replicator.errors import ReplicatorError
from replicator.resources import TYPES
from replicator.resources.base import Effect
from replicator.resources.table import canonical_columns
from replicator.sqltext import quote_name


@pytest.mark.parametrize("kind", sorted(TYPES))
def test_every_rule_that_is_not_obvious_says_why(kind: str) -> None:
    silent = [name for name, rule in TYPES[kind].rules.items() if rule.effect is Effect.REPLACE and not rule.why]
    assert silent == [] or (kind, silent) == ("clone", ["location"])


def test_a_column_may_be_called_type() -> None:
    rule = TYPES["table"].rules["columns"]
    assert rule.effect_of is not None
    column = {"type": "int", "nullable": True}
    assert rule.effect_of(("columns", "type"), None, column) is Effect.ADDITIVE
    assert rule.effect_of(("columns", "type"), column, None) is Effect.UPDATE
    assert rule.effect_of(("columns", "type", "type"), "int", "bigint") is Effect.UPDATE
    assert rule.effect_of(("columns", "type", "type"), "bigint", "int") is Effect.REPLACE
    assert rule.lossy(("columns", "type"), column, None)


@pytest.mark.parametrize("field", ["partitioned_by", "clustered_by"])
def test_names_of_columns_fold_case_and_none_is_not_set(field: str) -> None:
    canonical = TYPES["table"].rules[field].canonical
    assert canonical(("Day", "REGION")) == ["day", "region"] == canonical(["day", "region"])
    assert canonical(()) is None


def test_columns_have_one_spelling() -> None:
    once = canonical_columns([{"name": "Id", "type": "LONG", "comment": ""}, {"name": "x", "type": "DECIMAL"}])
    assert once == {"id": {"name": "Id", "type": "bigint", "comment": None}, "x": {"type": "decimal(10,0)"}}
    assert canonical_columns(once) == once


def test_a_name_that_sql_would_substitute_is_named() -> None:
    with pytest.raises(ReplicatorError, match=r"c\.s\.\$\{env\}_orders"):
        quote_name("c.s.${env}_orders")
