"""The agent's conversation: what it sends when, and what each answer makes the hub write down."""

from random import Random

import pytest

from eightysix.core.command import AckEvents, AskGrants, MirrorStock, SettleGrants
from eightysix.core.hub import GrantChange, GrantRequest, MirrorRow, Side
from eightysix.core.hub_event import HubEvent, encode_event
from eightysix.core.key import StoreKey, sku_key
from eightysix.core.outcome import Code, GrantTotal
from eightysix.core.stock import LIMITED, Stock
from eightysix.hub.agent import Agent, Duty
from eightysix.hub.call import (
    Denied,
    FetchStore,
    Lost,
    Moved,
    MoveGrants,
    Pull,
    Pulled,
    StoreFetched,
    Upload,
    Uploaded,
)
from eightysix.hub.desk import Desk, Holding
from eightysix.hub.pace import Pace
from eightysix.hub.trouble import Trouble

STORE = StoreKey.of("fox", "1")
SOUP = sku_key(7)
LONGEST_MS = Pace().retry_ms
EMPTY = Desk(0, 0)


def new_agent() -> Agent:
    return Agent(STORE, Side("h1", "j1"), Random(1), Pace(orders_ms=None))


def row(version: int, real: int = 20_000, grant: int = 0) -> MirrorRow:
    return MirrorRow(Stock(SOUP, type=LIMITED, real=real, grant=grant, version=version, settings_version=1))


def event(seq: int, prev: str = "") -> bytes:
    return encode_event(HubEvent(seq, 0, "till", "pos", prev=prev))


def settled_in(now: int = 0) -> Agent:
    """An agent that is online and has all rows."""
    agent = new_agent()
    answer_all(agent, EMPTY, now)
    return agent


def answer_all(agent: Agent, desk: Desk, now: int, rows: tuple[MirrorRow, ...] = ()) -> None:
    for _ in range(3):
        for call in agent.next(desk, now).calls:
            match call:
                case Pull():
                    agent.answered(call, Pulled(rows, "5"), now)
                case FetchStore():
                    agent.answered(call, StoreFetched(1), now)
                case MoveGrants():
                    agent.answered(call, Moved(()), now)


def test_at_the_start_it_pulls_everything_and_fetches_the_store() -> None:
    calls = new_agent().next(EMPTY, 0).calls
    assert Pull(None) in calls
    assert FetchStore(None) in calls


def test_events_go_out_as_they_were_written_and_once_at_a_time() -> None:
    agent = settled_in()
    desk = Desk(9, 7, "chain", (event(8, "chain"), event(9, "further")))
    [upload] = agent.next(desk, 1).calls
    assert upload == Upload("j1", 8, "chain", desk.events)
    assert agent.next(desk, 2).calls == ()
    assert agent.answered(upload, Uploaded(9), 3) == [AckEvents(STORE, 9, ())]
    assert agent.next(Desk(9, 9), 4).calls == ()


def test_an_unanswered_request_goes_out_again_with_its_id() -> None:
    agent = settled_in()
    request = GrantRequest("r1", (GrantChange(SOUP, 2_000),), 0)
    desk = Desk(0, 0, requests=(request,))
    [call] = agent.next(desk, 1).calls
    assert call == MoveGrants(request)
    assert agent.answered(call, Lost(), 2) == []
    assert not agent.is_online
    [again] = agent.next(desk, 2 + LONGEST_MS).calls
    assert again == call
    commands = agent.answered(again, Moved((GrantTotal(SOUP, 1_000, 6_000),)), 9_000)
    assert commands == [SettleGrants(STORE, "r1", (GrantChange(SOUP, 1_000),))]


def test_the_older_request_goes_first() -> None:
    agent = settled_in()
    older, newer = GrantRequest("z", (GrantChange(SOUP, 1),), 5), GrantRequest("a", (GrantChange(SOUP, 2),), 6)
    [call] = agent.next(Desk(0, 0, requests=(newer, older)), 10).calls
    assert call == MoveGrants(older)


def test_what_is_given_back_waits_until_the_cloud_knows_what_the_hub_sold() -> None:
    """The hub held one, sold it, took it back and gives it away: told the give-back before the sale, the cloud would
    count less than nothing as the hub's. What is sold afterwards need not be waited for."""
    agent = settled_in()
    back = GrantRequest("back", (GrantChange(SOUP, -1_000),), 1)
    [upload] = agent.next(Desk(2, 0, "", (b"sold", b"returned"), (back,)), 1).calls
    assert isinstance(upload, Upload)
    assert agent.next(Desk(3, 0, "", (b"sold", b"returned", b"later"), (back,)), 2).calls == ()
    agent.answered(upload, Uploaded(1), 3)
    [upload] = agent.next(Desk(3, 1, "", (b"returned", b"later"), (back,)), 3).calls
    agent.answered(upload, Uploaded(2), 4)
    calls = agent.next(Desk(4, 2, "", (b"later", b"latest"), (back,)), 4).calls
    assert MoveGrants(back) in calls


def test_what_is_only_asked_for_does_not_wait() -> None:
    agent = settled_in()
    more = GrantRequest("more", (GrantChange(SOUP, 1_000),), 1)
    assert MoveGrants(more) in agent.next(Desk(2, 0, "", (b"sold", b"sold"), (more,)), 1).calls


def test_with_much_to_tell_nothing_is_split_anew() -> None:
    agent = settled_in()
    answer_rows = tuple(agent.streamed(row(3, 20_000), "5", "6", 50_000))
    assert answer_rows
    holding = Holding(Stock(SOUP, type=LIMITED, real=20_000, grant=20_000, settings_version=1), 1_000)
    desk = Desk(500, 0, "", (b"sold",), (), (holding,))
    turn = agent.next(desk, 60_000)
    assert turn.commands == ()
    assert turn.due_at > 60_001  # it doesn't go round and round until all is told
    assert agent.next(Desk(500, 500, holdings=(holding,)), turn.due_at).commands
    agent.borrow(SOUP, 1_000, 70_000)  # a guest waits
    assert agent.next(desk, 70_000).commands


def test_a_small_upload_finds_out_whether_the_line_is_back() -> None:
    agent = settled_in()
    events = tuple(event(seq) for seq in range(1, 101))
    desk, now = Desk(100, 0, "", events), 100_000
    [upload] = [call for call in agent.next(desk, now).calls if isinstance(call, Upload)]
    assert upload.events == events
    agent.answered(upload, Lost(), now)
    now = agent.next(desk, now).due_at
    [upload] = agent.next(desk, now).calls
    assert isinstance(upload, Upload)
    assert 0 < len(upload.events) < 50
    assert upload.events == events[: len(upload.events)]
    told = len(upload.events)
    agent.answered(upload, Uploaded(told), now)
    rest = Desk(100, told, "", events[told:])
    [upload] = [call for call in agent.next(rest, now).calls if isinstance(call, Upload)]
    assert (upload.seq, upload.events) == (told + 1, events[told:])


def test_while_the_line_is_gone_one_call_at_a_time_finds_out() -> None:
    agent = settled_in()
    now, waits = 100_000, []
    for _ in range(8):
        desk = Desk(1, 0, "", (event(1),), (GrantRequest("r", (GrantChange(SOUP, 1),), 0),))
        calls = agent.next(desk, now).calls
        first = not waits
        assert len(calls) == 1 or first
        for call in calls:
            agent.answered(call, Lost(), now)
        turn = agent.next(desk, now)
        assert turn.calls == ()
        waits.append(turn.due_at - now)
        now = turn.due_at
    assert all(wait <= LONGEST_MS for wait in waits)
    assert waits[-1] >= LONGEST_MS // 2
    assert agent.next(desk, now).calls


def test_what_else_was_asked_on_a_line_that_failed_is_not_waited_for() -> None:
    """It may swallow everything; the first that is asked anew finds out, and a late answer says nothing."""
    agent = settled_in()
    request = GrantRequest("r", (GrantChange(SOUP, 1_000),), 0)
    desk = Desk(1, 0, "", (b"one",), (request,))
    moving, uploading = agent.next(desk, 1).calls
    assert isinstance(uploading, Upload)
    agent.answered(moving, Lost(), 3_000)
    [again] = agent.next(desk, 4_000).calls
    assert agent.answered(uploading, Uploaded(1), 4_000) == []
    assert agent.answered(again, Moved((GrantTotal(SOUP, 1_000, 1_000),)), 4_001)
    assert any(isinstance(call, Upload) for call in agent.next(desk, 4_001).calls)


def test_the_stream_finds_out_sooner_than_a_call_that_hangs() -> None:
    agent = settled_in()
    desk = Desk(1, 0, "", (b"one",))
    [call] = agent.next(desk, 1).calls
    agent.answered(call, Lost(), 10_000)
    [hanging] = agent.next(desk, 12_000).calls
    assert agent.next(desk, 15_000).calls == ()
    agent.reconnected()
    [uploading] = agent.next(desk, 15_000).calls
    assert uploading is not hanging
    assert agent.answered(uploading, Uploaded(1), 15_001)


def test_a_stream_that_opens_while_all_is_well_disturbs_nothing() -> None:
    agent = settled_in()
    desk = Desk(1, 0, "", (b"one",))
    [uploading] = agent.next(desk, 1).calls
    agent.reconnected()
    assert agent.next(desk, 2).calls == ()
    assert agent.answered(uploading, Uploaded(1), 3)


def test_a_cloud_that_asks_for_peace_gets_it() -> None:
    agent = settled_in()
    desk = Desk(1, 0, "", (event(1),))
    [call] = agent.next(desk, 1).calls
    agent.answered(call, Lost(wait_ms=60_000), 2)
    assert agent.next(desk, 60_001).calls == ()
    assert agent.next(desk, 60_002).calls


def test_rows_are_written_down_and_a_message_that_follows_moves_the_cursor() -> None:
    agent = settled_in()
    assert agent.streamed(row(6), "5", "6", 10) == [MirrorStock(STORE, (row(6),))]
    assert agent.next(EMPTY, 11).calls == ()
    assert agent.streamed(row(9), "8", "9", 12) == [MirrorStock(STORE, (row(9),))]  # 8 was missed
    assert agent.next(EMPTY, 13).calls == (Pull("6"),)


def test_pages_follow_one_another_and_a_reset_pulls_all() -> None:
    agent = settled_in()
    agent.streamed(row(9), "8", "9", 12)
    [pull] = agent.next(EMPTY, 13).calls
    agent.answered(pull, Pulled((row(7),), "7", has_more=True), 14)
    [pull] = agent.next(EMPTY, 14).calls
    assert pull == Pull("7")
    agent.answered(pull, Pulled((), None, is_reset=True), 15)
    assert agent.next(EMPTY, 15).calls == (Pull(None),)


def test_what_the_store_has_set_is_fetched_once_more_when_the_cloud_has_it() -> None:
    agent = settled_in()
    [upload] = agent.next(Desk(9, 8, "", (event(9),)), 1).calls
    agent.streamed(row(6), "5", "6", 2)
    agent.answered(upload, Uploaded(9, ((SOUP, 6),)), 3)
    assert agent.next(Desk(9, 9), 4).calls == (Pull("5"),)


def test_so_is_what_was_given_and_a_pull_that_was_overtaken_moves_no_cursor() -> None:
    agent = settled_in()
    request = GrantRequest("r1", (GrantChange(SOUP, 2_000),), 0)
    [grants] = agent.next(Desk(0, 0, requests=(request,)), 1).calls
    agent.streamed(row(9), "8", "9", 2)
    [pull] = agent.next(Desk(0, 0, requests=(request,)), 3).calls
    agent.answered(grants, Moved((GrantTotal(SOUP, 2_000, 2_000),)), 4)
    assert agent.answered(pull, Pulled((row(9),), "9"), 5) == [MirrorStock(STORE, (row(9),))]
    assert agent.next(EMPTY, 6).calls == (Pull("5"),)


def test_who_has_gone_back_is_not_sent_forward_by_what_was_asked_later() -> None:
    agent = settled_in()
    request = GrantRequest("r1", (GrantChange(SOUP, 2_000),), 0)
    [grants] = agent.next(Desk(0, 0, requests=(request,)), 1).calls
    agent.streamed(row(6), "5", "6", 2)
    [upload] = agent.next(Desk(9, 8, "", (event(9),), requests=(request,)), 3).calls
    agent.answered(grants, Moved((GrantTotal(SOUP, 2_000, 2_000),)), 4)
    agent.answered(upload, Uploaded(9, ((SOUP, 6),)), 5)
    assert agent.next(Desk(9, 9), 6).calls == (Pull("5"),)


def test_after_a_reset_no_answer_leads_back_to_a_place_of_before() -> None:
    agent = settled_in()
    [upload] = agent.next(Desk(9, 8, "", (event(9),)), 1).calls
    agent.streamed(row(9), "8", "9", 2)  # 8 was missed
    [pull] = agent.next(Desk(9, 8, "", (event(9),)), 3).calls
    agent.answered(pull, Pulled((), None, is_reset=True), 4)
    agent.answered(upload, Uploaded(9, ((SOUP, 6),)), 5)
    assert agent.next(Desk(9, 9), 6).calls == (Pull(None),)


def test_after_a_start_nobody_knows_what_the_cloud_has_done_before() -> None:
    agent = new_agent()
    desk = Desk(9, 8, "", (event(9),))
    upload, pull, _ = agent.next(desk, 0).calls
    agent.answered(pull, Pulled((row(9),), "9"), 1)
    agent.answered(upload, Uploaded(9, ((SOUP, 6),)), 2)
    assert Pull(None) in agent.next(Desk(9, 9), 3).calls


def test_what_could_not_be_written_is_pulled_again() -> None:
    agent = settled_in()
    agent.streamed(row(6), "5", "6", 10)
    agent.rewind()
    assert agent.next(EMPTY, 11).calls == (Pull(None),)


def test_of_another_database_everything_is_pulled_and_nothing_of_before_is_newer() -> None:
    agent = settled_in()
    [pull] = [call for call in agent.next(EMPTY, 100_000).calls if isinstance(call, Pull)]
    assert agent.answered(pull, Pulled((), None, is_reset=True), 100_001) == [MirrorStock(STORE, (), anew=True)]
    assert Pull(None) in agent.next(EMPTY, 100_002).calls


def test_an_answer_to_what_is_not_under_way_says_nothing() -> None:
    agent = settled_in()
    desk = Desk(1, 0, "", (event(1),))
    [call] = agent.next(desk, 1).calls
    agent.answered(call, Lost(), 2)
    assert agent.answered(call, Uploaded(1), 3) == []


@pytest.mark.parametrize(
    ("code", "trouble"),
    [
        (Code.JOURNAL_GAP, Trouble.JOURNAL_LOST),
        (Code.JOURNAL_MISMATCH, Trouble.JOURNAL_MISMATCH),
        (Code.HUB_NOT_FOUND, Trouble.UNKNOWN),
        (None, Trouble.UNKNOWN),
        (Code.SETTING_INVALID, Trouble.REFUSED),
    ],
)
def test_a_refused_upload_is_a_trouble_and_tried_again_later(code: Code | None, trouble: Trouble) -> None:
    agent = settled_in()
    desk = Desk(1, 0, "", (event(1),))
    [call] = agent.next(desk, 1).calls
    assert agent.answered(call, Denied(code, 1), 2) == []
    assert agent.troubles == {Duty.UPLOAD: trouble}
    assert not any(isinstance(each, Upload) for each in agent.next(desk, 3).calls)
    again = [each for each in agent.next(desk, 40_000).calls if isinstance(each, Upload)]
    agent.answered(again[0], Uploaded(1), 40_001)
    assert agent.troubles == {}


def test_a_fenced_hub_goes_on_uploading_and_asks_for_nothing() -> None:
    agent = settled_in()
    request = GrantRequest("r1", (GrantChange(SOUP, 2_000),), 0)
    desk = Desk(1, 0, "", (event(1),), (request,))
    upload, grants = sorted(agent.next(desk, 1).calls, key=lambda each: type(each).__name__, reverse=True)
    assert agent.answered(grants, Denied(Code.HUB_FENCED), 2) == []
    assert agent.troubles == {Duty.GRANTS: Trouble.FENCED}
    agent.answered(upload, Uploaded(1), 3)
    holding = Holding(Stock(SOUP, type=LIMITED, real=20_000, grant=20_000), 1_000)
    assert agent.next(Desk(1, 1, holdings=(holding,)), 10).commands == ()


def test_it_asks_for_its_part_once_it_has_all_rows_and_journals_that_before_it_asks() -> None:
    agent = new_agent()
    holding = Holding(Stock(SOUP, type=LIMITED, real=20_000, grant=20_000), 1_000)
    desk = Desk(0, 0, holdings=(holding,))
    turn = agent.next(desk, 0)
    assert turn.commands == ()
    for call in turn.calls:
        match call:
            case Pull():
                agent.answered(call, Pulled((row(5),), "5"), 1)
            case FetchStore():
                agent.answered(call, StoreFetched(1), 1)
            case MoveGrants():
                agent.answered(call, Moved(()), 1)
    assert agent.reads_stocks(2) != ()
    turn = agent.next(desk, 2)
    [command] = turn.commands
    assert isinstance(command, AskGrants)
    assert command.request.changes[0].delta > 0
    assert not any(isinstance(call, MoveGrants) and call.request.changes for call in turn.calls)
    calls = agent.next(Desk(0, 0, requests=(command.request,)), 3).calls
    assert MoveGrants(command.request) in calls


def test_what_the_cloud_asks_back_is_given_as_far_as_it_is_free() -> None:
    agent = new_agent()
    answer_all(agent, EMPTY, 0, rows=(row(5, real=8_000, grant=8_000),))
    agent.recalled(SOUP, 9_000, 10)
    holding = Holding(Stock(SOUP, type=LIMITED, real=8_000, locked=3_000), 1_000)
    [command] = agent.next(Desk(0, 0, holdings=(holding,)), 10).commands
    assert isinstance(command, AskGrants)
    assert command.request.changes == (GrantChange(SOUP, -5_000),)


def test_a_sale_that_comes_short_borrows_what_it_lacks() -> None:
    agent = new_agent()
    answer_all(agent, EMPTY, 0, rows=(row(5, real=8_000),))
    agent.borrow(SOUP, 1_500, 10)
    holding = Holding(Stock(SOUP, type=LIMITED, real=8_000, grant=8_000), 1_000)
    [command] = agent.next(Desk(0, 0, holdings=(holding,)), 10).commands
    assert isinstance(command, AskGrants)
    assert command.request.changes == (GrantChange(SOUP, 2_000),)


@pytest.mark.parametrize(("held", "differs"), [(5_000, False), (4_000, True)])
def test_both_compare_what_the_hub_holds_at_each_reconnect(held: int, differs: bool) -> None:
    agent = new_agent()
    holding = Holding(Stock(SOUP, type=LIMITED, real=held), 1_000)
    desk = Desk(3, 3, holdings=(holding,))
    for call in agent.next(desk, 0).calls:
        if isinstance(call, MoveGrants):
            assert call.request.changes == ()
            agent.answered(call, Moved((GrantTotal(SOUP, 0, 5_000),)), 1)
    agent.next(desk, 2)
    assert (agent.troubles.get(Duty.TOTALS) is Trouble.TOTALS_DIFFER) == differs


def test_totals_say_nothing_where_something_happened_meanwhile() -> None:
    agent = new_agent()
    holding = Holding(Stock(SOUP, type=LIMITED, real=4_000), 1_000)
    for call in agent.next(Desk(3, 3, holdings=(holding,)), 0).calls:
        if isinstance(call, MoveGrants):
            agent.answered(call, Moved((GrantTotal(SOUP, 0, 5_000),)), 1)
    agent.next(Desk(4, 3, "", (event(4),), holdings=(holding,)), 2)
    assert agent.troubles == {}
