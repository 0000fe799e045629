"""What a hub's process asks through the client, once by asyncio and once from a thread."""

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from eightysix.client import AsyncClient, Client, Refused, Store
from eightysix.core.change import Kind
from eightysix.core.hub_event import HubEvent, Move, chained, encode_event
from eightysix.core.key import sku_key
from eightysix.wire.grant import GrantChangeBody
from tests.api.conftest import open_shop
from tests.api.shop import RICE, SOUP, Shop

from .conftest import QUICK

STORE = Store("fox", "s1")
Ask = Callable[..., Any]


@pytest.fixture(params=["asyncio", "thread"])
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def asker(shop: Shop, key: str | None, way: str) -> Ask:
    """Asks a verb by its name, with a key or without one."""

    async def ask(name: str, *args: Any, **fields: Any) -> Any:
        if way == "asyncio":
            async with AsyncClient(str(shop.http.base_url), key, policy=QUICK) as client:
                asked = getattr(client, name)(*args, **fields)
                return [each async for each in asked] if hasattr(asked, "__aiter__") else await asked
        return await asyncio.to_thread(in_a_thread, name, *args, **fields)

    def in_a_thread(name: str, *args: Any, **fields: Any) -> Any:
        with Client(str(shop.http.base_url), key, policy=QUICK) as client:
            asked = getattr(client, name)(*args, **fields)
            return list(asked) if hasattr(asked, "__next__") else asked

    return ask


async def test_the_life_of_a_hub(tmp_path_factory: pytest.TempPathFactory, way: str) -> None:
    async with open_shop(tmp_path_factory.mktemp("hub")) as shop:
        people, anybody = asker(shop, shop.key, way), asker(shop, None, way)
        code = (await people("hub_code", STORE)).code
        pair = await anybody("pair_hub", code, "Kitchen")
        hub = asker(shop, pair.key, way)
        with pytest.raises(Refused) as refused:
            await anybody("pair_hub", code, "Kitchen")
        assert refused.value.code == "PAIRING_CODE_UNKNOWN"
        copy = await hub("store_copy", STORE)
        assert {item.object_id for item in copy.items} >= {RICE, SOUP}
        assert await hub("store_copy", STORE, copy.version) is None
        await shop.lock("c1", (RICE, 1), channel_code="ONLINE_ORDER")
        [page] = await hub("hub_orders", STORE)
        assert [order.order_id for order in page.orders] == ["c1"]
        changes = [GrantChangeBody(Decimal("7.5"), sku_id=SOUP)]
        moved = await hub("grants", STORE, pair.hub_id, "r1", changes)
        assert [(each.object_id, each.given, each.grant) for each in moved.totals] == [(SOUP, Decimal("7.5"), 7.5)]
        assert (await hub("grants", STORE, pair.hub_id, "r1", changes)).replayed
        assert [each.grant for each in (await hub("grants", STORE, pair.hub_id, "r2")).totals] == [7.5]
        move = Move(sku_key(SOUP), Kind.DEDUCT, 2000, -2000, -2000, 2**41)
        events = [encode_event(HubEvent(seq, 1, "pos", "api", moves=(move,))) for seq in (1, 2)]
        side = (pair.hub_id, "j1")
        told = await hub("hub_events", STORE, side, 1, "", events[:1])
        assert told.last_seq == 1
        with pytest.raises(Refused) as refused:
            await hub("hub_events", STORE, side, 2, "", events[1:])
        assert (refused.value.code, refused.value.answer.expected_seq) == ("JOURNAL_MISMATCH", 2)
        assert (await hub("hub_events", STORE, side, 2, chained("", events[0]), events[1:])).last_seq == 2
        [state] = (await people("hubs", "fox", "s1")).items
        assert (state.hub_id, state.status, state.journal.last_seq) == (pair.hub_id, "active", 2)
        assert [(each.object_id, each.grant) for each in state.grants] == [(SOUP, 3.5)]
        gone = await people("replace_hub", STORE, pair.hub_id, "stolen")
        assert [each.given for each in gone.written_off] == [Decimal("-3.5")]
        assert (await people("hubs", "fox")).items[0].status == "replaced"
