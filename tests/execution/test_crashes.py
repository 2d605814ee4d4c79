"""The process dies before or after any effect, and at any write of the state; running apply again always ends well."""

import os
from pathlib import Path

import pytest

from replicator.address import Address, Side
from replicator.engine.actions import Do
from replicator.engine.drift import DriftKind, find_drift
from replicator.engine.policy import Policy
from replicator.errors import ExitCode, Unavailable
from replicator.execution.edits import forget
from replicator.execution.store import open_state
from replicator.resources.base import Resource
from replicator.resources.catalog import Catalog
from replicator.resources.clone import Clone
from replicator.resources.grants import Grants
from replicator.resources.recipient import Recipient
from replicator.resources.schema import Schema
from replicator.resources.share import Share, SharedObject
from tests.execution.world import Bench, Crash, World, install, wanted

ORIGIN = "source:table/main.sales.orders"
FOREIGN = "target:catalog/foreign"
ALLOWED = Policy(allow=("source:recipient/r",))
"""Replacing a recipient takes access away, so somebody has to say yes."""


def before_it() -> list[Resource]:
    return [
        Catalog(side=Side.SOURCE, name="bk", comment="old"),
        Recipient(side=Side.SOURCE, name="r", metastore_id="aws:eu:1"),
        Recipient(side=Side.SOURCE, name="leaves"),
    ]


def after_it() -> list[Resource]:
    """An update, a replace, a delete, and creates of what carries a mark and what carries none."""
    return [
        Catalog(side=Side.SOURCE, name="bk", comment="new", owner="platform"),
        Schema(side=Side.SOURCE, name="bk.sales"),
        Clone(side=Side.SOURCE, name="bk.sales.orders", source="main.sales.orders", origin=ORIGIN, comment="copy"),
        Recipient(side=Side.SOURCE, name="r", metastore_id="aws:eu:2"),
        Share(side=Side.SOURCE, name="out", objects=(SharedObject(name="bk.sales.orders"),)),
        Grants(side=Side.SOURCE, name="share/out", privileges={"r": ("SELECT",)}),
    ]


def a_bench(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    world = World()
    world.put(Address.parse(ORIGIN), {})
    world.put(Address.parse(FOREIGN), {"comment": "not ours"}, mark="another deployment")
    world.advance(ORIGIN)
    install(world, monkeypatch)
    return Bench(world, folder)


def die_at_effect(world: World, at: int, moment: str) -> None:
    seen = len(world.effects)

    def around(k: int, when: str, what: str) -> None:
        if (k - seen, when) == (at, moment):
            world.around = lambda k, when, what: None
            raise Crash(what)

    world.around = around


def converge(bench: Bench, desired: list[Resource]) -> None:
    """The oracle: apply ends well within three runs, nothing is left to do, and nothing is there twice or left over."""
    for _ in range(3):
        if bench.apply(wanted(*desired), ALLOWED).exit_code == ExitCode.OK:
            break
    opened = open_state(bench.backend)
    assert bench.plan(wanted(*desired)).actions == ()
    assert set(opened.state.resources) == {str(item.address) for item in desired}
    assert opened.pending == {}
    assert not any(entry.partial or entry.imported for entry in opened.state.resources.values())
    marked = {key for key, found in bench.world.objects.items() if found.mark == opened.state.lineage}
    known = {bench.world.key(Address.parse(text)) for text in opened.state.resources}
    assert marked <= known
    assert bench.world.objects["target:catalog/foreign"].fields == {"comment": "not ours"}


def crashing_effects() -> list[tuple[int, str]]:
    return [(at, moment) for at in range(9) for moment in ("before", "after")]


@pytest.mark.parametrize(("at", "moment"), crashing_effects())
def test_a_crash_around_any_effect_is_recovered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int, moment: str
) -> None:
    bench = a_bench(tmp_path, monkeypatch)
    bench.apply(wanted(*before_it()))
    die_at_effect(bench.world, at, moment)
    with pytest.raises(Crash):
        bench.apply(wanted(*after_it()), ALLOWED)
    converge(bench, after_it())


@pytest.mark.parametrize(("at", "moment"), crashing_effects())
def test_a_crash_in_the_very_first_apply_is_recovered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int, moment: str
) -> None:
    bench = a_bench(tmp_path, monkeypatch)
    die_at_effect(bench.world, at, moment)
    try:
        bench.apply(wanted(*after_it()), ALLOWED)
    except Crash:
        pass
    else:
        assert at >= 7
    converge(bench, after_it())


def test_a_crash_at_any_write_of_state_or_journal_is_recovered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Dies at the k-th fsync or rename, until a k is reached that the run does not come to."""
    honest = {"fsync": os.fsync, "replace": os.replace}
    k = 0
    while True:
        bench = a_bench(tmp_path / str(k), monkeypatch)
        bench.apply(wanted(*before_it()))
        left = [k]

        def failing(name: str, left: list[int] = left) -> object:
            def call(*arguments: object) -> object:
                left[0] -= 1
                if left[0] < 0:
                    raise Crash(name)
                return honest[name](*arguments)  # type: ignore[operator]

            return call

        monkeypatch.setattr(os, "fsync", failing("fsync"))
        monkeypatch.setattr(os, "replace", failing("replace"))
        try:
            bench.apply(wanted(*after_it()), ALLOWED)
            died = False
        except Crash:
            died = True
        finally:
            monkeypatch.setattr(os, "fsync", honest["fsync"])
            monkeypatch.setattr(os, "replace", honest["replace"])
        converge(bench, after_it())
        if not died:
            break
        k += 1
    assert k > 20


def test_crashing_again_and_again_still_converges(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each run dies right after its first effect."""
    bench = a_bench(tmp_path, monkeypatch)
    bench.apply(wanted(*before_it()))
    for _ in range(20):
        die_at_effect(bench.world, 0, "after")
        try:
            bench.apply(wanted(*after_it()), ALLOWED)
        except Crash:
            continue
        break
    else:
        pytest.fail("it never got to the end")
    converge(bench, after_it())


CLOSING: list[tuple[Resource, Resource]] = [
    (
        Share(side=Side.SOURCE, name="out", objects=(SharedObject(name="main.a.t"), SharedObject(name="main.b.t"))),
        Share(side=Side.SOURCE, name="out", objects=(SharedObject(name="main.a.t"),)),
    ),
    (
        Grants(side=Side.SOURCE, name="share/out", privileges={"stays": ("SELECT",), "leaves": ("SELECT",)}),
        Grants(side=Side.SOURCE, name="share/out", privileges={"stays": ("SELECT",)}),
    ),
    (
        Grants(side=Side.SOURCE, name="schema/main.sales", privileges={"one": ("SELECT", "MODIFY")}),
        Grants(side=Side.SOURCE, name="schema/main.sales", privileges={"one": ("SELECT",)}),
    ),
    (
        Catalog(side=Side.SOURCE, name="bk", properties={"kept": "1", "gone": "2"}),
        Catalog(side=Side.SOURCE, name="bk", properties={"kept": "1"}),
    ),
]


@pytest.mark.parametrize("how", ["the process dies", "no answer comes"])
@pytest.mark.parametrize(("before", "after"), CLOSING, ids=["share", "principal", "privilege", "property"])
def test_what_was_to_be_taken_away_is_still_to_be_taken_away_after_an_interruption(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: Resource, after: Resource, how: str
) -> None:
    bench = a_bench(tmp_path, monkeypatch)
    bench.apply(wanted(before))
    if how == "the process dies":
        die_at_effect(bench.world, 0, "before")
        with pytest.raises(Crash):
            bench.apply(wanted(after))
    else:
        bench.world.around = refuse_to_answer
        assert bench.apply(wanted(after)).exit_code == ExitCode.ERROR
    bench.world.around = lambda k, moment, what: None
    known = bench.opened().state.resources[str(after.address)]
    assert known.partial
    assert [action.address for action in bench.plan(wanted(after)).actions] == [str(after.address)]
    assert bench.apply(wanted(after)).exit_code == ExitCode.OK
    assert bench.plan(wanted(after)).actions == ()
    assert not bench.opened().state.resources[str(after.address)].partial


def refuse_to_answer(k: int, moment: str, what: str) -> None:
    raise Unavailable(f"no answer to {what}")


def test_what_is_known_to_be_gone_is_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = a_bench(tmp_path, monkeypatch)
    before, after = CLOSING[0]
    bench.apply(wanted(before))
    die_at_effect(bench.world, 0, "after")
    with pytest.raises(Crash):
        bench.apply(wanted(after))
    assert bench.opened().state.resources["source:share/out"].inputs["objects"].keys() == {"TABLE:main.a.t"}
    assert bench.plan(wanted(after)).actions == ()


def test_access_that_somebody_opens_after_a_recovery_is_drift(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = a_bench(tmp_path, monkeypatch)
    _, share = CLOSING[0]
    die_at_effect(bench.world, 0, "after")
    with pytest.raises(Crash):
        bench.apply(wanted(share))
    bench.apply(wanted(share))
    held = bench.world.objects["source:share/out"].fields["objects"]
    held["TABLE:main.secrets.t"] = {"history": "ENABLED"}
    report = find_drift(bench.opened().state, {side: bench.world.snapshot(side) for side in Side})
    assert [item.kind for item in report.items] == [DriftKind.ACCESS_GAINED]


def test_access_that_was_taken_away_before_a_recovery_is_drift_when_somebody_opens_it_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = a_bench(tmp_path, monkeypatch)
    before, after = CLOSING[0]
    bench.apply(wanted(before))
    die_at_effect(bench.world, 0, "after")
    with pytest.raises(Crash):
        bench.apply(wanted(after))
    assert bench.apply(wanted(after)).exit_code == ExitCode.OK
    bench.world.objects["source:share/out"].fields["objects"]["TABLE:main.b.t"] = {"history": "ENABLED"}
    report = find_drift(bench.opened().state, {side: bench.world.snapshot(side) for side in Side})
    assert [item.kind for item in report.items] == [DriftKind.ACCESS_GAINED]


def test_access_that_somebody_opened_between_a_crash_and_its_recovery_is_drift(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = a_bench(tmp_path, monkeypatch)
    _, share = CLOSING[0]
    die_at_effect(bench.world, 0, "after")
    with pytest.raises(Crash):
        bench.apply(wanted(share))
    bench.world.objects["source:share/out"].fields["objects"]["TABLE:main.secrets.t"] = {"history": "ENABLED"}
    bench.apply(wanted(share))
    report = find_drift(bench.opened().state, {side: bench.world.snapshot(side) for side in Side})
    assert [item.kind for item in report.items] == [DriftKind.ACCESS_GAINED]


def test_a_copy_that_is_recovered_or_taken_over_knows_its_origin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = a_bench(tmp_path, monkeypatch)
    copy = Clone(side=Side.SOURCE, name="bk.sales.orders", source="main.sales.orders", origin=ORIGIN)
    die_at_effect(bench.world, 0, "after")
    with pytest.raises(Crash):
        bench.apply(wanted(copy))
    identity = bench.world.objects[ORIGIN].id
    assert bench.opened().state.resources[str(copy.address)].outputs["origin_id"] == identity
    bench.apply(wanted(copy))
    forget(bench.backend, str(copy.address))
    assert [action.do for action in bench.plan(wanted(copy)).actions] == [Do.IMPORT]
    bench.apply(wanted(copy))
    assert bench.opened().state.resources[str(copy.address)].outputs["origin_id"] == identity
