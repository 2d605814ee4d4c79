"""REST: what is asked again, what is never sent twice, and what each refusal becomes."""

import pytest

from replicator.emulator.faults import Rule
from replicator.errors import AlreadyExists, NotFound, PermissionDenied, Unavailable, WorkspaceError
from replicator.resources.rest import path

from .conftest import World

CATALOGS = path("catalogs")
NEW = {"name": "made"}


def test_a_page_may_be_empty_and_still_have_a_successor(world: World) -> None:
    writer = world.open()
    for number in range(3):
        writer.send("POST", CATALOGS, {"name": f"c{number}"})
    world.endpoint().faults.add(Rule("empty_page", method="GET", path="catalogs", times=1))
    names = {item["name"] for item in writer.pages(CATALOGS, "catalogs", {"max_results": 2})}
    assert {"c0", "c1", "c2"} <= names


def test_a_listing_that_breaks_half_way_is_never_a_part_of_a_list(world: World) -> None:
    writer = world.open()
    for number in range(3):
        writer.send("POST", CATALOGS, {"name": f"c{number}"})
    world.endpoint().faults.add(Rule("drop_before", method="GET", path="page_token", times=None))
    with pytest.raises(Unavailable):
        writer.pages(CATALOGS, "catalogs", {"max_results": 1})


@pytest.mark.parametrize("fault", [Rule("drop_before", method="GET", times=2), Rule("status", status=502, times=2)])
def test_a_read_is_asked_again(world: World, fault: Rule) -> None:
    writer = world.open()
    world.endpoint().faults.add(fault)
    assert writer.get(path("catalogs", "system"))["name"] == "system"


@pytest.mark.parametrize("moment", ["drop_before", "drop_after"])
def test_a_write_whose_answer_was_lost_is_sent_once(world: World, moment: str) -> None:
    writer = world.open()
    world.endpoint().faults.add(Rule(moment, method="POST", path="catalogs", times=None))  # type: ignore[arg-type]
    since = world.position()
    with pytest.raises(Unavailable):
        writer.send("POST", CATALOGS, NEW)
    posts = [entry for entry in world.requests(since) if entry["method"] == "POST"]
    assert len(posts) <= 1
    world.endpoint().faults.clear()
    there = {item["name"] for item in writer.pages(CATALOGS, "catalogs", {"max_results": 0})}
    assert ("made" in there) == (moment == "drop_after")


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_after_an_outage_the_outcome_of_a_write_is_unknown(world: World, status: int) -> None:
    writer = world.open()
    world.endpoint().faults.add(Rule("status", method="POST", path="catalogs", status=status, times=1))
    since = world.position()
    with pytest.raises(Unavailable):
        writer.send("POST", CATALOGS, NEW)
    assert len([entry for entry in world.requests(since) if entry["method"] == "POST"]) == 1


def test_a_write_refused_for_too_many_requests_is_sent_again_for_nothing_was_begun(world: World) -> None:
    writer = world.open()
    busy = Rule("status", method="POST", status=429, error_code="REQUEST_LIMIT_EXCEEDED", retry_after=0, times=2)
    world.endpoint().faults.add(busy)
    assert writer.send("POST", CATALOGS, NEW)["name"] == "made"


def test_a_busy_workspace_is_waited_for_longer_than_a_failing_one(world: World) -> None:
    writer = world.open()
    busy = Rule("status", method="GET", status=429, error_code="REQUEST_LIMIT_EXCEEDED", retry_after=0, times=8)
    world.endpoint().faults.add(busy)
    assert writer.get(path("catalogs", "system"))["name"] == "system"


def test_what_is_missing_taken_or_forbidden_is_told_apart(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = world.open()
    writer.send("POST", CATALOGS, NEW)
    with pytest.raises(NotFound) as missing:
        writer.get(path("catalogs", "nothing"))
    assert (missing.value.code, missing.value.status) == ("CATALOG_DOES_NOT_EXIST", 404)
    with pytest.raises(AlreadyExists):
        writer.send("POST", CATALOGS, NEW)
    with pytest.raises(PermissionDenied):
        world.open_as("bob@example.com", monkeypatch).get(path("catalogs", "made"))


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (404, "ENDPOINT_NOT_FOUND"),
        (404, "PRINCIPAL_DOES_NOT_EXIST"),
        (409, "ABORTED"),
        (400, "INVALID_PARAMETER_VALUE"),
    ],
)
def test_only_a_code_that_names_an_object_says_that_it_is_missing_or_taken(
    world: World, status: int, code: str
) -> None:
    writer = world.open()
    world.endpoint().faults.add(Rule("status", method="GET", status=status, error_code=code, times=None))
    with pytest.raises(WorkspaceError) as raised:
        writer.get(path("catalogs", "system"))
    assert not isinstance(raised.value, NotFound | AlreadyExists | PermissionDenied)


@pytest.mark.parametrize(("status", "message"), [(401, "Unauthorized"), (403, "Invalid access token.")])
def test_refused_credentials_are_no_missing_privilege(world: World, status: int, message: str) -> None:
    writer = world.open()
    fault = Rule("status", method="GET", status=status, error_code=str(status), message=message, times=None)
    world.endpoint().faults.add(fault)
    with pytest.raises(WorkspaceError) as raised:
        writer.get(path("catalogs", "system"))
    assert not isinstance(raised.value, PermissionDenied)
    assert raised.value.status == 401
    assert "credentials" in raised.value.message


def test_names_reach_the_server_as_they_are(world: World) -> None:
    writer = world.open()
    name = "o'ne#two?&%41é"
    writer.send("POST", CATALOGS, {"name": name})
    assert writer.get(path("catalogs", name))["name"] == name.lower()
