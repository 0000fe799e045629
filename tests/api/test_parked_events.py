"""Order events that could not be processed, by HTTP: listed with the reason in words, and processed again."""

import secrets
from typing import Any

import msgspec
import pytest

from eightysix.core.key import StoreKey
from eightysix.storage.message_parked import ParkedKey, ParkedMessage
from eightysix.wire.order_event import EVENTS_TOPIC
from eightysix.wire.parked_event import REASONS, Because, ParkedReason, because
from tests.order_events.desk import NOW

from .shop import CAKE, TEA, Shop

PATH = "/api/v1/sync/order-events/parked"
S1 = {"brandId": "fox", "poiId": "s1"}


def an_event(order_id: str, order_seq: int = 1, **fields: Any) -> str:
    usual = {
        "type": "order.placed", "event_id": f"event-{order_id}-{order_seq}", "occurred_at": NOW,
        **S1, "order_id": order_id, "order_seq": order_seq, "channel_code": "POS",
        "lines": [{"sku_id": TEA, "quantity": 1}],
    }  # fmt: skip
    return msgspec.json.encode({**usual, **fields}).decode()


async def park(shop: Shop, body: str, reason: ParkedReason, store: StoreKey | None = None) -> str:
    """Park a message, as the consumer does; its parked_id."""
    key = ParkedKey(0 if store is None else store.bucket, EVENTS_TOPIC, f"test/{secrets.token_hex(8)}")
    text = msgspec.json.encode(reason).decode()
    await shop.service.database.parked_messages.park([ParkedMessage(key=key, store=store, body=body, reason=text)])
    listed = (await shop.call("GET", PATH)).json()["items"]
    (mine,) = [each["parked_id"] for each in listed if each["body"] == body]
    return mine


async def listed(shop: Shop, **query: Any) -> Any:
    answer = await shop.call("GET", PATH, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_reason_is_told_in_both_languages(module_shop: Shop) -> None:
    shop = module_shop
    await park(shop, "{", ParkedReason("MALFORMED_JSON", None, {"why": "byte 1"}))
    await park(shop, an_event("o1", 0), ParkedReason("NUMBER_OUT_OF_RANGE", "order_seq", {"least": 1, "most": 9}))
    await park(shop, an_event("o2", 3), because(Because.EVENT_EARLY, missing=2), StoreKey.of("fox", "s1"))
    told = {each["body"]: each for each in (await listed(shop))["items"]}
    assert told["{"]["message"] == "The body is not valid JSON: byte 1."
    assert (told["{"]["brandId"], told["{"]["poiId"], told["{"]["tries"]) == (None, None, 1)
    assert told[an_event("o1", 0)]["message"] == "The number must be from 1 to 9 (order_seq)."
    assert told[an_event("o1", 0)]["field"] == "order_seq"
    early = told[an_event("o2", 3)]
    assert (early["code"], early["brandId"], early["poiId"], early["topic"]) == (
        "EVENT_EARLY",
        "fox",
        "s1",
        EVENTS_TOPIC,
    )
    chinese = await shop.call("GET", PATH, headers={"accept-language": "zh"}, params=S1)
    assert [each["message"] for each in chinese.json()["items"]] == [
        "正在等待 order_seq 2（尚未到达或无法处理）；其处理后会自动继续。"
    ]


def test_every_reason_has_its_words() -> None:
    assert set(REASONS) == set(Because)
    for english, chinese in REASONS.values():
        assert english.isascii()
        assert not chinese.isascii()


async def test_pages_hold_each_once(own_shop: Shop) -> None:
    shop = own_shop
    ids = {await park(shop, f"{{{number}", ParkedReason("MALFORMED_JSON", None, {"why": "x"})) for number in range(7)}
    seen, cursor = [], {}
    while True:
        page = await listed(shop, limit=3, **cursor)
        seen += [each["parked_id"] for each in page["items"]]
        if page["cursor"] is None:
            break
        cursor = {"cursor": page["cursor"]}
    assert len(seen) == 7
    assert set(seen) == ids


async def test_a_replayed_event_is_processed_and_gone(module_shop: Shop) -> None:
    shop = module_shop
    order_id = shop.new_order()
    store = StoreKey.of("fox", "s1")
    reason = because(Because.EVENT_FAILED, why="a bug")
    done = await park(shop, an_event(order_id), reason, store)
    early = await park(shop, an_event("early", 2), reason, store)
    broken = await park(shop, "[", ParkedReason("MALFORMED_JSON", None, {"why": "x"}))
    answer = await shop.post(f"{PATH}/replay", {"all": True, "parked_ids": [done, early, broken, done]})
    assert answer.status_code == 200, answer.text
    assert [each["result"] for each in answer.json()["results"]] == ["processed", "waiting", "parked", "unknown"]
    held = await shop.call("GET", f"/api/v1/stock/orders/{order_id}", params=S1)
    assert held.json()["state"] == "LOCKED"
    left = {each["parked_id"]: each for each in (await listed(shop))["items"]}
    assert done not in left
    assert left[broken]["tries"] == 2


async def test_a_store_s_events_are_replayed_together(own_shop: Shop) -> None:
    shop = own_shop
    reason = because(Because.EVENT_FAILED, why="a bug")
    for number in range(3):
        await park(shop, an_event(f"o{number}"), reason, StoreKey.of("fox", "s1"))
    lines = [{"sku_id": CAKE, "quantity": 0.5}]
    other = await park(shop, an_event("o9", poiId="s2", lines=lines), reason, StoreKey.of("fox", "s2"))
    answer = await shop.post(f"{PATH}/replay", S1)
    assert [each["result"] for each in answer.json()["results"]] == ["processed"] * 3
    assert answer.json()["has_more"] is False
    assert [each["parked_id"] for each in (await listed(shop))["items"]] == [other]
    elsewhere = await shop.post(f"{PATH}/replay", {**S1, "parked_ids": [other]})
    assert [each["result"] for each in elsewhere.json()["results"]] == ["unknown"]


async def test_what_nobody_needs_is_discarded(own_shop: Shop) -> None:
    shop = own_shop
    one = await park(shop, "{1", ParkedReason("MALFORMED_JSON", None, {"why": "x"}))
    two = await park(shop, "{2", ParkedReason("MALFORMED_JSON", None, {"why": "x"}), StoreKey.of("fox", "s1"))
    answer = await shop.post(f"{PATH}/discard", {**S1, "parked_ids": [one, two]})
    assert answer.json() == {"discarded": 1}
    assert [each["parked_id"] for each in (await listed(shop))["items"]] == [one]
    answer = await shop.post(f"{PATH}/discard", {"all": True, "parked_ids": [one, two, one]})
    assert answer.json() == {"discarded": 1}
    assert (await listed(shop))["items"] == []
    assert (await shop.post(f"{PATH}/discard", {"all": True})).json()["field"] == "parked_ids"


@pytest.mark.parametrize(
    ("body", "status", "code", "field"),
    [
        ({}, 422, "EMPTY", "poiId"),
        ({"brandId": "fox", "all": True}, 422, "EMPTY", "poiId"),
        ({**S1, "all": True}, 422, "VALUE_INVALID", "all"),
        ({"all": True, "parked_ids": []}, 422, "EMPTY", "parked_ids"),
        ({"all": True, "parked_ids": ["x"] * 101}, 422, "TOO_MANY", "parked_ids"),
        ({"all": True, "parked_ids": ["x"]}, 422, "VALUE_INVALID", "parked_ids[0]"),
    ],
)
async def test_a_wrong_replay_is_refused(
    module_shop: Shop, body: dict[str, Any], status: int, code: str, field: str
) -> None:
    before = await listed(module_shop)
    answer = await module_shop.post(f"{PATH}/replay", body)
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (status, code, field)
    assert await listed(module_shop) == before


@pytest.mark.parametrize("role", ["brand", "order-service"])
async def test_it_is_the_platform_s(module_shop: Shop, role: str) -> None:
    key = await module_shop.make_key(role, brandId="fox")
    assert (await module_shop.call("GET", PATH, key=key, params=S1)).status_code == 403
    assert (await module_shop.post(f"{PATH}/replay", S1, key=key)).status_code == 403
