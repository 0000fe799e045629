"""Several client processes, each with an engine of its own on one database (on SQLite: at one served API).

Every load is a cause of real oversells. Afterwards the database is read, and everything must fit exactly: sold and
locked within what there is, counters equal to the sums of the orders, the log and the outbox without a gap, and what
was acknowledged equal to what is stored. `test_careless` shows that the same loads do break a service with the flaw.
"""

import pytest

from . import load
from .arena import Arena, Loader
from .crew import SIZE, Crew
from .message import AtEngine
from .verdict import broken

LOADERS = (
    load.rush,
    load.counter,
    load.same_order,
    load.two_lines,
    load.shared_pool,
    load.all_or_nothing,
    load.unlock_twice,
    load.unlock_and_deduct,
    load.expiry_and_payment,
    load.limits_and_total,
    load.limit_within_total,
    load.guarantee,
    load.lock_and_cancel,
)


@pytest.mark.parametrize("loader", LOADERS, ids=lambda loader: loader.__name__)
async def test_the_books_fit_exactly(arena: Arena, loader: Loader) -> None:
    given, outcome, books = await arena.race(loader)
    assert not [answer for answer in outcome.answers if answer.fault]
    assert not broken(books, given, outcome)


async def test_an_order_sent_by_everybody_is_new_once(arena: Arena) -> None:
    _, outcome, _ = await arena.race(load.same_order)
    locked = [answer for answer in outcome.answers if answer.state == "LOCKED"]
    assert len(locked) == 10 * SIZE
    assert len([answer for answer in locked if not answer.replayed]) == 10


async def test_each_order_is_either_cancelled_or_paid(arena: Arena) -> None:
    _, outcome, books = await arena.race(load.unlock_and_deduct)
    cancelled = {answer.order_id for answer in outcome.answers if answer.verb == "UnlockStock" and not answer.code}
    paid = {answer.order_id for answer in outcome.answers if answer.verb == "DeductStock" and not answer.code}
    assert not cancelled & paid
    assert len(cancelled | paid) == 32
    assert {line.order_id for line in books.lines if line.state == "DEDUCTED"} == paid


async def test_a_payment_after_the_lock_died_says_so(arena: Arena) -> None:
    _, outcome, _ = await arena.race(load.expiry_and_payment)
    codes = {answer.code for answer in outcome.answers if answer.verb == "DeductStock"}
    assert codes <= {None, "LOCK_EXPIRED", "LOCK_EXPIRED_NO_STOCK"}
    assert None in codes, "every payment came too late: the race did not happen"
    assert "LOCK_EXPIRED" in codes, "every payment came in time: the race did not happen"


async def test_a_cancelled_order_is_never_placed_again(arena: Arena) -> None:
    _, outcome, books = await arena.race(load.lock_and_cancel)
    again = outcome.answers[-24 * SIZE :]
    assert {answer.code for answer in again} <= {"ORDER_CANCELLED", "ALREADY_UNLOCKED"}
    assert not [line for line in books.lines if line.state == "LOCKED"]


@pytest.mark.parametrize("arena", ["sqlite"], indirect=True)
async def test_a_second_process_is_refused_by_sqlite(arena: Arena, crew: Crew) -> None:
    with pytest.raises(AssertionError, match="DatabaseInUse: the database is in use by process"):
        async with crew.at(AtEngine(arena.url)):
            pass
    _, outcome, _ = await arena.race(load.counter)
    assert len([answer for answer in outcome.answers if answer.state == "LOCKED"]) == 24 * SIZE
