"""Setting up a brand through the administration calls: brand, stores, items, stock. A refusal is raised as the client
raises it."""

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from typing import TypeVar

import msgspec

from eightysix.client import AsyncClient
from eightysix.wire.stock import SettingBody

_ITEMS_A_CALL = 200

_T = TypeVar("_T")


class StoreToSet(msgspec.Struct, frozen=True):
    """A store as the wire wants it."""

    brandId: str  # noqa: N815 - the wire's name
    poiId: str  # noqa: N815 - the wire's name
    name: str
    time_zone: str


class ItemToSet(msgspec.Struct, frozen=True, omit_defaults=True):
    """An item as the wire wants it. `name` has `en` and `zh`."""

    brandId: str  # noqa: N815 - the wire's name
    object_type: int
    object_id: int
    name: dict[str, str]
    spu_id: int | None = None
    category: str | None = None
    tags: Sequence[str] = ()
    decimals: int = 1


def limited(object_id: int, portions: int, *, object_type: int = 2) -> SettingBody:
    """A stock as it shall be: limited to so many portions, on sale."""
    quantity = Decimal(portions)
    return SettingBody(
        object_id, object_type, stock_status=1, stock_type=2, plan_quantity=quantity, real_quantity=quantity
    )


async def put_brand(client: AsyncClient, brand_id: str, name: str) -> None:
    """Make the brand, or give it this name."""
    await client.ask("PUT", "/api/v1/brands", {"brandId": brand_id, "name": name})


async def put_stores(client: AsyncClient, stores: Sequence[StoreToSet]) -> None:
    """Make or replace stores."""
    await client.ask("PUT", "/api/v1/stores", {"items": stores})


async def put_items(
    client: AsyncClient, items: Sequence[ItemToSet], done: Callable[[int], object] = lambda _: None
) -> None:
    """Make or replace items; `done` hears how many more are there."""
    for some in _parts(items):
        await client.ask("PUT", "/api/v1/items", {"items": some})
        done(len(some))


async def set_stock(
    client: AsyncClient,
    brand_id: str,
    poi_id: str,
    settings: Sequence[SettingBody],
    done: Callable[[int], object] = lambda _: None,
) -> None:
    """Set stocks of one store; refused when one of them is."""
    for some in _parts(settings):
        for result in await client.update(brand_id, some, [poi_id]):
            result.get()
        done(len(some))


def _parts(things: Sequence[_T]) -> Iterator[Sequence[_T]]:
    for at in range(0, len(things), _ITEMS_A_CALL):
        yield things[at : at + _ITEMS_A_CALL]
