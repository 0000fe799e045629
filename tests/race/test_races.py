"""Several client processes, each with an engine of its own on one database (on SQLite: at one served API).

Every load is a cause of real oversells. Afterwards the database is read, and everything must fit exactly: sold and
locked within what there is, counters equal to the sums of the orders, the log and the outbox without a gap, and what
was acknowledged equal to what is stored. `test_careless` shows that the same loads do break a service with the flaw.
"""

import pytest

from . import load
from .arena import Arena, Loader
from .crew import SIZE, Crew, Outcome
from .message import AtEngine
from .verdict import Books, broken

ROUNDS_MAX = 10

EARLY = {f"o-{at}" for at in range(12)}
"""The orders that `lock_and_cancel` cancels before anybody places them."""

LOADERS = (
    load.rush,
    load.counter,
    load.two_lines,
    load.shared_pool,
    load.all_or_nothing,
    load.unlock_twice,
    load.limits_and_total,
    load.limit_within_total,
    load.guarantee,
    load.guarantees,
    load.shares,
)


@pytest.mark.parametrize("loader", LOADERS, ids=lambda loader: loader.__name__)
async def test_the_books_fit_exactly(arena: Arena, loader: Loader) -> None:
    assert_fits(*await arena.race(loader))


async def test_several_stores_in_every_batch(arena: Arena) -> None:
    for given, outcome, books in await arena.race_in_stores(load.rush, 3):
        assert_fits(given, outcome, books)


async def test_an_order_sent_by_everybody_is_new_once(arena: Arena) -> None:
    given, outcome, books = await arena.race(load.same_order)
    assert_fits(given, outcome, books)
    locked = [answer for answer in outcome.answers if answer.state == "LOCKED"]
    assert len(locked) == 10 * SIZE
    assert len([answer for answer in locked if not answer.replayed]) == 10


async def test_each_order_is_either_cancelled_or_paid(arena: Arena) -> None:
    given, outcome, books = await arena.race(load.unlock_and_deduct)
    assert_fits(given, outcome, books)
    cancelled = {answer.order_id for answer in outcome.answers if answer.verb == "UnlockStock" and not answer.code}
    paid = {answer.order_id for answer in outcome.answers if answer.verb == "DeductStock" and not answer.code}
    assert not cancelled & paid
    assert len(cancelled | paid) == 32


async def test_a_payment_comes_in_time_or_says_that_the_lock_died(arena: Arena) -> None:
    """On a busy machine all payments of a round may be late: rounds are repeated until some were in time."""
    for _ in range(ROUNDS_MAX):
        given, outcome, books = await arena.race(load.expiry_and_payment)
        assert_fits(given, outcome, books)
        codes = {answer.code for answer in outcome.answers if answer.verb == "DeductStock"}
        assert codes <= {None, "LOCK_EXPIRED", "LOCK_EXPIRED_NO_STOCK"}
        if None in codes and codes - {None}:
            return
    pytest.fail(f"in {ROUNDS_MAX} rounds all payments came in time, or all too late: the race did not happen")


async def test_a_cancelled_order_is_never_placed_again(arena: Arena) -> None:
    given, outcome, books = await arena.race(load.lock_and_cancel)
    assert_fits(given, outcome, books)
    again = outcome.answers[-24 * SIZE :]
    assert {answer.code for answer in again} <= {"ORDER_CANCELLED", "ALREADY_UNLOCKED"}
    early = {answer.code for answer in outcome.answers if answer.verb == "LockStock" and answer.order_id in EARLY}
    assert early == {"ORDER_CANCELLED"}


@pytest.mark.parametrize("arena", ["sqlite"], indirect=True)
async def test_a_second_process_is_refused_by_sqlite(arena: Arena, crew: Crew) -> None:
    with pytest.raises(AssertionError, match="DatabaseInUse: the database is in use by process"):
        await crew.go(AtEngine(arena.url))
    assert_fits(*await arena.race(load.counter))


def assert_fits(given: load.Load, outcome: Outcome, books: Books) -> None:
    """Nobody got a fault, and no promise is broken."""
    assert not [answer for answer in outcome.answers if answer.fault]
    assert not broken(books, given, outcome)
