"""The document tells of every message, and real messages are as it says."""

import re
from typing import Any

import jsonschema_rs
import msgspec
import pytest

from eightysix.api.asyncapi import CHANNELS, document
from eightysix.core.change import OutboxRow
from eightysix.core.key import WHOLE_STORE, StoreKey, sku_key
from eightysix.core.outcome import BlockedBy, Code, LineRefusal, LineView, OrderDone, Refused
from eightysix.core.reservation import State
from eightysix.engine.days import BusinessDays
from eightysix.engine.view import store_view
from eightysix.wire.language import Language
from eightysix.wire.message import Message, encode_message, message
from eightysix.wire.order_event import event_answer, read_event
from eightysix.wire.problem import Rejection
from tests.order_events.desk import cancelled, paid, placed, returned

from .shop import RICE, Shop


def described() -> Any:
    return msgspec.json.decode(document())


async def test_it_is_served(shop: Shop) -> None:
    answer = await shop.call("GET", "/asyncapi.json")
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.json() == described()
    assert answer.json()["asyncapi"] == "3.0.0"


def test_every_reference_leads_somewhere() -> None:
    whole = described()
    references = re.findall(r'"\$ref":"#/([^"]+)"', document().decode())
    assert references
    for reference in references:
        part = whole
        for name in reference.split("/"):
            part = part[name]
        assert part


def test_every_channel_has_its_operation_and_messages() -> None:
    whole = described()
    operated = {each["channel"]["$ref"] for each in whole["operations"].values()}
    assert operated == {f"#/channels/{name}" for name in whole["channels"]}
    for channel in whole["channels"].values():
        assert channel["messages"]
        assert channel["description"]
    named = {each["name"] for each in whole["components"]["messages"].values()}
    assert named == {event.name for channel in CHANNELS for event in channel.events}


async def told(shop: Shop) -> list[Message]:
    """A stock's message and a store's, as they are now."""
    store, catalog = StoreKey.of("fox", "s1"), shop.service.catalog
    rows = await shop.service.database.reader.store_rows(store, None)
    view = store_view(store, rows, rows.now, catalog.current, BusinessDays())
    return [message(view, OutboxRow(2, 1, key, rows.now)) for key in (sku_key(RICE), WHOLE_STORE)]


async def test_real_messages_are_as_described(shop: Shop) -> None:
    whole = described()
    for each in await told(shop):
        sent = msgspec.json.decode(encode_message(each))
        payload = whole["components"]["messages"][sent["eventType"].replace(".", "_")]["payload"]
        schema = {**payload, "components": whole["components"]}
        jsonschema_rs.validate(schema, sent)
        del sent["seq"]
        with pytest.raises(jsonschema_rs.ValidationError):
            jsonschema_rs.validate(schema, sent)


EVENTS = [
    placed(portions=1.5, expires_in="60", partial=True),
    paid(lines=[{"sku_id": "7", "quantity": "0.5"}], relock=False),
    cancelled(reason="changed my mind"),
    returned(lines=[{"sku_id": 7, "quantity": 1, "restock": True}]),
]


@pytest.mark.parametrize("event", EVENTS, ids=[event["type"] for event in EVENTS])
def test_what_is_read_of_an_order_is_described_and_what_is_refused_is_not(event: dict[str, Any]) -> None:
    whole = described()
    payload = whole["components"]["messages"][event["type"].replace(".", "_")]["payload"]
    schema = {**payload, "components": whole["components"]}
    assert read_event(msgspec.json.encode(event)).type == event["type"]
    jsonschema_rs.validate(schema, event)
    for wrong in ({**event, "order_seq": 0}, {**event, "colour": "red"}, {**event, "event_id": " "}):
        with pytest.raises(Rejection):
            read_event(msgspec.json.encode(wrong))
        with pytest.raises(jsonschema_rs.ValidationError):
            jsonschema_rs.validate(schema, wrong)


@pytest.mark.parametrize(
    "outcome",
    [
        OrderDone("order", State.LOCKED, (LineView(1, 0, 1_500, 1_500, 0, State.LOCKED),), 1_795_687_200_000),
        Refused(Code.OUT_OF_STOCK, (LineRefusal(1, 0, Code.OUT_OF_STOCK, 1_500, 500, BlockedBy.QUANTITY),)),
    ],
)
def test_an_answer_to_an_order_is_as_described(outcome: OrderDone | Refused) -> None:
    whole = described()
    answer = msgspec.json.decode(event_answer(read_event(msgspec.json.encode(EVENTS[0])), outcome, Language.CHINESE))
    schema = {**whole["components"]["messages"]["order_stock"]["payload"], "components": whole["components"]}
    jsonschema_rs.validate(schema, answer)
    del answer["body"]["lines"], answer["result"]
    with pytest.raises(jsonschema_rs.ValidationError):
        jsonschema_rs.validate(schema, answer)
