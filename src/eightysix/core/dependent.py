"""Whose sale depends on a stock: the SKUs of an SPU, the combos of a component and of its SPU (DESIGN section 6).

When a change lets such an item be sold on some channel, or no longer, others are told of that item too, in the same
transaction. Almost every stock has nobody that depends on it, and most changes flip nothing, so this asks in steps:
`may_flip` looks only at what the batch has changed, and names the items to be looked at; the rows of these
(`rows_behind`) are loaded if need be; `flips` compares each item before and after the batch.

While brand or store are closed this looks at what could be sold if they were open: when they open, others are told of
the store, not of every dish.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from .availability import StockView, chain, left_for, sells
from .catalogue import Catalogue, Dependents, Item
from .change import Kind
from .command import Actor
from .draft import Draft
from .instant import BusinessDay
from .key import NO_KEYS, StockKey, StoreKey
from .outcome import LocksExpired
from .quantity import UNIT, step_of
from .shelf import Decision, Shelf
from .stock import SOLD_OUT, ChannelStock, Stock

TELLER = Actor("eightysix", "engine")
"""Who writes what nobody asked for, because it follows from what somebody did."""

_BLOCKED, _ENDLESS = -1, 2**63


def dependents_of(key: StockKey, items: Iterable[Item], catalogue: Catalogue) -> Dependents | None:
    """Those of `items` that are sold from the stock `key` without being its own item."""
    found: list[Item] = []
    needed: set[int] = set()
    for item in items:
        ratio = next((ratio for each, ratio in links_of(item, catalogue) if each == key), None)
        if ratio is not None and item.key != key:
            found.append(item)
            needed.add(-(-step_of(item.decimals) * ratio // UNIT))
    return Dependents(tuple(found), tuple(sorted(needed))) if found else None


def links_of(item: Item, catalogue: Catalogue) -> tuple[tuple[StockKey, int], ...]:
    """The stocks that the item is sold from, with the thousandths of each; an SPU is looked at by itself."""
    return ((item.key, UNIT),) if item.object_type == 1 else chain(item, catalogue)


def may_flip(shelf: Shelf) -> dict[StockKey, Item | None]:
    """Items of which the batch may have changed whether they can be sold on some channel, or of which others are to be
    told in any case; None for one that is no longer in the menu. Not those that the batch has changed themselves."""
    found: dict[StockKey, Item | None] = {}
    brand_id, catalogue, changed = shelf.store.brand_id, shelf.catalogue, shelf.changed
    for key, before in changed.items():
        those = catalogue.dependents(brand_id, key)
        if those is not None and _crosses(shelf, key, before, those):
            found.update((item.key, item) for item in those.items if item.key not in changed)
    if shelf.renewal is not None:
        for key in (shelf.renewal.looked_at | shelf.renewal.told) - changed.keys():
            found[key] = catalogue.item(brand_id, *key)
    return found


def _crosses(shelf: Shelf, key: StockKey, before: Stock | None, those: Dependents) -> bool:
    """Whether there is enough of the stock for one of its dependents now and wasn't before, or the other way round."""
    after = shelf.stocks[key]
    if not shelf.channels.get(key):
        return _parted(_level(before), _level(after), those.needed)
    before, rows_before, rows_after = before or Stock(key), shelf.channels_before(key), shelf.channels[key]
    most = those.needed[-1] if those.needed else 0
    if _has_plenty(before, rows_before, most) and _has_plenty(after, rows_after, most):
        return False
    was, now = AsLoaded(shelf), Draft(shelf, TELLER)
    for channel in shelf.catalogue.channels(shelf.store.brand_id).values():
        code = channel.channel_code
        level_before = _level_on(code, before, rows_before, left_for(was, before, rows_before, channel))
        level_after = _level_on(code, after, rows_after, left_for(now, after, rows_after, channel))
        if _parted(level_before, level_after, those.needed):
            return True
    return False


def _has_plenty(stock: Stock, rows: Mapping[str, ChannelStock], needed: int) -> bool:
    """Whether every channel may surely take `needed`, whatever the guarantees and whatever has been used when. This is
    quick, and almost always so."""
    if stock.status == SOLD_OUT:
        return False
    left = stock.left if stock.is_limited else _ENDLESS
    for row in rows.values():
        if row.status == SOLD_OUT or (row.limit is not None and row.limit - row.used < needed):
            return False
        left -= row.guarantee
    return left >= needed


def _level(stock: Stock | None) -> int:
    """How many thousandths anybody may take of a stock without channel rows."""
    if stock is None:
        return _ENDLESS
    if stock.status == SOLD_OUT:
        return _BLOCKED
    return stock.left if stock.is_limited else _ENDLESS


def _level_on(code: str, stock: Stock, rows: Mapping[str, ChannelStock], left: int | None) -> int:
    if stock.status == SOLD_OUT or (code in rows and rows[code].status == SOLD_OUT):
        return _BLOCKED
    return _ENDLESS if left is None else left


def _parted(one: int, other: int, needed: tuple[int, ...]) -> bool:
    """Whether a number that is needed lies between the two."""
    if one == other:
        return False
    low, high = (one, other) if one < other else (other, one)
    for each in needed:  # noqa: SIM110 - any() costs several times as much
        if low < each <= high:
            return True
    return False


class AsLoaded:
    """A `StockView` of the store as others were last told: before the batch, on the business day of then."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self.store: StoreKey = shelf.store
        self.catalogue: Catalogue = shelf.catalogue
        self.day: BusinessDay = shelf.day if shelf.renewal is None else shelf.renewal.day

    def stock(self, key: StockKey) -> Stock:
        return self._shelf.stock_before(key)

    def channel_rows(self, key: StockKey) -> Mapping[str, ChannelStock]:
        return self._shelf.channels_before(key)


def rows_behind(shelf: Shelf, items: Mapping[StockKey, Item | None]) -> set[StockKey]:
    """The stocks that tell whether these items can be sold."""
    links = (links_of(item, shelf.catalogue) for item in items.values() if item is not None)
    return {*items, *(key for each in links for key, _ in each)}


def flips(shelf: Shelf, items: Mapping[StockKey, Item | None]) -> Decision:
    """A note for each of these items that can be sold now on a channel on which it couldn't, or the other way round;
    and for those of which others are to be told in any case. Their rows are on the shelf."""
    draft = Draft(shelf, TELLER)
    was = AsLoaded(shelf)
    told = NO_KEYS if shelf.renewal is None else shelf.renewal.told
    for key, item in sorted(items.items()):
        turned = {} if item is None else _turned(was, draft, item)
        if turned or key in told:
            draft.note(key, Kind.FLIP, _content(turned, is_there=item is not None))
    return draft.decision(LocksExpired(0))


def _turned(was: StockView, now: StockView, item: Item) -> dict[str, list[bool]]:
    """By channel code: whether the item could be sold before, and whether it can be now, where these differ."""
    links = links_of(item, now.catalogue)
    turned: dict[str, list[bool]] = {}
    for code, channel in sorted(now.catalogue.channels(now.store.brand_id).items()):
        sold = [sells(view, item, channel, links) for view in (was, now)]
        if sold[0] != sold[1]:
            turned[code] = sold
    return turned


def _content(turned: dict[str, list[bool]], *, is_there: bool) -> str:
    content: dict[str, Any] = {} if is_there else {"deleted": True}
    if turned:
        content["sellable"] = turned
    return msgspec.json.encode(content).decode()
