"""Every verb of the client against a real service, once by asyncio and once from a thread."""

import asyncio
import inspect
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from eightysix.client import AsyncClient, Client, Refused, Reply, Store, Unauthorised, device_row
from eightysix.client.verbs import Course, Verb, Verbs
from eightysix.wire.order import DeductOperation, HeldLine, LockLine, LockOperation, NamedLine, ReturnLine
from eightysix.wire.stock import SettingBody
from tests.api.shop import CAKE, RICE, SOUP, TEA, Shop

STORE = Store("fox", "s1")
Ask = Callable[..., Any]


@pytest.fixture(params=["asyncio", "thread"])
async def ask(request: pytest.FixtureRequest, client: AsyncClient, threaded: Client) -> Ask:
    """Asks a verb by its name, as either client does."""

    async def by_asyncio(name: str, *args: Any, **fields: Any) -> Any:
        return await getattr(client, name)(*args, **fields)

    async def in_a_thread(name: str, *args: Any, **fields: Any) -> Any:
        return await asyncio.to_thread(getattr(threaded, name), *args, **fields)

    return by_asyncio if request.param == "asyncio" else in_a_thread


async def test_an_order_from_lock_to_return(shop: Shop, ask: Ask) -> None:
    order_id = f"client/{shop.new_order()} 粥"
    locked = await ask("lock", STORE, order_id, "POS", {RICE: 2, SOUP: Decimal("1.5")}, expires_in=60)
    assert (locked.state, locked.replayed, locked.lines[1].quantity) == ("LOCKED", False, Decimal("1.5"))
    amended = await ask("amend", STORE, order_id, {RICE: 3}, expires_in=600)
    assert amended.lines[0].quantity == 3
    paid = await ask("deduct", STORE, order_id, [HeldLine(RICE, Decimal(2)), HeldLine(SOUP)])
    assert (paid.state, paid.lines[0].quantity) == ("DEDUCTED", 2)
    back = await ask("return_", STORE, order_id, [ReturnLine(RICE, Decimal(1), restock=True)], reason="cold")
    assert not back.replayed
    held = await ask("order", STORE, order_id)
    assert [line.returned_quantity for line in held.lines] == [1, 0]
    assert held.lines[1].quantity == Decimal("1.5")


async def test_an_order_that_is_cancelled(shop: Shop, ask: Ask) -> None:
    order_id = shop.new_order()
    await ask("lock", STORE, order_id, "POS", [LockLine(RICE, Decimal(1)), LockLine(RICE, Decimal(1), 1)])
    assert (await ask("unlock", STORE, order_id, [NamedLine(RICE, 1)])).lines[0].state == "UNLOCKED"
    assert (await ask("unlock", STORE, order_id)).state == "UNLOCKED"
    with pytest.raises(Refused) as refused:
        await ask("deduct", STORE, order_id)
    assert (refused.value.status, refused.value.code) == (409, "ALREADY_UNLOCKED")
    assert {line.code for line in refused.value.lines} == {"ALREADY_UNLOCKED"}


async def test_a_refusal_has_its_shortages(shop: Shop, ask: Ask) -> None:
    before = await shop.books()
    with pytest.raises(Refused) as refused:
        await ask("lock", STORE, shop.new_order(), "POS", {RICE: 5000, TEA: 1})
    [short] = refused.value.shortages
    assert (refused.value.code, refused.value.retryable) == ("OUT_OF_STOCK", False)
    assert (short.sku_id, short.requested, short.blocked_by) == (RICE, 5000, "quantity")
    assert await shop.books() == before


async def test_a_batch_has_a_result_for_each(shop: Shop, ask: Ask) -> None:
    order_id = shop.new_order()
    operations = [
        LockOperation(*STORE, order_id, "POS", [LockLine(TEA, Decimal(1))]),
        DeductOperation(*STORE, order_id),
        DeductOperation(*STORE, "nobody's"),
    ]
    locked, paid, unknown = await ask("batch", operations)
    assert (locked.get().state, paid.get().state) == ("LOCKED", "DEDUCTED")
    assert (unknown.status, unknown.done, unknown.error.code) == (404, None, "ORDER_NOT_FOUND")
    with pytest.raises(Refused):
        unknown.get()


async def test_availability(ask: Ask) -> None:
    everything = await ask("availability", STORE, "KIOSK")
    assert {item.object_id for item in everything.items} == {RICE, SOUP, TEA, CAKE}
    some = await ask("availability", STORE, "KIOSK", [TEA, CAKE])
    assert [(item.object_id, item.sellable, item.available) for item in some.items] == [
        (TEA, True, None),
        (CAKE, True, None),
    ]


async def test_stock_is_set_added_to_and_counted(ask: Ask) -> None:
    limited = SettingBody(
        CAKE, stock_type=2, plan_quantity=Decimal(5), real_quantity=Decimal(5), low_quantity=Decimal(1)
    )
    row = await ask("set_stock", ("fox", "s2"), limited, reason="delivery")
    assert (row.real_quantity, row.low_quantity, row.replayed) == (5, 1, False)
    more = await ask("set_stock", ("fox", "s2"), SettingBody(CAKE, op="add", quantity=Decimal(2)))
    assert more.real_quantity == 7
    none = await ask("set_stock", ("fox", "s2"), SettingBody(CAKE, low_quantity=None), dry_run=True)
    assert none.low_quantity is None
    with pytest.raises(Refused) as refused:
        await ask("set_stock", ("fox", "s2"), SettingBody(CAKE, stock_status=2, expected_version=row.settings_version))
    assert refused.value.stock.settings_version == more.settings_version
    counted = await ask(
        "update",
        "fox",
        [SettingBody(CAKE, quantity=Decimal(4)), SettingBody(999, quantity=Decimal(4))],
        ["s2", "s9"],
        op="count",
    )
    assert [(each.poi_id, each.object_id, each.status) for each in counted] == [
        ("s2", CAKE, 200), ("s2", 999, 404), ("s9", CAKE, 404), ("s9", 999, 404),
    ]  # fmt: skip
    assert counted[0].get().real_quantity == 4


async def test_dishes_go_off_sale_and_come_back(ask: Ask) -> None:
    gone = await ask("eighty_six", "fox", "all", [TEA], reason="no leaves", until=datetime.now(UTC) + timedelta(days=1))
    assert [(each.poi_id, each.get().stock_status) for each in gone] == [("s1", 2), ("s2", 2)]
    with pytest.raises(Refused) as refused:
        await ask("lock", STORE, "no-tea", "POS", {TEA: 1})
    assert refused.value.shortages[0].blocked_by == "sku"
    for until in ("next_day", "never"):
        await ask("eighty_six", "fox", ["s1"], [TEA], until=until)
    back = await ask("eighty_six", "fox", ["s1", "s2"], [TEA], sold_out=False)
    assert {each.get().stock_status for each in back} == {1}


async def test_incidents_are_found_and_resolved(shop: Shop, ask: Ask, client: AsyncClient, threaded: Client) -> None:
    await ask("set_stock", ("fox", "s2"), SettingBody(SOUP, stock_type=2, stock_status=1, real_quantity=Decimal(1)))
    order_ids = [shop.new_order() for _ in range(3)]
    for order_id in order_ids:
        await ask("lock", ("fox", "s2"), order_id, "POS", {SOUP: 2}, force=True, reason="on the counter")
    of_soup = [each async for each in client.incidents("fox", "s2", open_only=True, limit=2) if each.object_id == SOUP]
    assert [each.order_id for each in of_soup] == order_ids[::-1]
    listed = await asyncio.to_thread(lambda: [each.incident_id for each in threaded.incidents("fox", limit=1)])
    assert [each.incident_id for each in of_soup] == [
        each for each in listed if each in {one.incident_id for one in of_soup}
    ]
    shown = await ask("incident", of_soup[0].incident_id)
    assert (shown.quantity, shown.uncovered_quantity, shown.affected[0].order_id) == (2, 5, order_ids[2])
    done = await ask("resolve_incident", shown.incident_id, "cancel", "too much")
    assert ([each.order_id for each in done.cancelled], done.replayed) == ([order_ids[2]], False)
    assert (await ask("resolve_incident", shown.incident_id, "cancel", "too much")).replayed
    counted = await ask("resolve_incident", of_soup[1].incident_id, "recount", "all in all", Decimal("3.5"))
    assert (counted.stock.real_quantity, counted.opened) == (Decimal("3.5"), None)
    with pytest.raises(Refused) as refused:
        await ask("resolve_incident", shown.incident_id, "accept", "fine")
    assert refused.value.code == "ALREADY_RESOLVED"
    await ask("resolve_incident", of_soup[2].incident_id, "accept", "fine")
    for order_id in order_ids:
        await ask("unlock", ("fox", "s2"), order_id)


async def test_what_has_no_verb_of_its_own(ask: Ask) -> None:
    body = {"brandId": "fox", "poiId": "s7", "name": "Seven", "time_zone": "UTC"}
    assert (await ask("ask", "POST", "/api/v1/stores", body))["poiId"] == "s7"
    with pytest.raises(Refused) as refused:
        await ask("ask", "POST", "/api/v1/stores", body)
    assert refused.value.code == "ALREADY_EXISTS"
    query = {"brandId": "fox", "poiId": "s7"}
    assert len((await ask("ask", "GET", "/api/v1/stores", query=query))["items"]) == 1
    assert await ask("ask", "DELETE", "/api/v1/stores", query=query) is None
    csv = await ask("fetch", "GET", "/api/v1/poi/stock/export", query={"brandId": "fox", "poiId": "s1"})
    assert isinstance(csv, Reply)
    assert csv.body.startswith(b"poi_id,")
    assert csv.headers["content-type"].startswith("text/csv")
    menu = b"sku_id,name_en\nx,Soup\n"
    with pytest.raises(Refused) as wrong:
        await ask("ask", "POST", "/api/v1/items/import", menu, query={"brandId": "fox"}, content_type="text/csv")
    assert wrong.value.rows[0].row == 2


async def test_errors_speak_the_language_asked_for(shop: Shop) -> None:
    async with AsyncClient(str(shop.http.base_url), "e86_wrong", language="zh-CN") as stranger:
        with pytest.raises(Unauthorised, match="需要有效的密钥"):
            await stranger.order(STORE, "o")
    async with AsyncClient(str(shop.http.base_url), shop.key, language="zh-CN") as chinese:
        with pytest.raises(Refused, match="ORDER_NOT_FOUND: 订单或订单行不存在"):
            await chinese.order(STORE, "unheard-of")


async def test_a_client_for_chinese_or_english_only() -> None:
    with pytest.raises(ValueError, match="fr"):
        Client("http://127.0.0.1", language="fr")


@pytest.mark.parametrize("url", ["nonsense", "ftp://x", "http://", ""])
def test_an_address_must_be_http(url: str) -> None:
    for kind in (Client, AsyncClient):
        with pytest.raises(ValueError, match="address"):
            kind(url)


def test_each_verb_reads_as_what_makes_its_call() -> None:
    with Client("http://127.0.0.1") as client:
        verbs = {name: verb for name, verb in vars(Verbs).items() if isinstance(verb, Verb | Course)}
        assert len(verbs) > 10
        for name, verb in verbs.items():
            bound = getattr(client, name)
            assert bound.__doc__, name
            assert bound.__doc__ == verb.__doc__
            assert inspect.signature(bound) == inspect.signature(verb.__wrapped__)


async def test_a_device_compares_what_it_has(shop: Shop, ask: Ask, threaded: Client) -> None:
    (page,) = await asyncio.to_thread(lambda: list(threaded.find_to_pos(STORE)))
    theirs = [device_row(row) for row in page.data]
    assert (await ask("reconcile", STORE, theirs)).differences == []
    found = await ask("reconcile", STORE, theirs[1:], device_id="till")
    assert [(each.object_id, each.cause) for each in found.differences] == [(page.data[0].object_id, "missing")]
