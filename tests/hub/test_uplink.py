"""The line: what goes out for each of the agent's calls, and what comes back of it."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from eightysix.client.request import Arrived, Broken, Reply, Request
from eightysix.core.hub import GrantChange, GrantRequest, Side
from eightysix.core.key import StoreKey, sku_key, spu_key
from eightysix.core.outcome import Code, GrantTotal
from eightysix.hub.call import (
    Call,
    Denied,
    FetchOrders,
    FetchStore,
    Lost,
    Moved,
    MoveGrants,
    OrdersFetched,
    Pull,
    Pulled,
    StoreFetched,
    Upload,
    Uploaded,
)
from eightysix.hub.uplink import Uplink
from eightysix.wire.answer import ENCODER
from eightysix.wire.language import Language

STORE = StoreKey.of("wok", "soho")
EVENT = b'{"seq":4,"at":5,"actor":"k","source":"api"}'


class Cloud:
    """A transport that answers with what it is told to."""

    def __init__(self, status: int = 200, body: Any = None, headers: dict[str, str] | None = None) -> None:
        self.reply: Reply | Broken = Reply(status, headers or {}, b"" if body is None else ENCODER.encode(body))
        self.asked: list[Request] = []

    async def send(self, request: Request, seconds: float) -> Reply | Broken:
        self.asked.append(request)
        return self.reply

    async def open(self, request: Request, seconds: float) -> tuple[Reply | Broken, None]:
        raise NotImplementedError

    async def close(self) -> None: ...


def uplink(cloud: Cloud, told: Callable[[Call, str], None] = lambda _call, _why: None) -> Uplink:
    made = Uplink("http://127.0.0.1:1", "e86_key", STORE, Side("h1", "j1"), told=told)
    for client in (made.client, made.quick):
        client._line = cloud
    return made


def body(cloud: Cloud) -> Any:
    return msgspec.json.decode(cloud.asked[-1].body)


async def test_events_go_out_byte_for_byte() -> None:
    settled = [{"object_type": 2, "object_id": 7, "version": 12}]
    cloud = Cloud(body={"last_seq": 4, "at": "2026-11-23T12:00:00.000Z", "settled": settled})
    answer = await uplink(cloud).ask(Upload("j1", 4, "", (EVENT,)))
    assert answer == Uploaded(4, ((sku_key(7), 12),))
    assert EVENT in cloud.asked[-1].body
    assert {"hub_id": "h1", "journal_id": "j1", "seq": 4, "chain": ""}.items() <= body(cloud).items()


async def test_grants_are_asked_for_in_portions() -> None:
    total = {"object_type": 1, "object_id": 3, "given": Decimal("1.5"), "grant": 4}
    cloud = Cloud(body={"totals": [total], "replayed": False})
    changes = (GrantChange(spu_key(3), 1_500), GrantChange(sku_key(4), -250))
    answer = await uplink(cloud).ask(MoveGrants(GrantRequest("r1", changes, 0)))
    assert answer == Moved((GrantTotal(spu_key(3), 1_500, 4_000),))
    sent = body(cloud)
    assert (sent["device_id"], sent["request_id"]) == ("h1", "r1")
    assert [(each["sku_id"], each["spu_id"], each["delta"]) for each in sent["changes"]] == [
        (None, 3, 1.5),
        (4, None, -0.25),
    ]


async def test_a_page_of_rows() -> None:
    shop = {"open": True, "brand_open": True, "store_open": True, "time_zone": "UTC", "deleted": False}
    cloud = Cloud(body={"cursor": "c9", "has_more": True, "reset": False, "store": shop, "data": []})
    assert await uplink(cloud).ask(Pull("c1")) == Pulled((), "c9", has_more=True)
    assert body(cloud)["since"] == "c1"


async def test_the_store_is_as_it_was() -> None:
    assert await uplink(Cloud(204)).ask(FetchStore(8)) == StoreFetched(8)


async def test_orders_tell_the_clouds_clock() -> None:
    made = uplink(Cloud(body={"at": "2020-01-01T00:00:00.000Z", "orders": [], "cursor": None}))
    assert await made.ask(FetchOrders()) == OrdersFetched([])
    assert made.skew.ms is not None
    assert made.skew.is_far


@pytest.mark.parametrize(
    ("status", "code", "meaning"),
    [
        (401, "UNAUTHENTICATED", Denied(None)),
        (409, "HUB_FENCED", Denied(Code.HUB_FENCED)),
        (403, "FORBIDDEN", Denied("FORBIDDEN")),
        (503, "UNAVAILABLE", Lost(2_000)),
        (429, "TOO_MANY_REQUESTS", Lost(2_000)),
        (500, "INTERNAL", Lost()),
    ],
)
async def test_what_a_failure_means(status: int, code: str, meaning: object) -> None:
    said: list[str] = []
    refusal = {"code": code, "message": "no", "retryable": False}
    cloud = Cloud(status, refusal, {"retry-after": "2"} if status in {429, 503} else None)
    assert await uplink(cloud, lambda _call, why: said.append(why)).ask(FetchStore(None)) == meaning
    assert len(said) == len(cloud.asked) == 1


async def test_a_gap_says_where_to_go_on() -> None:
    refusal = {"code": "JOURNAL_GAP", "message": "no", "retryable": False, "expected_seq": 3}
    assert await uplink(Cloud(409, refusal)).ask(Upload("j1", 4, "", (EVENT,))) == Denied(Code.JOURNAL_GAP, 3)


async def test_no_answer_and_a_strangers_answer_are_lost_and_not_tried_again() -> None:
    cloud = Cloud()
    cloud.reply = Broken(Arrived.PERHAPS, "cut")
    assert await uplink(cloud).ask(Pull(None)) == Lost()
    assert len(cloud.asked) == 1
    cloud.reply = Reply(200, {}, b"<html>log in</html>")
    assert await uplink(cloud).ask(Pull(None)) == Lost()


async def test_what_is_forwarded_is_asked_in_the_callers_name() -> None:
    cloud = Cloud(body={})
    made = uplink(cloud)
    client = made.in_the_name_of(b"Bearer  e86_till", Language.CHINESE)
    await client.ask("GET", "/api/v1/brands")
    headers = dict(cloud.asked[-1].headers)
    assert (headers["authorization"], headers["accept-language"]) == ("Bearer e86_till", "zh-CN")
    await made.ask(FetchStore(None))
    assert dict(cloud.asked[-1].headers)["authorization"] == "Bearer e86_key"
