"""What can be sold, and what sets it, as calls."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Literal

from msgspec.structs import asdict

from eightysix.wire.eighty_six import EightySixBody
from eightysix.wire.stock import AvailabilityAnswer, Op, SettingBody, StockSetAnswer, UpdateManyBody, UpdateOneBody

from .asking import get, post
from .call import Call
from .reading import as_type
from .result import StockResult, stock_results
from .wording import StoreLike, new_request_id

Stores = Iterable[str] | Literal["all"]
"""Stores of a brand by their poiId, or all that the key reaches."""

_UPDATE = "/api/v1/poi/stock/update"
_EIGHTY_SIX = "/api/v1/poi/stock/86"


def availability(store: StoreLike, channel_code: str, sku_ids: Iterable[int] = ()) -> Call[AvailabilityAnswer]:
    """What can be sold on a channel: every item of the menu, or some SKUs."""
    query = [("brandId", store[0]), ("poiId", store[1]), ("channel_code", channel_code)]
    query += [("sku_id", str(sku_id)) for sku_id in sku_ids]
    return get("availability", "/api/v1/stock/availability", as_type(AvailabilityAnswer), query)


def set_stock(
    store: StoreLike,
    setting: SettingBody,
    *,
    reason: str | None = None,
    request_id: str | None = None,
    dry_run: bool = False,
) -> Call[StockSetAnswer]:
    """Set, add to or count one stock of one store; its row after that.

    Refused VERSION_CONFLICT, with the row as it is, where `expected_version` has moved. `request_id` tells this setting
    from another; one is made up where none is given, so that an addition or a count is never done twice.
    """
    known = request_id or new_request_id()
    body = UpdateOneBody(
        **asdict(setting), brand_id=store[0], poi_id=store[1], request_id=known, reason=reason, dry_run=dry_run
    )
    return post("set_stock", _UPDATE, body, as_type(StockSetAnswer), request_id=known)


def update(
    brand_id: str,
    settings: Sequence[SettingBody],
    stores: Stores,
    *,
    op: Op = "set",
    reason: str | None = None,
    request_id: str | None = None,
    dry_run: bool = False,
) -> Call[list[StockResult]]:
    """Set, add to or count stocks of several stores: a result for each, store by store. A refusal isn't raised."""
    known = request_id or new_request_id()
    body = UpdateManyBody(
        brand_id=brand_id, items=list(settings), op=op, request_id=known, reason=reason, dry_run=dry_run,
        **_where(stores),
    )  # fmt: skip
    return post("update", _UPDATE, body, stock_results, request_id=known)


def eighty_six(
    brand_id: str,
    stores: Stores,
    object_ids: Iterable[int] | None = None,
    *,
    sold_out: bool = True,
    object_type: int = 2,
    category: str | None = None,
    tag: str | None = None,
    until: datetime | Literal["next_day", "never"] | None = None,
    reason: str | None = None,
    dry_run: bool = False,
) -> Call[list[StockResult]]:
    """Dishes off sale, or back on sale: by id, by category or by tag. A result for each, store by store."""
    ends = until.isoformat() if isinstance(until, datetime) else until
    body = EightySixBody(
        brand_id=brand_id, object_ids=None if object_ids is None else list(object_ids), object_type=object_type,
        category=category, tag=tag, sold_out=sold_out, until=ends, reason=reason, dry_run=dry_run, **_where(stores),
    )  # fmt: skip
    return post("eighty_six", _EIGHTY_SIX, body, stock_results)


def _where(stores: Stores) -> dict[str, Any]:
    if stores == "all":
        return {"every": True}
    if isinstance(stores, str):
        raise TypeError("several stores, or 'all'; of one store too: [poi_id]")
    return {"poi_ids": list(stores)}
