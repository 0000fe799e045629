"""Low stock: a threshold that is crossed is told once, and again only after something was put there.

A stock's threshold looks at what is left in total, a channel's at what the channel can take of that stock. An unlock or
a lock that dies doesn't arm it again, or a quantity about the threshold would tell of itself all evening; nor does a
setting that makes the quantity no larger. Another threshold does, a restore, and a new business day, for a channel
whose `used` starts again with it. Taking off sale tells nothing: it moves no quantity.
"""

from collections.abc import Mapping
from typing import NamedTuple

from msgspec.structs import replace

from .availability import StockView, left_for, period_start
from .catalogue import Channel
from .change import Alert, Kind
from .stock import ChannelStock, Stock

LOW_STOCK = "low_stock"
"""The kind of the alert."""

PUTS = frozenset({Kind.RETURN, Kind.SET, Kind.ADD, Kind.COUNT, Kind.RESTORE, Kind.FLOW_BACK, Kind.MIRROR, Kind.RESOLVE})
"""What puts something there, or lets a channel take more of it."""


class Watched(NamedTuple):
    """A stock with its channel rows at one moment."""

    stock: Stock
    rows: Mapping[str, ChannelStock]


def has_thresholds(stock: Stock, rows: Mapping[str, ChannelStock]) -> bool:
    """Whether there is a threshold, or was until now. Every stock that an order moves is asked, so this is quick."""
    if stock.low is not None or stock.is_low:
        return True
    for row in rows.values():  # noqa: SIM110 - any() costs several times as much
        if row.low is not None or row.is_low:
            return True
    return False


def watch(
    view: StockView, before: Watched, after: Watched, now: int, *, is_put: bool
) -> tuple[Stock, list[ChannelStock], list[Alert]]:
    """What a change does to thresholds: the stock, the channel rows that turned, and what is to be told."""
    stock = after.stock
    alerts: list[Alert] = []
    low, left = _threshold(view, after, None)
    armed = is_put and _is_armed(view, before, after, None)
    stock_is_low = _turned(stock.is_low, low, left, armed=armed)
    if stock_is_low and not stock.is_low:
        alerts.append(_alert(stock, "", left, low, now))
    channels = view.catalogue.channels(view.store.brand_id)
    rows: list[ChannelStock] = []
    for code, row in sorted(after.rows.items()):
        channel = channels.get(code)
        if channel is None or (row.low is None and not row.is_low):
            continue
        low, quantity = _threshold(view, after, channel)
        was = row.is_low and not _begins_anew(view, before, channel)
        armed = is_put and _is_armed(view, before, after, channel)
        is_low = _turned(was, low, quantity, armed=armed)
        if is_low and not was:
            alerts.append(_alert(stock, code, quantity, low, now))
        turned = replace(row, is_low=is_low)
        if row.is_low or is_low:
            turned = _in_period(turned, period_start(view.day, stock), now)
        if turned != row:
            rows.append(turned)
    return (stock if stock_is_low == stock.is_low else replace(stock, is_low=stock_is_low)), rows, alerts


def _threshold(view: StockView, at: Watched, channel: Channel | None) -> tuple[int | None, int | None]:
    """The threshold of a channel, or of the stock as a whole, and the quantity it looks at."""
    stock, rows = at
    if channel is None:
        return stock.low, _pooled(stock).left if stock.is_limited else None
    row = rows.get(channel.channel_code)
    return None if row is None else row.low, left_for(view, _pooled(stock), rows, channel)


def _pooled(stock: Stock) -> Stock:
    """The stock as if nothing of it were granted: a side that runs low borrows from the other, and that is no news."""
    return replace(stock, grant=0) if stock.grant else stock


def _is_armed(view: StockView, before: Watched, after: Watched, channel: Channel | None) -> bool:
    """Whether what was put there arms the threshold: a restore, another threshold, or a quantity that rose."""
    if after.stock.epoch_at != before.stock.epoch_at:
        return True
    (old, had), (low, quantity) = _threshold(view, before, channel), _threshold(view, after, channel)
    return old != low or (had is not None and quantity is not None and had < quantity)


def _turned(was: bool, low: int | None, quantity: int | None, *, armed: bool) -> bool:  # noqa: FBT001 - a state
    """Whether it is low now. What is above the threshold stays low until that is armed again."""
    if low is None or quantity is None:
        return False
    return quantity <= low or (was and not armed)


def _begins_anew(view: StockView, before: Watched, channel: Channel) -> bool:
    """Whether the channel's `used` has started again with a new period, and was above the threshold then."""
    was = before.rows.get(channel.channel_code)
    if was is None or not was.counts or was.period_at >= period_start(view.day, before.stock):
        return False
    quantity = left_for(view, _pooled(before.stock), before.rows, channel)
    return quantity is None or was.low is None or quantity > was.low


def _in_period(row: ChannelStock, period_at: int, now: int) -> ChannelStock:
    """The row of this period from now on; otherwise it would begin anew once more when the channel takes some."""
    return replace(row, period_at=now, used=0) if row.counts and row.period_at < period_at else row


def _alert(stock: Stock, code: str, quantity: int | None, threshold: int | None, now: int) -> Alert:
    return Alert(stock.version, code, LOW_STOCK, stock.key, max(0, quantity or 0), threshold or 0, now)
