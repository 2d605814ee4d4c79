"""explain: three values of each field, the rule that decided, the lag of a copy, and what holds it back."""

import json
from pathlib import Path
from typing import Any

from replicator.errors import ExitCode
from tests.cli.conftest import Command

ORDERS = "target:clone/shop_dr.sales.orders"


def explained(command: Command, address: str) -> Any:
    ended = command("explain", address, "--json")
    assert ended.code == 0, ended.err
    return json.loads(ended.out)


def field(body: Any, name: str) -> Any:
    return next(item for item in body["fields"] if item["name"] == name)


def test_before_the_first_apply_it_says_what_is_not_there_yet(shop: Path, command: Command) -> None:
    body = explained(command, "source:share/shop_share")
    assert (body["exists"], body["in_state"], body["declared"]) == (False, False, True)
    assert body["action"]["do"] == "create"
    objects = field(body, "objects")
    assert (objects["applied"], objects["actual"], objects["verdict"]) == (None, None, "differs")
    assert objects["decided"].endswith("declared, and not there yet")


def test_an_edit_behind_our_back_is_told_by_its_three_values(shop: Path, command: Command) -> None:
    command("apply", "--yes")
    equal = field(explained(command, ORDERS), "comment")
    assert (equal["verdict"], equal["decided"]) == ("equal", "equal in canonical form")
    command("emulator", "exec", "emulator://eu-west", "COMMENT ON TABLE shop_dr.sales.orders IS 'edited in the UI'")
    command("emulator", "exec", "emulator://us-east", "INSERT INTO shop.sales.orders VALUES (4, 'new')")
    body = explained(command, ORDERS)
    comment = field(body, "comment")
    wanted = "One row for each order"
    assert (comment["applied"], comment["desired"], comment["actual"]) == (wanted, wanted, "edited in the UI")
    assert comment["decided"] == "update: the metastore changed since the last apply; the configuration did not"
    assert comment["why"] == "CLONE does not copy the table's comment"
    assert field(body, "owner")["verdict"] == "unmanaged"
    assert field(body, "origin")["verdict"] == "not_compared"
    assert (body["lag"]["origin"], body["lag"]["lag"]) == ("source:table/shop.sales.orders", "behind")

    text = command("explain", ORDERS).out
    assert text.index("~ comment") < text.index("✓ source") < text.index(". owner")
    assert "  ↻ data   behind: 1 version behind" in text
    assert "✓ no guard holds it back" in text


def test_a_guard_is_named_with_its_release(shop: Path, command: Command) -> None:
    ours = "CREATE CATALOG shop_dr; CREATE SCHEMA shop_dr.sales; CREATE TABLE shop_dr.sales.items (id BIGINT)"
    command("emulator", "exec", "emulator://eu-west", ours)
    body = explained(command, "target:clone/shop_dr.sales.items")
    assert "OW102" in [block["code"] for block in body["blocked"]]
    assert "⛔ OW102" in command("explain", "target:clone/shop_dr.sales.items").out


def test_what_is_only_in_the_state_is_explained_too(shop: Path, command: Command) -> None:
    command("apply", "--yes")
    config = shop / "replicator.yaml"
    config.write_text(config.read_text().partition("reconciliation_config:")[0])
    body = explained(command, "target:schema/shop_dr.checks")
    assert (body["declared"], body["in_state"], body["exists"]) == (False, True, True)


def test_an_address_that_nothing_has_is_a_mistake(shop: Path, command: Command) -> None:
    missing = command("explain", "target:clone/shop_dr.sales.ordrs")
    assert missing.code == ExitCode.USAGE
    assert f"did you mean {ORDERS}?" in missing.err
    assert command("explain", "target:clone/*").code == ExitCode.USAGE
