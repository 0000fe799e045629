"""Orders become events: generated fates are repeatable, days fold, refills stand between business days."""

from eightysix.cli.replaying.cleaning import CleanOrder
from eightysix.cli.replaying.moments import DateOrder, parse_moment
from eightysix.cli.replaying.timeline import Fate, Shares, Verb, place, timeline


def at(text):
    return parse_moment(text, DateOrder.DAY_FIRST, "Europe/London").at


def orders(*texts):
    return [CleanOrder(str(number), at(text), ()) for number, text in enumerate(texts)]


def test_the_same_seed_gives_the_same_fates_in_any_order():
    some = [CleanOrder(str(number), number, ()) for number in range(2000)]
    shares = Shares(cancelled=0.2, unpaid=0.1, seed=7)
    placed = {one.order.order_id: one for one in place("s", some, shares)}
    assert {one.order.order_id: one for one in place("s", reversed(some), shares)} == placed
    fates = [one.fate for one in placed.values()]
    assert 0.17 < fates.count(Fate.CANCELLED) / 2000 < 0.23
    assert 0.08 < fates.count(Fate.UNPAID) / 2000 < 0.12
    other = {one.order.order_id: one for one in place("s", some, Shares(0.2, 0.1, 8))}
    assert other != placed


def test_an_unpaid_order_has_no_second_event_and_the_others_settle_after_their_lock():
    placed = list(place("s", orders("1/2/2018 19:00", "1/2/2018 19:01"), Shares(unpaid=1.0)))
    assert [event.verb for event in timeline(placed, "Europe/London")] == [Verb.LOCK, Verb.LOCK]
    placed = list(place("s", orders("1/2/2018 19:00", "1/2/2018 18:00"), Shares()))
    events = timeline(placed, "Europe/London")
    assert events == sorted(events)
    assert [(event.verb, event.order) for event in events] == [
        (Verb.LOCK, 1), (Verb.SETTLE, 1), (Verb.LOCK, 0), (Verb.SETTLE, 0),
    ]  # fmt: skip


def test_folded_days_run_at_once_by_the_local_clock():
    placed = list(place("s", orders("31/7/2018 19:00", "1/12/2018 18:59", "2/12/2018 01:00"), Shares(unpaid=1.0)))
    events = timeline(placed, "Europe/London", fold_days=True)
    hour = 3_600_000
    assert [event.at for event in events] == [15 * hour - 60_000, 15 * hour, 21 * hour]


def test_a_daily_refill_stands_at_the_start_of_each_business_day_but_the_first():
    placed = list(place("s", orders("1/2/2018 19:00", "2/2/2018 02:00", "2/2/2018 05:00"), Shares(unpaid=1.0)))
    events = timeline(placed, "Europe/London", refill_daily=True)
    assert [event.verb for event in events] == [Verb.LOCK, Verb.LOCK, Verb.REFILL, Verb.LOCK]
    assert events[2].at == at("2/2/2018 04:00")
