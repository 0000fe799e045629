"""The document tells of every message, and real messages are as it says."""

import re
from typing import Any

import jsonschema_rs
import msgspec
import pytest

from eightysix.api.asyncapi import CHANNELS, document
from eightysix.core.key import StoreKey, sku_key
from eightysix.engine.days import BusinessDays
from eightysix.engine.view import store_view
from eightysix.wire.message import STORE_OBJECT, Message, encode_message, message

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
    return [message(view, key, 2, 1, rows.now) for key in (sku_key(RICE), STORE_OBJECT)]


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
