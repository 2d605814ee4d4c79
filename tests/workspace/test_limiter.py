"""How many requests may be under way at once."""

import time

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
