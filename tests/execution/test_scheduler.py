"""The ready queue: order, failure, skips, and how little it costs."""

import threading
from collections import Counter

import pytest

from replicator.execution.scheduler import Outcome, run


def test_every_node_runs_after_all_it_depends_on() -> None:
    needs = {"b": ["a"], "c": ["a"], "d": ["b", "c"]}
    order: list[str] = []
    results = run(["a", "b", "c", "d"], needs, order.append, workers=4)
    assert order[0] == "a"
    assert order[-1] == "d"
    assert all(result.outcome is Outcome.DONE for result in results.values())


def test_ready_nodes_run_in_the_given_order() -> None:
    nodes = [f"n{i}" for i in range(50)]
    order: list[str] = []
    run(nodes, {}, order.append, workers=1)
    assert order == nodes


def test_a_node_becomes_ready_as_soon_as_its_own_needs_are_met_and_not_a_whole_generation() -> None:
    """`slow` is still running when the child of `quick` runs: with a barrier this would never end."""
    child_ran = threading.Event()

    def work(node: str) -> None:
        if node == "slow":
            assert child_ran.wait(10)
        if node == "child":
            child_ran.set()

    results = run(["slow", "quick", "child"], {"child": ["quick"]}, work, workers=2)
    assert {result.outcome for result in results.values()} == {Outcome.DONE}


def test_no_more_than_the_allowed_number_run_at_once() -> None:
    running, most, lock = 0, 0, threading.Lock()
    met = threading.Barrier(3, timeout=10)

    def work(node: str) -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        met.wait()
        with lock:
            running -= 1

    run([str(i) for i in range(9)], {}, work, workers=3)
    assert most == 3


def test_a_failure_blocks_only_those_that_wait_for_it_and_says_which() -> None:
    def work(node: str) -> str:
        if node == "bad":
            raise ValueError("no")
        return node

    needs = {"child": ["bad"], "grandchild": ["child", "good"], "other": ["good"]}
    results = run(["bad", "good", "child", "grandchild", "other"], needs, work, workers=2)
    assert isinstance(results["bad"].error, ValueError)
    assert {name: result.outcome.value for name, result in results.items()} == {
        "bad": "failed",
        "good": "done",
        "child": "skipped",
        "grandchild": "skipped",
        "other": "done",
    }
    assert results["grandchild"].because_of == "bad"


def test_a_skipped_node_is_never_run_when_its_other_needs_are_met_later() -> None:
    failed = threading.Event()
    ran: list[str] = []

    def work(node: str) -> None:
        ran.append(node)
        if node == "bad":
            failed.set()
            raise ValueError("no")
        assert failed.wait(10)

    run(["bad", "late", "both"], {"both": ["bad", "late"]}, work, workers=2)
    assert "both" not in ran


def test_fail_fast_starts_nothing_after_a_failure_and_finishes_what_runs() -> None:
    release = threading.Event()

    def work(node: str) -> str:
        if node == "bad":
            release.set()
            raise ValueError("no")
        assert release.wait(10)
        return node

    results = run(["bad", "in_flight", "later"], {"later": ["in_flight"]}, work, workers=2, fail_fast=True)
    assert results["in_flight"].outcome is Outcome.DONE
    assert results["later"].outcome is Outcome.SKIPPED
    assert results["later"].because_of is None


def test_after_stop_nothing_new_is_started() -> None:
    stop = threading.Event()
    ran: list[str] = []

    def work(node: str) -> None:
        ran.append(node)
        stop.set()

    results = run(["a", "b", "c"], {}, work, workers=1, stop=stop)
    assert ran == ["a"]
    assert results["c"].outcome is Outcome.SKIPPED


def test_dependencies_outside_the_nodes_count_as_met() -> None:
    assert run(["a"], {"a": ["elsewhere"]}, str.upper, workers=1)["a"].value == "A"


def test_nothing_to_do_is_no_error() -> None:
    assert run([], {}, str.upper, workers=4) == {}


@pytest.mark.parametrize("workers", [1, 8])
def test_five_thousand_nodes_are_each_run_once_with_linear_work(workers: int) -> None:
    """Counted rather than timed: one call per node, and each dependency looked at once."""
    nodes = [f"n{i}" for i in range(5000)]
    looked = Counter[str]()

    class Needs(dict[str, list[str]]):
        def get(self, key: str, default: object = None) -> list[str]:  # type: ignore[override]
            looked[key] += 1
            return [f"n{int(key[1:]) // 2}"] if key != "n0" else []

    calls: list[str] = []
    run(nodes, Needs(), calls.append, workers=workers)
    assert sorted(calls) == sorted(nodes)
    assert set(looked.values()) == {1}


def test_order_alone_waits_for_the_end_and_not_for_success() -> None:
    order: list[str] = []

    def work(node: str) -> None:
        order.append(node)
        if node == "bad":
            raise ValueError("no")

    results = run(["later", "child", "bad"], {"child": ["bad"]}, work, workers=2, after={"later": ["bad", "child"]})
    assert order == ["bad", "later"]
    assert results["child"].outcome is Outcome.SKIPPED
    assert results["later"].outcome is Outcome.DONE
