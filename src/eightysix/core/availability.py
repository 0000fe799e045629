"""What can be sold, and what stands in the way (DESIGN section 4): one pure function for everybody.

Lists, locks, the gate, the hub and webhooks all ask here.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

import msgspec

from .allocation import largest_remainder
from .catalogue import Catalogue, Channel, Item
from .instant import BusinessDay
from .key import StockKey, StoreKey, sku_key, spu_key
from .outcome import BlockedBy
from .quantity import UNIT, floor_to, step_of
from .stock import SOLD_OUT, ChannelStock, Stock


class StockView(Protocol):
    """A store's stocks as they are now: a shelf, a draft on top of one, or rows that were read for a list."""

    @property
    def store(self) -> StoreKey: ...
    @property
    def catalogue(self) -> Catalogue: ...
    @property
    def day(self) -> BusinessDay: ...
    def stock(self, key: StockKey) -> Stock:
        """The stock's row, or what a missing row means."""
        ...

    def channel_rows(self, key: StockKey) -> Mapping[str, ChannelStock]:
        """All channel rows of the stock, by channel code."""
        ...


class Availability(msgspec.Struct, frozen=True, gc=False):
    """How many thousandths can be sold; None is unlimited. `blocked_by` is None where at least something can be sold.

    `soft` says that only the count is in the way, which staff may override with `force`; an 86 by a person is not soft.
    `total` is what there would be without the channel's caps, None without a limit. `blocker` is the stock in the way,
    or the one that allows least of all; `capper` the one whose cap leaves the channel least.
    """

    quantity: int | None
    blocked_by: BlockedBy | None = None
    soft: bool = True
    total: int | None = None
    blocker: StockKey | None = None
    capper: StockKey | None = None

    def obstacle(self, quantity: int) -> tuple[BlockedBy, StockKey | None]:
        """The first thing that a request for `quantity`, more than there is, runs into, and which stock it is."""
        if self.blocked_by is not None and self.blocked_by not in _COUNTED:
            return self.blocked_by, self.blocker
        if self.total is not None and self.total < quantity:
            return BlockedBy.QUANTITY, self.blocker
        return BlockedBy.CHANNEL_QUANTITY, self.capper

    @property
    def in_the_way(self) -> StockKey | None:
        """The stock that `blocked_by` is about; None where nothing, or no stock, is in the way."""
        if self.blocked_by is None:
            return None
        return self.capper if self.blocked_by is BlockedBy.CHANNEL_QUANTITY else self.blocker


_COUNTED = (BlockedBy.QUANTITY, BlockedBy.CHANNEL_QUANTITY)


def chain(item: Item, catalogue: Catalogue) -> tuple[tuple[StockKey, int], ...]:
    """The stocks that one portion takes from, with the thousandths of each: the SKU, its SPU, its components.

    A component takes from its own SPU's pool too, as it does when it is sold alone. Each stock is named once.
    """
    own = (sku_key(item.object_id), UNIT)
    pool = () if item.spu_id is None else ((spu_key(item.spu_id), UNIT),)
    if not item.components:
        return (own, *pool)
    taken = dict((own, *pool))
    for each in item.components:
        key = sku_key(each.sku_id)
        taken[key] = taken.get(key, 0) + each.quantity
        component = catalogue.item(item.brand_id, 2, each.sku_id)
        if component is not None and component.spu_id is not None:
            shared = spu_key(component.spu_id)
            taken[shared] = taken.get(shared, 0) + each.quantity
    return tuple(taken.items())


def keys_behind(store: StoreKey, keys: Iterable[StockKey], catalogue: Catalogue) -> list[StockKey]:
    """These stocks and those that tell whether they can be sold, each once."""
    wanted: dict[StockKey, None] = dict.fromkeys(keys)
    for key in tuple(wanted):
        item = catalogue.item(store.brand_id, *key)
        if item is not None and item.object_type == 2 and (item.spu_id is not None or item.components):
            wanted.update(dict.fromkeys(each for each, _ in chain(item, catalogue)))
    return list(wanted)


class Part(msgspec.Struct, frozen=True, gc=False):
    """One stock that a sale takes from, with its channel rows and the thousandths of it that one portion takes."""

    ratio: int
    stock: Stock
    rows: Mapping[str, ChannelStock]


def available(
    view: StockView, item: Item, channel: Channel, links: Iterable[tuple[StockKey, int]] | None = None
) -> Availability:
    """What `channel` may sell of `item` now. The first obstacle of brand, store, item, channel, quantity is named.

    `links` are the stocks to look at where they aren't today's chain: the takes of a reservation.
    """
    closed = _closed(view)
    if closed is not None:
        return Availability(0, closed, soft=False)
    return _within(view, item, channel, links)


def available_to_each(
    view: StockView, item: Item, channels: Sequence[Channel], links: Iterable[tuple[StockKey, int]]
) -> list[Availability]:
    """`available` for each of `channels`; for all at once where nothing depends on the channel, as with most stocks."""
    closed = _closed(view)
    if closed is not None:
        return [Availability(0, closed, soft=False)] * len(channels)
    parts = _parts(view, links)
    for part in parts:
        if part.rows:
            return [_of_parts(view, parts, item, channel) for channel in channels]
    return [_of_parts(view, parts, item, channels[0])] * len(channels) if channels else []


def sells(view: StockView, item: Item, channel: Channel, links: Iterable[tuple[StockKey, int]] | None = None) -> bool:
    """Whether `channel` could sell any of `item` if brand and store were open."""
    can = _within(view, item, channel, links)
    return can.blocked_by is None and can.quantity != 0


def _within(
    view: StockView, item: Item, channel: Channel, links: Iterable[tuple[StockKey, int]] | None
) -> Availability:
    if links is None:
        links = chain(item, view.catalogue)
    return _of_parts(view, _parts(view, links), item, channel)


def _parts(view: StockView, links: Iterable[tuple[StockKey, int]]) -> list[Part]:
    return [Part(ratio, view.stock(key), view.channel_rows(key)) for key, ratio in links]


def _of_parts(view: StockView, parts: Sequence[Part], item: Item, channel: Channel) -> Availability:
    return _obstructed(parts, item, channel) or _counted(view, parts, item.decimals, channel)


def _closed(view: StockView) -> BlockedBy | None:
    brand_id, poi_id = view.store.brand_id, view.store.poi_id
    brand = view.catalogue.brand(brand_id)
    if brand is None or not brand.open:
        return BlockedBy.BRAND
    store = view.catalogue.store(brand_id, poi_id)
    if store is None or not store.open:
        return BlockedBy.STORE
    return None


def _obstructed(parts: Sequence[Part], item: Item, channel: Channel) -> Availability | None:
    """A stock or a channel row that is sold out, or None. SPU, SKU, component, channel: the first is named."""
    code = channel.channel_code
    for part in parts:
        if part.stock.status == SOLD_OUT or (code in part.rows and part.rows[code].status == SOLD_OUT):
            break
    else:  # as almost always, and without making lists
        return None
    sold_out = [part.stock for part in parts if part.stock.status == SOLD_OUT]
    off_channel = [part.stock.key for part in parts if code in part.rows and part.rows[code].status == SOLD_OUT]
    blocks = ((_block(stock.key, item), stock.key) for stock in sold_out)
    by, blocker = min(blocks, key=_rank, default=(BlockedBy.CHANNEL, off_channel[0] if off_channel else None))
    by_hand = any(stock.manual or not stock.is_limited for stock in sold_out)
    return Availability(0, by, soft=not (by_hand or off_channel), blocker=blocker)


_BLOCKS = (BlockedBy.SPU, BlockedBy.SKU, BlockedBy.COMPONENT)


def _rank(block: tuple[BlockedBy, StockKey]) -> int:
    return _BLOCKS.index(block[0])


def _block(key: StockKey, item: Item) -> BlockedBy:
    if key == item.key:
        return BlockedBy.SPU if item.object_type == 1 else BlockedBy.SKU
    return BlockedBy.SPU if key.object_type == 1 and key.object_id == item.spu_id else BlockedBy.COMPONENT


def _counted(view: StockView, parts: Sequence[Part], decimals: int, channel: Channel) -> Availability:
    """The least that any stock allows, in whole units of the item."""
    total: int | None = None
    capped: int | None = None
    blocker = capper = None
    for part in parts:
        of_stock, of_channel = _allowance(view, part, channel)
        if of_stock is not None:
            portions = _portions(of_stock, part.ratio, decimals)
            if total is None or portions < total:
                total, blocker = portions, part.stock.key
        if of_channel is not None:
            portions = _portions(of_channel, part.ratio, decimals)
            if capped is None or portions < capped:
                capped, capper = portions, part.stock.key
    if total is None and capped is None:
        return _UNLIMITED
    if total == 0:
        return Availability(0, BlockedBy.QUANTITY, total=0, blocker=blocker)
    by = BlockedBy.CHANNEL_QUANTITY if capped == 0 else None
    least = capped if total is None else total if capped is None else min(total, capped)
    return Availability(least, by, total=total, blocker=blocker, capper=capper)


_UNLIMITED = Availability(None)


def _portions(amount: int, ratio: int, decimals: int) -> int:
    """How much of the item `amount` thousandths of a stock are enough for, in whole units of the item."""
    if amount <= 0:
        return 0
    return floor_to(amount if ratio == UNIT else amount * UNIT // ratio, decimals)


def _allowance(view: StockView, part: Part, channel: Channel) -> tuple[int | None, int | None]:
    """What one stock lets `channel` take, in its own thousandths: (what is there for it, what its cap leaves).

    None is unlimited; both may be negative.
    """
    stock, rows = part.stock, part.rows
    if not rows:
        return (stock.left if stock.is_limited else None), None
    period_at = period_start(view.day, stock)
    total = stock.left - guaranteed_to_others(view, stock, rows, channel, period_at) if stock.is_limited else None
    row = rows.get(channel.channel_code)
    return total, None if row is None or row.limit is None else row.limit - used_since(row, period_at)


def left_for(view: StockView, stock: Stock, rows: Mapping[str, ChannelStock], channel: Channel) -> int | None:
    """How many thousandths of one stock `channel` may take, whether it is on sale or not; None without a limit."""
    limits = [each for each in _allowance(view, Part(UNIT, stock, rows), channel) if each is not None]
    return min(limits) if limits else None


def guaranteed(
    view: StockView,
    item: Item,
    channel: Channel,
    can: Availability,
    links: Iterable[tuple[StockKey, int]] | None = None,
) -> int | None:
    """What of `can`, which is `available`, the channel can sell whatever the others sell meanwhile; None: no limit.

    Of each limited stock that is the channel's own open guarantee, less what there isn't once all others have taken
    theirs.
    """
    least = can.quantity
    for key, ratio in chain(item, view.catalogue) if links is None else links:
        if not least:
            break
        stock = view.stock(key)
        if stock.is_limited:
            own = _own_guarantee(view, stock, view.channel_rows(key), channel)
            least = min(least, _portions(own, ratio, item.decimals))
    return least


def _own_guarantee(view: StockView, stock: Stock, rows: Mapping[str, ChannelStock], channel: Channel) -> int:
    """What of one stock nobody else can take from `channel`: its open guarantee, as far as it is covered.

    Others may take theirs in whole first, so these count unscaled. The other side's guarantees are served from what it
    holds.
    """
    parts = _open_guarantees(view, rows, period_start(view.day, stock))
    own = parts.get(channel.channel_code, 0)
    if own == 0:
        return 0
    if channel.in_store is not view.catalogue.at_hub:
        own -= stock.grant
    return min(own, stock.left - _for_others(view, parts, stock, channel))


def period_start(day: BusinessDay, stock: Stock) -> int:
    """Since when `used` counts: the start of the business day or the stock's last restore, whichever is later."""
    return max(day.starts_at, stock.epoch_at)


def used_since(row: ChannelStock, period_at: int) -> int:
    """What the channel took in the period that started at `period_at`; a row of an earlier period counts nothing."""
    return row.used if row.period_at >= period_at else 0


def open_guarantee(row: ChannelStock, period_at: int) -> int:
    """What is guaranteed to the channel in this period and it has not taken yet; nothing once that flowed back."""
    if row.guarantee == 0 or row.released_at >= period_at:
        return 0
    return max(0, row.guarantee - used_since(row, period_at))


def _open_guarantees(view: StockView, rows: Mapping[str, ChannelStock], period_at: int) -> dict[str, int]:
    """What is guaranteed and open, by channel code."""
    parts = {code: part for code, row in rows.items() if (part := open_guarantee(row, period_at)) > 0}
    if parts:
        known = view.catalogue.channels(view.store.brand_id)
        for gone in parts.keys() - known.keys():
            del parts[gone]
    return parts


def open_parts(view: StockView, stock: Stock, rows: Mapping[str, ChannelStock], period_at: int) -> dict[str, int]:
    """How much of what is there each open guarantee keeps, by channel code.

    Open guarantees that sum to more than real − locked are scaled to it by largest remainder, equal remainders in the
    order of channel codes: in the item's units, or in thousandths where a combo has taken a part of a unit, so that
    none of what is there is left to nobody.
    """
    parts = _open_guarantees(view, rows, period_at)
    there = max(0, stock.real - stock.locked)
    if sum(parts.values()) <= there:
        return parts
    item = view.catalogue.item(view.store.brand_id, *stock.key)
    step = step_of(item.decimals if item is not None else 3)
    if any(each % step for each in (there, *parts.values())):
        step = 1
    codes = sorted(parts)
    return dict(zip(codes, largest_remainder(there, [parts[code] for code in codes], step), strict=True))


def guaranteed_to_others(
    view: StockView, stock: Stock, rows: Mapping[str, ChannelStock], channel: Channel, period_at: int
) -> int:
    """What `channel` must leave, because it is guaranteed to other channels and they have not taken it yet."""
    return _for_others(view, open_parts(view, stock, rows, period_at), stock, channel)


def _for_others(view: StockView, parts: Mapping[str, int], stock: Stock, channel: Channel) -> int:
    """What of `parts` is kept for other channels. Those of the other side are served first from what that holds: in
    the cloud these are the channels in the store and the hub's grant, at a hub the online ones and the cloud's part."""
    if not parts:
        return 0
    known, at_hub = view.catalogue.channels(view.store.brand_id), view.catalogue.at_hub
    own = others = 0
    for code, part in parts.items():
        if code == channel.channel_code:
            continue
        if known[code].in_store is at_hub:
            own += part
        else:
            others += part
    return own + max(0, others - stock.grant)


def grantable(view: StockView, stock: Stock) -> int:
    """What of a stock the cloud may give to the store's hub: all that is left, but for what is guaranteed online and
    open. Nothing of an unlimited one: nobody counts it."""
    if not stock.is_limited:
        return 0
    rows = view.channel_rows(stock.key)
    known = view.catalogue.channels(view.store.brand_id)
    parts = open_parts(view, stock, rows, period_start(view.day, stock)) if rows else {}
    kept = sum(part for code, part in parts.items() if not known[code].in_store)
    return max(0, stock.left - kept)
