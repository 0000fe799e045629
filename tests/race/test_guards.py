"""The program itself with one guard after the other taken out: each holds alone, and without them it oversells.

A lost update writes counters that are plausible in themselves, so a CHECK can't see it: against races stand the head
lock and, behind it, the version guard. The CHECK stands against a rule that decides wrongly, and so does the core's
invariant before it.
"""

import pytest

from . import load
from .arena import Arena, Loader
from .message import Guard
from .verdict import Broken, broken

ROUNDS_MAX = 20


LOST = (
    (load.rush, Broken.OVERSOLD),
    (load.counter, Broken.COUNTERS),
    (load.unlock_and_deduct, Broken.COUNTERS),
    (load.limit_within_total, Broken.LIMIT),
    (load.guarantee, Broken.OVERSOLD),
    (load.guarantees, Broken.OVERSOLD),
    (load.limits_and_total, Broken.OVERSOLD),
)
"""Loads, and what lost updates do to each."""


@pytest.mark.parametrize("loader", [loader for loader, _ in LOST], ids=lambda loader: loader.__name__)
async def test_without_the_head_lock_the_version_guard_holds(arena: Arena, loader: Loader) -> None:
    """And it is seen at work: a round in which it had nothing to refuse proves nothing."""
    for _ in range(ROUNDS_MAX):
        given, outcome, books = await arena.race_without(loader, Guard.HEAD_LOCK)
        assert not broken(books, given, outcome)
        if outcome.faults["GuardFailed"]:
            return
    pytest.fail(f"in {ROUNDS_MAX} rounds no process met another")


async def test_without_the_version_guard_the_head_lock_holds(arena: Arena) -> None:
    given, outcome, books = await arena.race_without(load.rush, Guard.VERSION_GUARD)
    assert not broken(books, given, outcome)


@pytest.mark.parametrize(("loader", "breaks"), LOST, ids=lambda value: getattr(value, "__name__", None))
async def test_without_both_it_breaks(arena: Arena, loader: Loader, breaks: Broken) -> None:
    for _ in range(ROUNDS_MAX):
        given, outcome, books = await arena.race_without(loader, Guard.HEAD_LOCK, Guard.VERSION_GUARD)
        if breaks in broken(books, given, outcome):
            return
    pytest.fail(f"in {ROUNDS_MAX} rounds nothing broke: this load proves nothing")


async def test_with_a_wrong_rule_the_invariant_holds(arena: Arena) -> None:
    given, outcome, books = await arena.race_without(load.all_or_nothing, Guard.RULE)
    faults = [answer.fault for answer in outcome.answers if answer.fault]
    assert faults
    assert all("would promise more than there is" in fault for fault in faults)
    assert not broken(books, given, outcome)


async def test_with_a_wrong_rule_and_no_invariant_the_check_holds_and_without_it_all_is_oversold(arena: Arena) -> None:
    wrong = (Guard.RULE, Guard.INVARIANT)
    given, outcome, books = await arena.race_without(load.all_or_nothing, *wrong)
    faults = [answer.fault for answer in outcome.answers if answer.fault]
    assert faults
    assert all("ck_stock_promised" in fault for fault in faults)
    assert not broken(books, given, outcome)
    await arena.drop_checks()
    given, outcome, books = await arena.race_without(load.all_or_nothing, *wrong)
    assert Broken.OVERSOLD in broken(books, given, outcome)
