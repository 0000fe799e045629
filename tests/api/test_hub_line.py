"""What a paired hub asks of the cloud and tells it, through the service: grants, its journal, its end."""

import asyncio
from collections.abc import Sequence
from typing import Any

import httpx
import msgspec
import pytest

from eightysix.core.change import Kind
from eightysix.core.command import Actor, ChangeStock, Setting, WriteOffHub
from eightysix.core.hub_event import HubEvent, Move, chained, encode_event
from eightysix.core.key import StoreKey, sku_key
from eightysix.core.reservation import Reservation, State, Take
from tests.gateway.receiver import Receiver

from .shop import RICE, SOUP, Shop
from .test_hubs import S1, listed, paired

STORE = StoreKey.of("fox", "s1")
NOW = 1_800_000_000_000


class HubEnd:
    """A hub of store s1 with a journal, as far as the cloud hears of it."""

    def __init__(self, shop: Shop, told: dict[str, Any]) -> None:
        self.shop = shop
        self.hub_id: str = told["hub_id"]
        self.key: str = told["key"]
        self.events: list[bytes] = []
        self.requests = 0

    async def grants(self, *changes: Any, status: int = 200, request_id: str | None = None) -> Any:
        self.requests += 1
        known = request_id or f"{self.hub_id}-{self.requests}"
        body = {**S1, "device_id": self.hub_id, "request_id": known, "changes": list(changes)}
        answer = await self.shop.post("/api/v1/poi/stock/grants", body, key=self.key)
        assert answer.status_code == status, answer.text
        return answer.json()

    def write(self, **more: Any) -> HubEvent:
        """The journal's next event."""
        event = HubEvent(len(self.events) + 1, NOW, "key_pos", "api", **more)
        self.events.append(encode_event(event))
        return event

    def sell(self, order_id: str, sku_id: int, portions: int) -> None:
        amount = portions * 1000
        take = (Take(2, sku_id),)
        line = Reservation(order_id, sku_id, 0, "POS", State.DEDUCTED, amount, amount, NOW, NOW, take, revision=1)
        move = Move(sku_key(sku_id), Kind.DEDUCT, amount, -amount, -amount, 2**41, 0, "POS")
        self.write(order_id=order_id, lines=(line,), moves=(move,))

    async def upload(self, first: int = 1, *, key: str | None = None, **more: Any) -> httpx.Response:
        chain = ""
        for body in self.events[: first - 1]:
            chain = chained(chain, body)
        raw = [msgspec.Raw(body) for body in self.events[first - 1 :]]
        told = {"hub_id": self.hub_id, "journal_id": "j1", "seq": first, "chain": chain, "events": raw}
        return await self.shop.post("/api/v1/hub/events", {**S1, **told, **more}, key=key or self.key)

    async def uploaded(self, first: int = 1, **more: Any) -> Any:
        answer = await self.upload(first, **more)
        assert answer.status_code == 200, answer.text
        return answer.json()


async def opened(shop: Shop) -> HubEnd:
    """A hub that holds 40 of 100 portions of soup."""
    await shop.stock(SOUP, 100)
    end = HubEnd(shop, await paired(shop))
    await end.grants({"sku_id": SOUP, "delta": 40})
    return end


async def row(shop: Shop, object_id: int = SOUP) -> Any:
    answer = await shop.post("/api/v1/poi/stock/find-to-pos", S1)
    return next(each for each in answer.json()["data"] if each["object_id"] == object_id)


async def held(shop: Shop, object_id: int = SOUP) -> tuple[Any, Any]:
    stock = await row(shop, object_id)
    return stock["real_quantity"], stock["grant_quantity"]


async def refusal(shop: Shop, answer: httpx.Response) -> tuple[int, str, str | None]:
    told = answer.json()
    return answer.status_code, told["code"], told.get("field")


async def test_a_hub_borrows_and_gives_back(own_shop: Shop) -> None:
    end = await opened(own_shop)
    assert await held(own_shop) == (100, 40)
    assert await own_shop.left(SOUP, channel_code="ONLINE_ORDER") == 60
    told = await end.grants({"sku_id": SOUP, "delta": 100}, {"sku_id": RICE, "delta": 2.5}, request_id="r")
    assert told == {
        "totals": [
            {"object_type": 2, "object_id": SOUP, "given": 60, "grant": 100},
            {"object_type": 2, "object_id": RICE, "given": 2.5, "grant": 2.5},
        ],
        "replayed": False,
    }
    again = await end.grants({"sku_id": SOUP, "delta": 100}, {"sku_id": RICE, "delta": 2.5}, request_id="r")
    assert again == {**told, "replayed": True}
    mismatch = await end.grants({"sku_id": SOUP, "delta": 1}, request_id="r", status=409)
    assert mismatch["code"] == "IDEMPOTENCY_MISMATCH"
    back = await end.grants({"sku_id": SOUP, "delta": -30})
    assert back["totals"][0] == {"object_type": 2, "object_id": SOUP, "given": -30, "grant": 70}
    before = await own_shop.books()
    too_much = await end.grants({"sku_id": RICE, "delta": -1}, {"sku_id": SOUP, "delta": -71}, status=409)
    assert (too_much["code"], too_much["field"]) == ("GRANT_EXCEEDED", "changes[1].delta")
    assert await own_shop.books() == before
    everything = await end.grants()
    assert [(each["object_id"], each["given"], each["grant"]) for each in everything["totals"]] == [
        (RICE, 0, 2.5),
        (SOUP, 0, 70),
    ]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ([{"sku_id": SOUP, "spu_id": 1, "delta": 1}], "changes[0].sku_id"),
        ([{"delta": 1}], "changes[0].sku_id"),
        ([{"sku_id": SOUP, "delta": 1}, {"sku_id": SOUP, "delta": 2}], "changes[1].sku_id"),
        ([{"sku_id": SOUP, "delta": 0.0001}], "changes[0].delta"),
        ([{"sku_id": 0, "delta": 1}], "changes[0].sku_id"),
        ([{"sku_id": at, "delta": 1} for at in range(1, 1002)], "changes"),
    ],
)
async def test_a_wrong_request_changes_nothing(module_shop: Shop, changes: list[Any], field: str) -> None:
    shop = module_shop
    hubs = await listed(shop)
    end = SHARED[0] if hubs else HubEnd(shop, await paired(shop))
    SHARED[:] = [end]
    before = await shop.books()
    assert (await end.grants(*changes, status=422))["field"] == field
    assert await shop.books() == before


SHARED: list[HubEnd] = []
"""The hub of the shop that the wrong requests share."""


async def test_a_hub_tells_what_it_has_sold(own_shop: Shop) -> None:
    end = await opened(own_shop)
    end.sell("h1", SOUP, 3)
    end.sell("h2", SOUP, 4)
    told = await end.uploaded()
    assert (told["last_seq"], told["settled"]) == (2, [])
    assert await held(own_shop) == (93, 33)
    assert await own_shop.left(SOUP, channel_code="ONLINE_ORDER") == 60, "of what the cloud has nothing was sold"
    assert (await end.uploaded())["last_seq"] == 2
    assert await held(own_shop) == (93, 33), "told twice it has happened once"
    end.sell("h3", SOUP, 1)
    assert (await end.uploaded(3))["last_seq"] == 3
    assert await held(own_shop) == (92, 32)
    order = await own_shop.call("GET", "/api/v1/stock/orders/h3", params=S1)
    assert order.json()["state"] == "DEDUCTED"


async def test_where_the_journal_does_not_go_on(own_shop: Shop) -> None:
    end = await opened(own_shop)
    for at in range(4):
        end.sell(f"h{at}", SOUP, 1)
    before = await own_shop.books()
    gap = await end.upload(3)
    assert (await refusal(own_shop, gap))[:2] == (409, "JOURNAL_GAP")
    assert (gap.json()["expected_seq"], gap.json()["field"]) == (1, "events[0].seq")
    other = await end.upload(chain="0" * 64)
    assert await refusal(own_shop, other) == (409, "JOURNAL_MISMATCH", "events[0].chain")
    assert await own_shop.books() == before
    await end.uploaded()
    rewritten = end.events.copy()
    end.events = rewritten[:3]
    end.sell("forged", SOUP, 9)
    assert (await refusal(own_shop, await end.upload(4)))[:2] == (409, "JOURNAL_MISMATCH")
    assert await held(own_shop) == (96, 36)


async def put_back(shop: Shop) -> HubEnd:
    """A hub that has told five sales, and whose file was then put back to a copy that knows of two."""
    end = await opened(shop)
    for at in range(5):
        end.sell(f"h{at}", SOUP, 1)
    await end.uploaded()
    del end.events[2:]
    return end


async def test_what_a_hub_sells_after_its_file_was_put_back_is_not_taken_for_stored(own_shop: Shop) -> None:
    """Were it told so, it would forget these sales, and nobody would ever know of them."""
    end = await put_back(own_shop)
    end.sell("x2", SOUP, 1)
    for first in (1, 3):  # before it reaches the end of what was told, and by whatever was acknowledged in the copy
        refused = await end.upload(first)
        assert (refused.status_code, refused.json()["code"]) == (409, "JOURNAL_MISMATCH")
        assert refused.json()["expected_seq"] == 6
    for at in range(3, 9):
        end.sell(f"x{at}", SOUP, 1)
    refused = await end.upload(2)
    assert await refusal(own_shop, refused) == (409, "JOURNAL_MISMATCH", "events[3].events")
    assert await held(own_shop) == (95, 35), "nothing of it was taken over"


async def test_what_a_hub_never_held_is_refused_and_no_fault(own_shop: Shop) -> None:
    """Its file was put back to a copy of before it gave 30 back, and no event tells of that."""
    end = await opened(own_shop)
    await end.grants({"sku_id": SOUP, "delta": -30})
    end.sell("h1", SOUP, 11)
    refused = await end.upload()
    assert await refusal(own_shop, refused) == (409, "GRANT_EXCEEDED", "events[0].moves[0].held")
    assert await held(own_shop) == (100, 10)
    await replace(own_shop, end.hub_id)
    assert (await end.uploaded(key=str(own_shop.key)))["last_seq"] == 1, "once it is replaced, all counts as late"
    assert await held(own_shop) == (90, 0)


async def test_events_before_a_wrong_one_are_stored(own_shop: Shop) -> None:
    end = await opened(own_shop)
    end.sell("h1", SOUP, 1)
    end.events.append(b'{"seq":2,"at":1,"actor":"x","source":"api","moves":[[[2,0],6,0,0,0,0]]}')
    end.sell("h3", SOUP, 1)
    assert (await end.uploaded())["last_seq"] == 1
    wrong = await end.upload(2)
    assert await refusal(own_shop, wrong) == (422, "NUMBER_OUT_OF_RANGE", "events[0].moves[0].key.object_id")
    assert await held(own_shop) == (99, 39)


async def test_what_the_store_has_set_is_settled_with_a_version(own_shop: Shop) -> None:
    end = await opened(own_shop)
    known = (await row(own_shop))["settings_version"]
    setting = Setting(sku_key(SOUP), status=2, manual=True, kind=Kind.EIGHTY_SIX)
    end.write(setting=ChangeStock(STORE, setting, Actor("somebody else"), base_version=known))
    told = await end.uploaded()
    after = await row(own_shop)
    assert after["stock_status"] == 2
    assert told["settled"] == [{"object_type": 2, "object_id": SOUP, "version": after["version"]}]
    log = await own_shop.post("/api/v1/poi/stock/log", {**S1, "object_id": SOUP})
    line, *_ = log.json()["rows"]
    assert (line["actor"], line["source"]) == ("key_pos", "hub")


async def test_in_a_store_with_a_hub_its_channels_sell_there(own_shop: Shop) -> None:
    end = await opened(own_shop)
    assert (await refusal(own_shop, await own_shop.lock("c1", (SOUP, 1))))[:2] == (409, "USE_HUB")
    assert (await own_shop.lock("c1", (SOUP, 1), channel_code="ONLINE_ORDER")).status_code == 200
    assert (await own_shop.lock("c2", (SOUP, 1), poi_id="s2")).status_code == 200
    end.sell("h1", SOUP, 1)
    await end.uploaded()
    for verb, more in (("return", {"request_id": "r"}), ("deduct", {})):
        assert (await refusal(own_shop, await own_shop.verb(verb, "h1", **more)))[:2] == (409, "ORDER_AT_HUB")


async def replace(shop: Shop, hub_id: str, **more: Any) -> httpx.Response:
    return await shop.post("/api/v1/hubs/replace", {**S1, "hub_id": hub_id, "reason": "stolen"}, **more)


async def test_a_hub_that_is_gone(own_shop: Shop) -> None:
    shop, end = own_shop, await opened(own_shop)
    end.sell("h1", SOUP, 3)
    await end.uploaded()
    answer = await replace(shop, end.hub_id)
    assert answer.json() == {
        **S1, "hub_id": end.hub_id, "replayed": False,
        "written_off": [{"object_type": 2, "object_id": SOUP, "given": -37, "grant": 0}],
    }  # fmt: skip
    assert await held(shop) == (60, 0)
    assert (await shop.call("GET", "/api/v1/hub/store", key=end.key, params=S1)).status_code == 401
    assert (await shop.lock("c1", (SOUP, 1))).status_code == 200, "the cloud sells again"
    [state] = await listed(shop, poiId="s1")
    assert (state["status"], state["hub_id"]) == ("replaced", end.hub_id)
    assert state["at_risk"] == [{"hub_id": end.hub_id, "object_type": 2, "object_id": SOUP, "at_risk": 37}]
    _, *before = await shop.books()
    assert (await replace(shop, end.hub_id)).json()["replayed"] is True
    _, *after = await shop.books()
    assert after == before
    [line] = (await shop.call("GET", "/api/v1/audit", params={"brandId": "fox", "action": "fence"})).json()["items"]
    assert (line["object"], line["after"]["reason"], line["after"]["status"]) == ("s1", "stolen", "replaced")
    fresh = HubEnd(shop, await paired(shop))
    await fresh.grants({"sku_id": SOUP, "delta": 10})
    assert await refusal(shop, await replace(shop, end.hub_id)) == (404, "HUB_NOT_FOUND", "hub_id")
    assert await held(shop) == (60, 10), "what the next one holds is its own"


async def test_replacing_goes_on_after_a_crash_in_between(own_shop: Shop) -> None:
    shop, end = own_shop, await opened(own_shop)
    await shop.service.engine.submit(WriteOffHub(STORE, end.hub_id, Actor("somebody"), "stolen"))
    refused = await end.grants({"sku_id": SOUP, "delta": 1}, status=409)
    assert refused["code"] == "HUB_FENCED"
    assert (await listed(shop))[0]["status"] == "active"
    answer = await replace(shop, end.hub_id)
    assert (answer.status_code, answer.json()["replayed"]) == (200, True)
    assert answer.json()["written_off"] == [{"object_type": 2, "object_id": SOUP, "given": -40, "grant": 0}]
    assert (await listed(shop))[0]["status"] == "replaced"
    assert await held(shop) == (60, 0)


async def test_the_journal_of_a_hub_that_is_gone_is_brought_by_somebody_else(own_shop: Shop) -> None:
    shop, end = own_shop, await opened(own_shop)
    end.sell("h1", SOUP, 3)
    for key in (str(shop.key), await shop.make_key("store", brandId="fox", poi_ids=["s1"])):
        assert await refusal(shop, await end.upload(key=key)) == (404, "HUB_NOT_FOUND", "hub_id")
        unknown = await end.upload(key=key, hub_id="hub_none")
        assert await refusal(shop, unknown) == (404, "HUB_NOT_FOUND", "hub_id")
    await replace(shop, end.hub_id)
    fresh = await paired(shop)
    assert (await refusal(shop, await end.upload(key=fresh["key"])))[:2] == (404, "HUB_NOT_FOUND")
    assert (await end.uploaded(key=key))["last_seq"] == 1
    assert await held(shop) == (60, 0), "it was written off"
    [state] = await listed(shop, poiId="s1")
    assert [each["at_risk"] for each in state["at_risk"]] == [37]


async def test_how_far_a_hub_is(own_shop: Shop) -> None:
    shop, end = own_shop, await opened(own_shop)
    end.sell("h1", SOUP, 3)
    await end.uploaded()
    cursor = (await shop.post("/api/v1/poi/stock/find-to-pos", S1, key=end.key)).json()["cursor"]
    await shop.post("/api/v1/poi/stock/ack", {**S1, "cursor": cursor, "device_id": end.hub_id}, key=end.key)
    await shop.stock(RICE, 5)
    [state] = await listed(shop, poiId="s1")
    assert (state["journal"]["journal_id"], state["journal"]["last_seq"]) == ("j1", 1)
    assert state["lag"]["changes"] == 1
    assert state["grants"] == [{"object_type": 2, "object_id": SOUP, "grant": 37}]
    assert (state["at_risk"], state["connected"]) == ([], False)
    port = shop.http.base_url.port
    assert port is not None
    stream = await Receiver.connect(port, end.key, device_id=end.hub_id)
    await stream.next()
    [state] = await listed(shop)
    assert (state["connected"], state["grants"]) == (True, None)
    stream.leave()


async def test_online_orders_that_go_short_are_told_to_the_hub(own_shop: Shop) -> None:
    shop, end = own_shop, await opened(own_shop)
    port = shop.http.base_url.port
    assert port is not None
    stream = await Receiver.connect(port, end.key, device_id=end.hub_id)
    place = (await stream.next()).id
    enough = await shop.lock("c1", (SOUP, 58), channel_code="ONLINE_ORDER")
    assert enough.status_code == 200
    changed = await stream.next()
    short = await shop.lock("c2", (SOUP, 5), channel_code="ONLINE_ORDER")
    assert short.json()["shortages"][0]["available"] == 2
    told = await stream.next()
    assert (told.event, told.data) == ("grant.recall", {**S1, "object_type": 2, "object_id": SOUP, "wanted": 3})
    assert told.id == changed.id != place, "it is no part of the chain"
    await end.grants({"sku_id": SOUP, "delta": -3})
    assert (await stream.next()).event == "poi.item.stock"
    assert (await shop.lock("c2", (SOUP, 5), channel_code="ONLINE_ORDER")).status_code == 200
    stream.leave()


async def test_several_uploads_at_once_store_the_journal_once(own_shop: Shop) -> None:
    """A hub that sends again because it heard nothing, while the first is still under way."""
    end = await opened(own_shop)
    for at in range(30):
        end.sell(f"h{at}", SOUP, 1)
    answers: Sequence[httpx.Response] = await asyncio.gather(*(end.upload() for _ in range(3)))
    assert [answer.json().get("last_seq") for answer in answers] == [30] * 3
    assert await held(own_shop) == (70, 10)
