"""Setting up a brand through the administration calls: brand, stores, items, stock."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import msgspec

from .http import Answer, HttpClient

_ITEMS_A_CALL = 200


class SetupRefusedError(Exception):
    """The service refused what it was asked to set up; `answer` says why."""

    def __init__(self, path: str, answer: Answer) -> None:
        super().__init__(f"{path}: {answer.status} {answer.code} {answer.message}")
        self.answer = answer


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


class Portions(msgspec.Struct, frozen=True, omit_defaults=True):
    """A stock as it shall be: limited to `real_quantity` portions, on sale."""

    object_id: int
    plan_quantity: int | float
    real_quantity: int | float
    object_type: int = 2
    stock_status: int = 1
    stock_type: int = 2

    def on_the_wire(self) -> dict[str, Any]:
        """Every field, also those at their default."""
        return {field: getattr(self, field) for field in self.__struct_fields__}


async def put_brand(client: HttpClient, brand_id: str, name: str) -> None:
    """Make the brand, or give it this name. Raises `SetupRefusedError`."""
    await _accepted(client, "PUT", "/api/v1/brands", {"brandId": brand_id, "name": name})


async def put_stores(client: HttpClient, stores: Sequence[StoreToSet]) -> None:
    """Make or replace stores. Raises `SetupRefusedError`."""
    await _accepted(client, "PUT", "/api/v1/stores", {"items": stores})


async def put_items(
    client: HttpClient, items: Sequence[ItemToSet], done: Callable[[int], object] = lambda _: None
) -> None:
    """Make or replace items; `done` hears how many more are there. Raises `SetupRefusedError`."""
    for some in _parts(items):
        await _accepted(client, "PUT", "/api/v1/items", {"items": some})
        done(len(some))


async def set_stock(
    client: HttpClient,
    brand_id: str,
    poi_id: str,
    portions: Iterable[Portions],
    done: Callable[[int], object] = lambda _: None,
) -> None:
    """Set stocks of one store. Raises `SetupRefusedError`, also when one of the items was refused."""
    path = "/api/v1/poi/stock/update"
    for some in _parts([portion.on_the_wire() for portion in portions]):
        await _accepted(client, "POST", path, {"brandId": brand_id, "poiId": poi_id, "items": some})
        done(len(some))


def _parts(things: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for at in range(0, len(things), _ITEMS_A_CALL):
        yield things[at : at + _ITEMS_A_CALL]


async def _accepted(client: HttpClient, method: str, path: str, body: object) -> None:
    answer = await client.call(method, path, body)
    if not answer.is_ok:
        raise SetupRefusedError(path, answer)
    results = answer.body.get("results", ()) if isinstance(answer.body, dict) else ()
    for result in results:
        if isinstance(result, dict) and result.get("status", 200) >= 300:
            raise SetupRefusedError(path, Answer(result["status"], result.get("body"), answer.seconds))
