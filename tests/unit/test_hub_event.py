"""The events of a hub's journal are read from their very bytes, and what the database would refuse is refused here."""

from typing import Any

import msgspec
import pytest

from eightysix.core.change import Kind
from eightysix.core.command import Actor, ChangeStock, ChannelSetting, DeductStock, Setting, TellHubEvent
from eightysix.core.hub_event import HubEvent, Move, ToldIncident, chained, encode_event
from eightysix.core.key import StoreKey, sku_key
from eightysix.core.outcome import HubEventTold
from eightysix.core.reservation import Reservation, State, Take
from eightysix.wire.hub_event import (
    MAX_EVENTS_BYTES,
    MAX_SEQ,
    HubEventsBody,
    events_answer,
    fitting,
    read_event,
)
from eightysix.wire.problem import Rejection

STORE, OTHER = StoreKey.of("fox", "s1"), StoreKey.of("fox", "s2")
SOUP = sku_key(102)
LINE = Reservation("o1", 102, 0, "POS", State.DEDUCTED, 2000, 2000, 1_000, 2_000, (Take(2, 102),), 1000, 500, 3)
MOVE = Move(SOUP, Kind.DEDUCT, 2000, -2000, -2000, 5, 0, "POS")
ACTOR = Actor("key_1")
CHANGE = ChangeStock(STORE, Setting(SOUP, status=2, manual=True, kind=Kind.EIGHTY_SIX), ACTOR, base_version=4)
VERB = DeductStock(STORE, "o9", None, ACTOR)


def event(seq: int = 1, **more: Any) -> HubEvent:
    return HubEvent(seq, 1_700_000_000_000, "key_1", "api", **more)


SALE = event(order_id="o1", lines=(LINE,), moves=(MOVE,), incidents=(ToldIncident("forced_sale", SOUP, 500),))


def body(*events: bytes, seq: int = 1, chain: str = "") -> HubEventsBody:
    raw = [msgspec.Raw(each) for each in events]
    sent = msgspec.json.encode(HubEventsBody("fox", "s1", "hub_1", "j1", seq, chain, raw))
    return msgspec.json.decode(sent, type=HubEventsBody)


@pytest.mark.parametrize("told", [SALE, event(setting=CHANGE), event(verb=VERB), event(order_id="o1", closed=True)])
def test_what_a_hub_writes_is_read_as_it_was(told: HubEvent) -> None:
    assert read_event(encode_event(told), 1, STORE) == told


def test_each_event_continues_the_chain_of_the_bytes_that_came() -> None:
    first, second = encode_event(SALE), b' {"seq":2,"at":5,\n"actor":"","source":"timer","from a newer hub":1}'
    commands, stop = body(first, second).commands(STORE)
    assert stop is None
    assert [(each.seq, each.chain, each.body) for each in commands] == [
        (1, "", first),
        (2, chained("", first), second.strip()),
    ]
    assert commands[0].actor == Actor("key_1", "hub", "j1#1", SALE.at)
    assert commands[0].journal == ("hub_1", "j1")


def test_nobody_speaks_in_the_name_of_another_or_for_one_channel_only() -> None:
    forged = Actor("platform", "operator", "other#9", 3, "EMENU")
    change, verb = (msgspec.structs.replace(each, actor=forged) for each in (CHANGE, VERB))
    commands, _ = body(encode_event(event(setting=change)), encode_event(event(2, verb=verb))).commands(STORE)
    assert [told_by(each) for each in commands] == [each.actor for each in commands]


def told_by(command: TellHubEvent) -> Actor:
    told = command.event.setting or command.event.verb
    assert told is not None
    return told.actor


def test_events_before_a_wrong_one_count() -> None:
    commands, stop = body(encode_event(SALE), b'{"seq":2,"at":"noon","actor":"a","source":"s"}').commands(STORE)
    assert [command.seq for command in commands] == [1]
    assert stop is not None
    assert (stop.code, stop.field) == ("WRONG_TYPE", "events[1].at")


def replaced(part: Any, **fields: Any) -> Any:
    return msgspec.structs.replace(part, **fields)


SETTING = CHANGE.setting
WRONG = {
    "seq": event(2),
    "at": replaced(SALE, at=-1),
    "actor": replaced(SALE, actor="x" * 129),
    "order_id": replaced(SALE, order_id=" "),
    "reason": replaced(SALE, reason="\x00"),
    "lines[0].order_id": replaced(SALE, lines=(replaced(LINE, order_id="o2"),)),
    "lines[0].sku_id": replaced(SALE, lines=(replaced(LINE, sku_id=0),)),
    "lines[0].line_no": replaced(SALE, lines=(replaced(LINE, line_no=10_000),)),
    "lines[0].channel_code": replaced(SALE, lines=(replaced(LINE, channel_code=""),)),
    "lines[0].requested": replaced(SALE, lines=(replaced(LINE, requested=10**12),)),
    "lines[0].quantity": replaced(SALE, lines=(replaced(LINE, quantity=-1),)),
    "lines[0].returned": replaced(SALE, lines=(replaced(LINE, returned=2001),)),
    "lines[0].restocked": replaced(SALE, lines=(replaced(LINE, restocked=1001),)),
    "lines[0].locked_at": replaced(SALE, lines=(replaced(LINE, locked_at=-5),)),
    "lines[0].expires_at": replaced(SALE, lines=(replaced(LINE, expires_at=10**15),)),
    "lines[0].takes[0].object_type": replaced(SALE, lines=(replaced(LINE, takes=(Take(3, 102),)),)),
    "lines[0].takes[0].ratio": replaced(SALE, lines=(replaced(LINE, takes=(Take(2, 102, 0),)),)),
    "moves[0].key.object_id": replaced(SALE, moves=(replaced(MOVE, key=sku_key(0)),)),
    "moves[0].real": replaced(SALE, moves=(replaced(MOVE, real=10**12),)),
    "moves[0].held": replaced(SALE, moves=(replaced(MOVE, held=-(10**12)),)),
    "moves[0].channel_code": replaced(SALE, moves=(replaced(MOVE, channel_code="\n"),)),
    "incidents[0].kind": replaced(SALE, incidents=(ToldIncident("x" * 33, SOUP, 1),)),
    "incidents[0].quantity": replaced(SALE, incidents=(ToldIncident("late_sale", SOUP, -1),)),
    "setting.store": event(setting=replaced(CHANGE, store=OTHER)),
    "setting.base_version": event(setting=replaced(CHANGE, base_version=-1)),
    "setting.setting.kind": event(setting=replaced(CHANGE, setting=replaced(SETTING, kind=Kind.LOCK))),
    "setting.setting.status": event(setting=replaced(CHANGE, setting=replaced(SETTING, status=3))),
    "setting.setting.plan": event(setting=replaced(CHANGE, setting=replaced(SETTING, plan=-1))),
    "setting.setting.channels[0].weight": event(
        setting=replaced(CHANGE, setting=replaced(SETTING, channels=(ChannelSetting("POS", weight=-1),)))
    ),
    "verb.store": event(verb=replaced(VERB, store=OTHER)),
    "verb.order_id": event(verb=replaced(VERB, order_id="")),
}


@pytest.mark.parametrize("field", WRONG)
def test_a_wrong_value_is_named(field: str) -> None:
    with pytest.raises(Rejection) as rejected:
        read_event(encode_event(WRONG[field]), 1, STORE)
    assert rejected.value.field == field


@pytest.mark.parametrize(
    ("field", "more"), [("chain", {"chain": "abc"}), ("seq", {"seq": 0}), ("events", {}), ("events", {"many": 501})]
)
def test_a_wrong_call(field: str, more: dict[str, Any]) -> None:
    events = [b"{}"] * more.pop("many", 0) or ([] if not more else [b"{}"])
    with pytest.raises(Rejection) as rejected:
        body(*events, **more).commands(STORE)
    assert rejected.value.field == field


def test_as_many_events_are_sent_as_go_into_one_body() -> None:
    small, large = b"{}", b"1" * 3_000_000
    assert len(fitting([small] * 600)) == 500
    assert fitting([large, small, large, small]) == [large, small]
    assert fitting([b"1" * 5_000_000, small]) == [b"1" * 5_000_000], "one that never fits is refused, not left out"
    many = fitting([b"1" * 10_000] * 500)
    ids = "店" * 64
    sent = HubEventsBody(ids, ids, ids, ids, MAX_SEQ, "0" * 64, [msgspec.Raw(each) for each in many])
    assert MAX_EVENTS_BYTES - 20_000 < len(msgspec.json.encode(sent)) <= MAX_EVENTS_BYTES


def test_the_answer_has_the_last_version_of_each_stock_that_was_set() -> None:
    told = [
        HubEventTold(1, 4, ((SOUP, 10),), replayed=True),
        HubEventTold(2, 4, replayed=True),
        HubEventTold(3, 4, ((SOUP, 12), (sku_key(7), 11))),
    ]
    answer = events_answer(told, 0)
    assert (answer.last_seq, answer.at) == (3, "1970-01-01T00:00:00.000Z")
    assert [(each.object_id, each.version) for each in answer.settled] == [(102, 12), (7, 11)]
