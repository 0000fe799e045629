"""Following a real service that is killed, cut off, put back to another database; what a POS asks and tells."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from eightysix.cli.calling.setup import ItemToSet, StoreToSet, limited, put_brand, put_items, put_stores, set_stock
from eightysix.client import AsyncClient, AsyncFollower, Client, Follower, Pace, Refused, Reset
from eightysix.wire.order import LockLine
from eightysix.wire.pos_report import ReportBody
from eightysix.wire.replay import LockEvent, SaleEvent
from tests.api.conftest import open_shop
from tests.api.shop import CAKE, RICE, SOUP, TEA, Shop
from tests.crash.serving import Serving

from .conftest import QUICK
from .cutting import Cut, CuttingProxy, Relay, relaying

STORE = ("b", "s")
PACE = Pace(first_pause_seconds=0.02, longest_pause_seconds=0.2, poll_seconds=0.5)


async def comes_true(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - what it is about is changed by others
            await asyncio.sleep(0.01)


def real(follower: Follower | AsyncFollower, object_id: int) -> object:
    row = follower.rows.get((2, object_id))
    return None if row is None else row.real_quantity


@pytest.fixture
async def relay() -> AsyncIterator[Relay]:
    async with relaying() as between:
        yield between


async def test_a_service_that_is_killed_and_comes_back_is_followed_on(tmp_path: Path, relay: Relay) -> None:
    serving = Serving(f"sqlite:///{tmp_path}/stream.db", tmp_path / "serve.log")
    try:
        await serving.start()
        relay.port = urlsplit(serving.url).port or 0
        saved: list[str] = []
        async with AsyncClient(relay.url, serving.key, policy=QUICK) as client:
            await put_brand(client, "b", "B")
            await put_stores(client, [StoreToSet("b", "s", "S", "UTC")])
            await put_items(client, [ItemToSet("b", 2, sku_id, {"en": "x", "zh": "x"}) for sku_id in (1, 2)])
            await set_stock(client, "b", "s", [limited(1, 5)])
            follower = client.follower(STORE, device_id="kiosk", save=saved.append, pace=PACE)
            following = asyncio.create_task(follower.run())
            threaded = Client(relay.url, serving.key, policy=QUICK)
            screen = threaded.follower(STORE, pace=PACE)
            watching = asyncio.create_task(asyncio.to_thread(_until, screen, 1, 99))
            for portions in range(6, 10):
                await set_stock(client, "b", "s", [limited(1, portions)])
                await comes_true(lambda now=portions: real(follower, 1) == real(screen, 1) == now)
                relay.cut()
            await serving.kill()
            await serving.start()
            relay.port = urlsplit(serving.url).port or 0
            await set_stock(client, "b", "s", [limited(2, 7), limited(1, 99)])
            await comes_true(lambda: real(follower, 1) == 99 and real(follower, 2) == 7)
            await watching
            assert real(screen, 1) == 99
            found = [row async for page in client.find_to_pos(STORE) for row in page.data]
            assert {(row.object_type, row.object_id): row for row in found} == follower.rows
            await comes_true(lambda: bool(saved) and saved[-1] == follower.cursor)
            devices = await client.ask("GET", "/api/v1/poi/stock/devices", query={"brandId": "b"})
            assert [(each["device_id"], each["lag"]["changes"]) for each in devices["items"]] == [("kiosk", 0)]
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
            threaded.close()
            again = client.follower(STORE, cursor=saved[-1], rows=found, pace=PACE)
            resumed = asyncio.create_task(again.run())
            await set_stock(client, "b", "s", [limited(2, 3)])
            await comes_true(lambda: real(again, 2) == 3 and real(again, 1) == 99)
            resumed.cancel()
            await asyncio.gather(resumed, return_exceptions=True)
    finally:
        await serving.end()


def _until(screen: Follower, object_id: int, portions: int) -> None:
    for _ in screen:
        if real(screen, object_id) == portions:
            return


async def test_where_streams_are_not_let_through_changes_are_asked_for(shop: Shop, proxy: CuttingProxy) -> None:
    """The proxy waits for the end of each answer, which a stream's never comes to."""
    pace = Pace(open_seconds=0.3, silence_seconds=0.3, poll_seconds=0.2, longest_pause_seconds=0.1)
    async with AsyncClient(proxy.url, shop.key, policy=QUICK) as client:
        follower = client.follower(("fox", "s1"), pace=pace)
        following = asyncio.create_task(follower.run())
        for portions in (400, 401):
            await set_stock(client, "fox", "s1", [limited(CAKE, portions)])
            await comes_true(lambda now=portions: real(follower, CAKE) == now)
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)


async def test_another_database_makes_everything_come_anew(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as own, AsyncClient(str(own.http.base_url), own.key, policy=QUICK) as client:
        follower = client.follower(("fox", "s1"), pace=PACE)
        heard: list[type] = []

        async def follow() -> None:
            async for news in follower:
                heard.append(type(news))  # noqa: PERF401 - it never ends

        following = asyncio.create_task(follow())
        await comes_true(lambda: real(follower, RICE) == 1000)
        await own.service.catalog.begin_generation()
        await comes_true(lambda: Reset in heard)
        await set_stock(client, "fox", "s1", [limited(RICE, 5)])
        await comes_true(lambda: real(follower, RICE) == 5 and real(follower, SOUP) == 1000)
        assert heard.count(Reset) == 1
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)


async def test_a_key_that_is_revoked_ends_it(shop: Shop, client: AsyncClient) -> None:
    made = await client.ask(
        "POST", "/api/v1/keys", {"name": "screen", "role": "store", "brandId": "fox", "poi_ids": ["s1"]}
    )
    async with AsyncClient(str(shop.http.base_url), made["key"], policy=QUICK) as screen:
        following = asyncio.create_task(screen.follower(("fox", "s1"), pace=PACE).run())
        await client.ask("DELETE", "/api/v1/keys", query={"key_id": made["key_id"]})
        with pytest.raises(Exception, match="UNAUTHENTICATED"):
            await asyncio.wait_for(following, 60)
        with pytest.raises(Refused, match="STORE_NOT_FOUND"):
            await client.follower(("fox", "s9"), pace=PACE).run()


async def test_a_stream_begins_now_unless_it_is_told_from_where(client: AsyncClient) -> None:
    stream = client.stream(("fox", "s2"), pace=PACE)
    ready = await anext(stream)
    await set_stock(client, "fox", "s2", [limited(SOUP, 8)])
    told = await anext(stream)
    assert [(each.object_id, each.real_quantity) for each in told.stocks] == [(SOUP, 8)]
    await stream.aclose()
    later = client.stream(("fox", "s2"), ready.cursor, pace=PACE)
    assert await anext(later) == ready
    assert (await anext(later)).stocks == told.stocks
    await later.aclose()


async def test_pages_of_what_changed(client: AsyncClient, threaded: Client) -> None:
    await set_stock(client, "fox", "s2", [limited(each, 9) for each in (RICE, SOUP, TEA, CAKE)])
    pages = [page async for page in client.find_to_pos(("fox", "s2"), limit=3)]
    assert [(len(page.data), page.has_more) for page in pages] == [(3, True), (1, False)]
    assert await asyncio.to_thread(lambda: list(threaded.find_to_pos(("fox", "s2"), limit=3))) == pages
    [nothing] = [page async for page in client.find_to_pos(("fox", "s2"), pages[-1].cursor)]
    assert nothing.data == []
    told = await client.ack(("fox", "s2"), pages[0].cursor, "pos-1")
    assert told.lag > 0
    assert (await client.ack(("fox", "s2"), pages[-1].cursor, "pos-1")).lag == 0


async def test_a_report_whose_answer_is_lost_is_processed_once(
    shop: Shop, proxy: CuttingProxy, through: AsyncClient
) -> None:
    row = await through.set_stock(("fox", "s2"), limited(CAKE, 5))
    seen = datetime.fromisoformat(row.updated_at or "")
    report = ReportBody(
        brand_id="fox", poi_id="s2", object_id=CAKE, stock_type=2, real_quantity=Decimal(3), updated_at=seen
    )
    proxy.next.extend([Cut.ANSWER, Cut.HALF])
    reported = await through.sync_from_pos(report)
    assert (reported.real_quantity, reported.replayed, reported.version) == (3, True, row.version + 1)
    with pytest.raises(Refused) as stale:
        await through.sync_from_pos(
            ReportBody(brand_id="fox", poi_id="s2", object_id=CAKE, stock_status=2, updated_at=seen)
        )
    assert stale.value.stock is not None
    assert stale.value.stock.version == reported.version


async def test_a_journal_whose_answers_are_lost_counts_once(
    shop: Shop, proxy: CuttingProxy, through: AsyncClient
) -> None:
    await through.set_stock(("fox", "s2"), limited(RICE, 50))
    now = datetime.now(UTC)
    events = [
        SaleEvent(seq=1, occurred_at=now, order_id="j-1", channel_code="POS", lines=[LockLine(RICE, Decimal(2))]),
        LockEvent(seq=2, occurred_at=now, order_id="j-2", channel_code="POS", lines=[LockLine(RICE, Decimal(3))]),
    ]
    proxy.next.extend([Cut.ANSWER, Cut.HALF])
    told = await through.replay(("fox", "s2"), "till", "journal", events)
    assert [(each.seq, each.result, each.replayed) for each in told.results] == [
        (1, "applied", True),
        (2, "applied", True),
    ]
    [page] = [page async for page in through.find_to_pos(("fox", "s2"))]
    [rice] = [row for row in page.data if row.object_id == RICE]
    assert (rice.real_quantity, rice.locked_quantity) == (48, 3)
    gap = SaleEvent(seq=4, occurred_at=now, order_id="j-4", channel_code="POS", lines=[LockLine(RICE, Decimal(1))])
    with pytest.raises(Refused) as refused:
        await through.replay(("fox", "s2"), "till", "journal", [gap])
    assert (refused.value.code, refused.value.answer.expected_seq) == ("JOURNAL_GAP", 3)
