"""Messages that could not be published, over HTTP: listed with their reason, published again when asked for."""

from typing import Any

import pytest

from eightysix.core.key import StoreKey
from eightysix.sync.bus import BusMessage, MessageRefused
from eightysix.wire.message import STOCK_TOPIC, StockMessage, decode_message
from tests.sync.condition import until

from .shop import RICE, SOUP, TEA, Shop

PARKED = "/api/v1/sync/parked"
REPLAY = f"{PARKED}/replay"
STORE = {"brandId": "fox", "poiId": "s1"}


@pytest.fixture
async def refusing(own_shop: Shop, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A shop whose bus refuses the messages about some dishes from now on; `heard` are the others."""
    relay = own_shop.service.relay
    assert relay is not None
    await relay.sweep()
    await until(lambda: relay.waiting_stores == 0)  # what the shop was furnished with is published
    bus, heard = own_shop.service.bus, []
    state: dict[str, Any] = {"refused": set(), "heard": heard}
    publish = bus.publish

    async def refuse(message: BusMessage) -> None:
        told = decode_message(message.body)
        assert message.topic == STOCK_TOPIC
        if isinstance(told, StockMessage) and told.data.object_id in state["refused"]:
            raise MessageRefused("not this one")
        heard.append(told)
        await publish(message)

    monkeypatch.setattr(bus, "publish", refuse)
    monkeypatch.setattr(relay, "_pace", type(relay._pace)(tries=2))
    return state


async def parked(shop: Shop, **query: Any) -> Any:
    answer = await shop.call("GET", PARKED, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_what_could_not_be_published_is_listed_and_replayed(own_shop: Shop, refusing: dict[str, Any]) -> None:
    shop, relay = own_shop, own_shop.service.relay
    assert relay is not None
    refusing["refused"] = {RICE, SOUP}
    for poi_id in ("s1", "s2"):
        for object_id in (RICE, SOUP, TEA):
            await shop.stock(object_id, 7, poi_id)
    await until(lambda: relay.figures.parked == 4)
    everything = (await parked(shop))["items"]
    assert [each["reason"] for each in everything] == ["MessageRefused: not this one"] * 4
    of_store = (await parked(shop, **STORE))["items"]
    assert {each["object_id"] for each in of_store} == {RICE, SOUP}
    assert {(each["brandId"], each["poiId"], each["tries"]) for each in of_store} == {("fox", "s1", 2)}
    pages, cursor = [], None
    while True:
        page = await parked(shop, limit=1, **({"cursor": cursor} if cursor else {}))
        pages += page["items"]
        cursor = page["cursor"]
        if cursor is None:
            break
    assert pages == everything

    refusing["refused"] = set()
    answer = await shop.post(REPLAY, {**STORE, "seqs": [of_store[0]["seq"], 10**6]})
    assert answer.json() == {"replayed": 1, "has_more": False}
    await until(lambda: any(told.seq == of_store[0]["seq"] for told in refusing["heard"] if told.poi_id == "s1"))
    assert (await shop.post(REPLAY, STORE)).json() == {"replayed": 1, "has_more": False}
    assert (await shop.post(REPLAY, {"all": True})).json() == {"replayed": 2, "has_more": False}
    await until(lambda: relay.waiting_stores == 0)
    assert (await parked(shop))["items"] == []
    stores = [StoreKey.of("fox", poi_id) for poi_id in ("s1", "s2")]
    assert (await shop.service.database.outbox.pending(stores, 100)).rows == {}


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({}, "EMPTY", "poiId"),
        ({"brandId": "fox"}, "EMPTY", "poiId"),
        ({"poiId": "s1"}, "EMPTY", "brandId"),
        ({**STORE, "all": True}, "VALUE_INVALID", "all"),
        ({"all": True, "seqs": [1]}, "VALUE_INVALID", "seqs"),
        ({**STORE, "seqs": [0]}, "NUMBER_OUT_OF_RANGE", "seqs[0]"),
        ({**STORE, "seqs": list(range(1, 502))}, "TOO_MANY", "seqs"),
    ],
)
async def test_a_replay_of_nothing_in_particular_is_refused(shop: Shop, body: Any, code: str, field: str) -> None:
    answer = await shop.post(REPLAY, body)
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (422, code, field)


@pytest.mark.parametrize("cursor", ["x", "WyJhIl0", "WzEsImEiLCJiIl0"])
async def test_a_cursor_that_never_was_one_is_refused(shop: Shop, cursor: str) -> None:
    answer = await shop.call("GET", PARKED, params={"cursor": cursor})
    assert (answer.status_code, answer.json()["code"]) == (422, "VALUE_INVALID")


@pytest.mark.parametrize("role", ["brand", "store", "auditor", "order-service"])
async def test_it_is_the_platform_s_business(shop: Shop, role: str) -> None:
    scope = {"brandId": "fox", **({"poi_ids": ["s1"]} if role == "store" else {})}
    key = await shop.make_key(role, **scope)
    assert (await shop.call("GET", PARKED, key=key)).status_code == 403
    assert (await shop.post(REPLAY, STORE, key=key)).status_code == 403
