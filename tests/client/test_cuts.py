"""Connections that are cut: whatever the client saw, the service has done it once, and the client is told."""

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import pytest

from eightysix.client import AsyncClient, Client, OutcomeUnknown, Policy, RateLimited, Unavailable
from eightysix.core.key import StoreKey
from eightysix.wire.stock import SettingBody
from tests.api.shop import RICE, SOUP, TEA, Shop

from .conftest import QUICK
from .cutting import Cut, CuttingProxy, canned

STORE = ("fox", "s1")
LOSSES = [Cut.ANSWER, Cut.HALF, Cut.BEFORE]

Verb = Callable[[AsyncClient, str], Awaitable[Any]]
VERBS: dict[str, Verb] = {
    "lock": lambda client, order_id: client.lock(STORE, order_id, "POS", {RICE: 2}),
    "amend": lambda client, order_id: client.amend(STORE, order_id, {RICE: 3}),
    "deduct": lambda client, order_id: client.deduct(STORE, order_id),
    "return": lambda client, order_id: client.return_(STORE, order_id, {RICE: 1}),
}
ORDER = ("lock", "amend", "deduct", "return")


async def rice(shop: Shop) -> tuple[Any, Any]:
    """Real and locked portions of rice."""
    [store] = [store async for store in shop.service.database.audit() if store.store == StoreKey.of(*STORE)]
    [stock] = [stock for stock in store.stocks if stock.key.object_id == RICE]
    return stock.real // 1000, stock.locked // 1000


@pytest.mark.parametrize("losses", [[cut] for cut in LOSSES] + [[Cut.ANSWER, Cut.BEFORE, Cut.HALF]], ids=str)
async def test_an_order_whose_answers_are_lost_is_as_one_whose_are_not(
    shop: Shop, proxy: CuttingProxy, through: AsyncClient, client: AsyncClient, losses: list[Cut]
) -> None:
    clean, cut = shop.new_order(), shop.new_order()
    for name in ORDER:
        expected = await VERBS[name](client, clean)
        before = await rice(shop)
        proxy.next.extend(losses)
        got = await VERBS[name](through, cut)
        assert not proxy.next
        after = await rice(shop)
        assert (got.state, got.lines) == (expected.state, expected.lines)
        assert got.replayed == (losses[0] is not Cut.BEFORE)
        assert (after[0] - before[0], after[1] - before[1]) == {
            "lock": (0, 2), "amend": (0, 1), "deduct": (-3, -3), "return": (0, 0),
        }[name]  # fmt: skip


async def test_the_same_from_threads(shop: Shop, proxy: CuttingProxy, threaded: Client) -> None:
    before = await rice(shop)
    orders = [shop.new_order() for _ in range(24)]
    proxy.next.extend([Cut.NOWHERE, Cut.ANSWER, Cut.BEFORE, Cut.HALF, Cut.AFTER] * 12)

    def whole(order_id: str) -> str:
        threaded.lock(STORE, order_id, "POS", {RICE: 1})
        threaded.amend(STORE, order_id, {RICE: 2})
        return threaded.deduct(STORE, order_id).state

    async with asyncio.TaskGroup() as group:
        states = [group.create_task(asyncio.to_thread(whole, order_id)) for order_id in orders]
    assert {state.result() for state in states} == {"DEDUCTED"}
    assert await rice(shop) == (before[0] - 2 * len(orders), before[1])


async def test_an_addition_is_counted_once(shop: Shop, proxy: CuttingProxy, through: AsyncClient) -> None:
    before = await rice(shop)
    proxy.next.extend([Cut.ANSWER, Cut.HALF])
    row = await through.set_stock(STORE, SettingBody(RICE, op="add", quantity=Decimal(10)))
    assert row.replayed
    proxy.next.append(Cut.ANSWER)
    [result] = await through.update("fox", [SettingBody(RICE, op="add", quantity=Decimal(10))], ["s1"])
    assert result.get().replayed
    assert await rice(shop) == (before[0] + 20, before[1])


async def test_a_call_that_is_made_anew_counts_twice_and_one_that_is_sent_again_once(
    shop: Shop, proxy: CuttingProxy
) -> None:
    """The negative control of the test above: without the same request_id it must count twice."""
    hasty = Policy(deadline_seconds=5.0, first_pause_seconds=60.0, longest_pause_seconds=60.0)
    before = await rice(shop)
    async with AsyncClient(proxy.url, shop.key, policy=hasty) as client:
        proxy.next.append(Cut.ANSWER)
        with pytest.raises(OutcomeUnknown) as careless:
            await client.set_stock(STORE, SettingBody(RICE, op="add", quantity=Decimal(10)))
        await client.set_stock(STORE, SettingBody(RICE, op="add", quantity=Decimal(10)))
        assert await rice(shop) == (before[0] + 20, before[1]), "asked for 10"
        again = await client.send(careless.value.call)
        assert again.replayed
        assert again.real_quantity == before[0] + 20
    assert careless.value.retryable
    assert await rice(shop) == (before[0] + 20, before[1])


async def test_what_can_t_be_repeated_is_told_to_be_unknown(
    shop: Shop, proxy: CuttingProxy, through: AsyncClient
) -> None:
    body = {"brandId": "fox", "poiId": "cut", "name": "Cut", "time_zone": "UTC"}
    proxy.next.append(Cut.ANSWER)
    with pytest.raises(OutcomeUnknown, match="isn't known") as unknown:
        await through.ask("POST", "/api/v1/stores", body)
    assert not unknown.value.retryable
    assert len(proxy.seen) == 1
    assert (await through.ask("GET", "/api/v1/stores", query={"brandId": "fox", "poiId": "cut"}))["items"]


async def test_a_deletion_whose_answer_was_lost_is_done(shop: Shop, proxy: CuttingProxy, through: AsyncClient) -> None:
    await through.ask("PUT", "/api/v1/stores", {"brandId": "fox", "poiId": "gone", "name": "x", "time_zone": "UTC"})
    proxy.next.append(Cut.ANSWER)
    assert await through.ask("DELETE", "/api/v1/stores", query={"brandId": "fox", "poiId": "gone"}) is None


async def test_a_kept_connection_that_was_closed_costs_nothing(
    shop: Shop, proxy: CuttingProxy, through: AsyncClient
) -> None:
    orders = [shop.new_order() for _ in range(6)]
    proxy.next.extend([Cut.AFTER] * 5)
    for order_id in orders:
        assert not (await through.lock(STORE, order_id, "POS", {TEA: 1})).replayed
    assert len(proxy.seen) == 6
    assert proxy.connections == 6


async def test_connections_are_kept(proxy: CuttingProxy, through: AsyncClient, threaded: Client) -> None:
    for _ in range(5):
        await through.availability(STORE, "POS")
    assert proxy.connections == 1
    for _ in range(5):
        await asyncio.to_thread(threaded.availability, STORE, "POS")
    assert proxy.connections == 2


async def test_429_and_503_are_waited_for_as_asked(proxy: CuttingProxy, shop: Shop) -> None:
    told: list[Any] = []
    async with AsyncClient(proxy.url, shop.key, policy=QUICK, observe=told.append) as client:
        proxy.next.extend(
            [canned("503 Busy", b'{"code":"OVERLOADED","message":"m","retryable":true}', "Retry-After: 1")]
        )
        proxy.next.extend(
            [canned("429 Slow", b'{"code":"TOO_MANY_REQUESTS","message":"m","retryable":true}', "Retry-After: 1")]
        )
        began = asyncio.get_running_loop().time()
        order_id = shop.new_order()
        assert not (await client.lock(STORE, order_id, "POS", {TEA: 1})).replayed
        assert asyncio.get_running_loop().time() - began >= 2.0
    assert [(attempt.name, attempt.status, attempt.again) for attempt in told] == [
        ("lock", 503, True), ("lock", 429, True), ("lock", 200, False),
    ]  # fmt: skip
    assert len(set(proxy.seen)) == 1


async def test_a_real_limit_is_told_or_waited_for(shop: Shop, proxy: CuttingProxy) -> None:
    made = await shop.post("/api/v1/keys", {"name": "slow", "role": "order-service", "brandId": "fox", "rate_limit": 1})
    key = made.json()["key"]
    async with AsyncClient(proxy.url, key, policy=Policy(waits_when_limited=False)) as hasty:
        calls = [hasty.availability(STORE, "POS") for _ in range(20)]
        limited = [each for each in await asyncio.gather(*calls, return_exceptions=True) if isinstance(each, Exception)]
        assert {type(each) for each in limited} == {RateLimited}
        assert {each.retry_after for each in limited if isinstance(each, RateLimited)} == {1.0}
    async with AsyncClient(proxy.url, key) as patient:
        for _ in range(2):
            await patient.availability(STORE, "POS")


async def test_the_deadline_holds_whatever_the_service_asks(proxy: CuttingProxy, through: AsyncClient) -> None:
    proxy.next.extend([canned("503 Busy", b"{}", "Retry-After: 3600")] * 3)
    with pytest.raises(Unavailable) as away:
        await through.lock(STORE, "late", "POS", {TEA: 1})
    assert away.value.retry_after == 3600
    assert len(proxy.seen) == 1
    proxy.next.clear()
    proxy.next.extend([Cut.BEFORE] * 100_000)
    with pytest.raises(OutcomeUnknown):
        await through.within(0.5).lock(STORE, "late", "POS", {TEA: 1})
    proxy.next.clear()
    with pytest.raises(Unavailable):
        await AsyncClient("http://127.0.0.1:1").within(0.3).lock(STORE, "nobody", "POS", {TEA: 1})


async def test_a_service_that_never_answers_is_given_up(through: AsyncClient, shop: Shop) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    patience = Policy(attempt_seconds=0.1, deadline_seconds=0.5)
    async with AsyncClient(url, policy=patience) as client:
        with pytest.raises(OutcomeUnknown):
            await client.lock(STORE, "silent", "POS", {TEA: 1})
        with pytest.raises(Unavailable):
            await client.availability(STORE, "POS")
    with Client(url, policy=patience) as threaded, pytest.raises(OutcomeUnknown):
        await asyncio.to_thread(threaded.lock, STORE, "silent", "POS", {TEA: 1})
    server.close()
    await server.wait_closed()


async def test_calls_that_are_cancelled_leave_the_client_usable(shop: Shop, proxy: CuttingProxy) -> None:
    orders = [shop.new_order() for _ in range(40)]
    async with AsyncClient(proxy.url, shop.key, connections=4, policy=QUICK) as client:
        calls = [asyncio.create_task(client.lock(STORE, order_id, "POS", {SOUP: 1})) for order_id in orders]
        await proxy.has_seen(10)
        for call in calls:
            call.cancel()
        ended = await asyncio.gather(*calls, return_exceptions=True)
        assert any(isinstance(each, asyncio.CancelledError) for each in ended)
        for order_id in orders:
            await client.lock(STORE, order_id, "POS", {SOUP: 1})
        held = [await client.order(STORE, order_id) for order_id in orders]
    assert {line.quantity for order in held for line in order.lines} == {1}
