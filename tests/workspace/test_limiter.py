"""How many requests may be under way at once."""

import time

import pytest

from replicator.workspace import limiter as limiter_module
from replicator.workspace.limiter import Limiter


def test_a_refusal_halves_and_a_hundred_answers_add_one() -> None:
    limiter = Limiter(start=16)
    limiter.throttled()
    assert limiter.limit == 8
    for _ in range(99):
        limiter.succeeded()
    assert limiter.limit == 8
    limiter.succeeded()
    assert limiter.limit == 9


def test_it_never_grows_past_its_most_nor_falls_below_one() -> None:
    limiter = Limiter(start=1, most=1)
    limiter.throttled()
    for _ in range(500):
        limiter.succeeded()
    assert limiter.limit == 1


def test_refusals_of_requests_that_were_under_way_together_count_once() -> None:
    limiter = Limiter(start=16)
    for _ in range(5):
        limiter.throttled(60.0)
    assert limiter.limit == 8


def test_new_requests_wait_as_long_as_the_workspace_asked() -> None:
    limiter = Limiter()
    limiter.throttled(0.1)
    began = time.monotonic()
    with limiter.place():
        assert time.monotonic() - began >= 0.09


def test_from_the_second_refusal_on_there_is_a_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr(limiter_module.time, "monotonic", lambda: clock[0])
    limiter = Limiter()
    limiter.throttled(1.0)
    assert limiter.pace is None
    clock[0] += 2.0
    for _ in range(50):
        limiter.succeeded()
    limiter.throttled(1.0)
    assert limiter.pace == pytest.approx(25.0)
    limiter.succeeded()
    assert limiter.pace == pytest.approx(25.0 * 1.006)


def test_a_workspace_that_allows_a_rate_is_asked_at_that_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    """400 requests at 25 a second, played through on a clock of its own, one answer after the other."""
    clock, tokens, refused, answered = [0.0], [25.0], 0, 0
    monkeypatch.setattr(limiter_module.time, "monotonic", lambda: clock[0])
    limiter = Limiter()
    while answered < 400:
        wait = max(0.0, limiter._pause())
        later = clock[0] + wait + 0.05 / limiter.limit
        tokens[0] = min(25.0, tokens[0] + (later - clock[0]) * 25)
        clock[0] = later
        with limiter.place():
            if tokens[0] >= 1:
                tokens[0] -= 1
                answered += 1
                limiter.succeeded()
            else:
                refused += 1
                limiter.throttled(1.0)
    assert refused <= 4
    assert clock[0] <= 1.15 * 400 / 25
