"""One command's changes on top of a shelf. Nothing of a draft is seen by others unless its decision is put."""

from collections.abc import Mapping

import msgspec
from msgspec.structs import replace

from .availability import period_start
from .catalogue import Catalogue
from .change import BEYOND_CHANNEL, Alert, Incident, Kind, LogRow, OrderFact, RequestRecord, Timer
from .command import Actor
from .hub import HubBooks
from .instant import BusinessDay
from .invariant import invariant
from .key import WHOLE_STORE, StockKey, StoreKey
from .low_stock import PUTS, Watched, has_thresholds, watch
from .outcome import Outcome
from .reservation import LineKey, Reservation, last_log_seq
from .shelf import Decision, Shelf
from .stock import LIMITED, ON_SALE, SOLD_OUT, ChannelStock, Stock
from .used import taken_since

_NO_ROWS: Mapping[str, ChannelStock] = {}
_NO_LINES: Mapping[LineKey, Reservation] = {}


class Draft:
    """Reads through to the shelf, keeps what the command changes. Every change of a stock takes a sequence value."""

    def __init__(self, shelf: Shelf, actor: Actor, order_id: str | None = None, hub_id: str | None = None) -> None:
        """`hub_id`: the hub that tells of it, which incidents name. Without one, whoever decides on a line is its home
        from then on."""
        self._hub_id = hub_id
        self._shelf = shelf
        self._actor = actor
        self._order_id = order_id
        self._seq = shelf.seq
        self._order_seq: int | None = None
        self._is_logged = False
        self._stocks: dict[StockKey, Stock] = {}
        self._channels: dict[StockKey, dict[str, ChannelStock]] = {}
        self._reservations: dict[LineKey, Reservation] = {}
        self._others: list[Reservation] = []
        self._logs: list[LogRow] = []
        self._incidents: list[Incident] = []
        self._watched: dict[StockKey, Watched] = {}
        self.now: int = shelf.now
        self.store: StoreKey = shelf.store
        self.catalogue: Catalogue = shelf.catalogue
        self.day: BusinessDay = shelf.day
        self.facts: list[OrderFact] = []
        self.requests: list[RequestRecord] = []
        self.alerts: list[Alert] = []
        self.timer: Timer | None = shelf.timer
        self.given_back: set[StockKey] = set()
        """Of which stocks a hub has given back what the cloud may not know of."""

    def stock(self, key: StockKey) -> Stock:
        """The stock as this command left it; a missing row is on sale and unlimited."""
        return self._stocks.get(key) or self._shelf.stocks.get(key) or Stock(key)

    def channel_rows(self, key: StockKey) -> Mapping[str, ChannelStock]:
        """All channel rows of the stock, as this command left them."""
        return self._channels.get(key) or self._shelf.channels.get(key) or _NO_ROWS

    def known(self) -> set[StockKey]:
        """The stocks that have rows, or are given one by this command."""
        return self._shelf.stocks.keys() | self._stocks.keys()

    def turn_to(self, order_id: str | None) -> None:
        """Go on with another order, or with none. What was kept of this one stays; it isn't to be come back to."""
        self._others += self._reservations.values()
        self._reservations = {}
        self._order_id, self._order_seq, self._is_logged = order_id, None, False

    @property
    def books(self) -> HubBooks | None:
        """What a hub keeps besides stock; None in the cloud."""
        return self._shelf.books

    @property
    def is_at_hub(self) -> bool:
        """Whether a hub decides: what `grant` keeps is the cloud's part."""
        return self.books is not None

    @property
    def seq(self) -> int:
        """The store's sequence as this command left it."""
        return self._seq

    def lines(self) -> dict[LineKey, Reservation]:
        """The order's reservations as this command left them, in line order."""
        loaded = self._shelf.orders.get(self._order_id or "", {})
        return {**loaded, **self._reservations} if self._reservations else dict(loaded)

    def is_closed(self) -> bool:
        """Whether the order was closed by an unlock of the whole order."""
        return (self._order_id or "") in self._shelf.closed

    def keep(self, reservation: Reservation) -> None:
        """Write a reservation; its revision steps once per command. It takes along where the order's log stands."""
        line = (reservation.sku_id, reservation.line_no)
        log_seq = self._order_seq if self._is_logged else reservation.log_seq
        if line not in self._reservations:
            hub_id = None if self._hub_id is None else reservation.hub_id
            reservation = replace(reservation, revision=reservation.revision + 1, log_seq=log_seq, hub_id=hub_id)
        elif log_seq != reservation.log_seq:
            reservation = replace(reservation, log_seq=log_seq)
        self._reservations[line] = reservation

    def move(
        self,
        key: StockKey,
        kind: Kind,
        quantity: int,
        *,
        locked: int = 0,
        real: int = 0,
        channel_code: str | None = None,
        oversell: str | None = None,
        beyond: int = 0,
        reason: str | None = None,
    ) -> None:
        """Add to a stock's counters and log `quantity`. `real` moves only on a limited stock.

        `oversell` names the kind of incident that may raise `oversold` where the promise exceeds what is there; without
        it such a change is a bug. Where there is enough, taking `beyond` what its channel has is an incident as well.
        """
        stock = self.stock(key)
        limited = stock.type == LIMITED
        moved_real = real if limited else 0
        self._seq += 1
        changed = replace(stock, locked=stock.locked + locked, real=stock.real + moved_real, version=self._seq)
        invariant(changed.locked >= 0, f"locked of {key} would be negative")
        rise = -changed.left - stock.uncovered if limited and changed.left < 0 else 0
        if rise > 0:
            invariant(oversell is not None, f"{key} would promise more than there is")
            self.open_incident(key, oversell or "", rise, reason)
            changed = self._covered(changed, rise)
        elif beyond > 0:
            self.open_incident(key, BEYOND_CHANNEL, beyond, reason)
        if moved_real:
            changed = _stirred(changed)
        self._write(changed, kind, quantity, channel_code=channel_code, reason=reason)

    def hand_over(
        self,
        key: StockKey,
        kind: Kind,
        quantity: int,
        *,
        grant: int,
        real: int = 0,
        known: int = 0,
        promised: int = 0,
        channel_code: str | None = None,
        reason: str | None = None,
        content: str | None = None,
    ) -> int:
        """Add to what the other side holds of a stock, and to `real` where that is limited, and log `quantity`.

        By how much `oversold` rose, because less is left than was promised: the caller opens the incident. The other
        side has `promised` so much of what isn't there: oversold rises by it now, and not again by the sale, of which
        so much is `known` from such a promise.
        """
        stock = self.stock(key)
        moved_real = real if stock.is_limited else 0
        self._seq += 1
        changed = replace(stock, real=stock.real + moved_real, grant=stock.grant + grant, version=self._seq)
        invariant(changed.grant >= 0, f"grant of {key} would be negative")
        rise = 0
        if stock.is_limited:
            known = min(known, stock.oversold - stock.uncovered)
            rise = max(0, -changed.left - stock.uncovered - known) + promised
        if rise:
            changed = replace(changed, oversold=stock.oversold + rise)
        if moved_real:
            changed = _stirred(changed)
        self._write(changed, kind, quantity, channel_code=channel_code, reason=reason, content=content)
        return rise

    def restate(self, stock: Stock, kind: Kind, quantity: int, content: str | None = None) -> None:
        """Write a stock of which hub and cloud hold other parts than before, or of which the other side has told.

        Where that doesn't set it anew (its settings version is as it was), `real` may only have been moved.
        """
        before = self.stock(stock.key)
        self._seq += 1
        changed = turned(replace(stock, version=self._seq))
        if changed.settings_version == before.settings_version and changed.real != before.real:
            changed = _stirred(changed)
        self._write(changed, kind, quantity, content=content)

    def _covered(self, stock: Stock, beyond: int) -> Stock:
        """The stock of which `beyond` is promised that isn't there. A hub takes it of the cloud's part, as far as that
        goes: the food is in the store. Only the rest is oversold."""
        taken = min(beyond, stock.grant) if self.is_at_hub else 0
        return replace(stock, grant=stock.grant - taken, oversold=stock.oversold + beyond - taken)

    def set_stock(
        self, stock: Stock, content: str, *, oversell: str, reason: str | None, kind: Kind = Kind.SET
    ) -> Stock:
        """Write a stock that a person or a rule set. Oversold rises with an incident where less is there than was
        promised."""
        self._seq += 1
        before = self.stock(stock.key)
        rise = max(0, -stock.left - before.uncovered) if stock.is_limited else 0
        if rise:
            self.open_incident(stock.key, oversell, rise, reason)
            stock = self._covered(stock, rise)
        changed = turned(replace(stock, version=self._seq, settings_real=stock.real))
        self._write(changed, kind, changed.real - before.real, reason=reason, content=content)
        return changed

    def settle(self, stock: Stock, content: str, reason: str, opened: Incident | None) -> None:
        """Write the stock of an incident that was resolved; `opened` goes on with what couldn't be settled. It has a
        log row of its own, the next."""
        before = self.stock(stock.key)
        self._seq += 1
        changed = turned(replace(stock, version=self._seq))
        self._write(changed, Kind.RESOLVE, changed.real - before.real, reason=reason, content=content)
        if opened is not None:
            told = {"seq": opened.seq, "kind": opened.kind, "quantity": opened.quantity}
            self.note(stock.key, Kind.RESOLVE, msgspec.json.encode({"opened": told}).decode(), reason)
            self._incidents.append(opened)

    def note(self, key: StockKey, kind: Kind, content: str, reason: str | None = None) -> None:
        """Log something about a stock that leaves its counters as they are."""
        self._seq += 1
        self._write(replace(self.stock(key), version=self._seq), kind, 0, reason=reason, content=content)

    def announce(self, told_seq: int, content: str) -> int:
        """Log something about the store as a whole, whose last such row has the seq `told_seq`; the seq of this one."""
        self._seq += 1
        self._log(Stock(WHOLE_STORE), Stock(WHOLE_STORE, version=told_seq), Kind.STORE, 0, content=content)
        return self._seq

    def _write(
        self,
        stock: Stock,
        kind: Kind,
        quantity: int,
        *,
        channel_code: str | None = None,
        reason: str | None = None,
        content: str | None = None,
    ) -> None:
        before = self.stock(stock.key)
        self._stocks[stock.key] = stock
        self._log(stock, before, kind, quantity, channel_code=channel_code, reason=reason, content=content)

    def _log(
        self,
        stock: Stock,
        before: Stock,
        kind: Kind,
        quantity: int,
        *,
        channel_code: str | None = None,
        reason: str | None = None,
        content: str | None = None,
    ) -> None:
        actor = self._actor
        order_prev = None if self._order_id is None else self._follow(self._order_id)
        self._logs.append(
            LogRow(
                self._seq,
                stock.key,
                kind,
                quantity,
                before.real,
                stock.real,
                before.locked,
                stock.locked,
                self._order_id,
                channel_code,
                actor.name,
                actor.source,
                actor.event_id,
                actor.happened_at,
                self.now,
                reason,
                content,
                before.version,
                order_prev,
            )
        )

    def _follow(self, order_id: str) -> int | None:
        """Step the order's log on to this row, and say which was the last one."""
        if self._is_logged:
            last = self._order_seq
        else:
            last = last_log_seq(self._shelf.orders.get(order_id, _NO_LINES).values())
        self._order_seq, self._is_logged = self._seq, True
        return last

    def open_incident(self, key: StockKey, kind: str, quantity: int, reason: str | None) -> None:
        """Open an incident about the change that was logged last."""
        self._incidents.append(
            Incident(
                self._seq, kind, key, quantity, self._order_id, self._actor.name, reason, self.now, hub_id=self._hub_id
            )
        )

    def is_told(self, channel_code: str) -> bool:
        """Whether this is a hub and the channel's `used` is what the cloud says, because it sells online."""
        if not self.is_at_hub:
            return False
        channel = self.catalogue.channel(self.store.brand_id, channel_code)
        return channel is not None and not channel.in_store

    def use(self, key: StockKey, channel_code: str, amount: int, locked_at: int) -> None:
        """Add to what a lock of `locked_at` counts in the channel's `used`, where a cap or a guarantee makes it count.

        The growth of a lock belongs to the period of that lock, as its end will: a row of a later period ignores it.
        """
        row = self.channel_rows(key).get(channel_code)
        if row is None or not row.counts or amount == 0 or locked_at < row.period_at or self.is_told(channel_code):
            return
        if row.period_at < period_start(self.day, self.stock(key)) <= locked_at:
            # counted from this take on, not from the day's start: where a store's day was moved into the past of takes
            # that an earlier period has counted, freeing those must leave this one alone
            row = replace(row, period_at=locked_at, used=0)
        self.put_channel(replace(row, used=row.used + amount))

    def free_used(self, key: StockKey, channel_code: str, amount: int, locked_at: int) -> bool:
        """Take back from `used`, and whether that changed it; a lock of an earlier period leaves it alone."""
        row = self.channel_rows(key).get(channel_code)
        if row is None or not row.counts or amount == 0 or locked_at < row.period_at or self.is_told(channel_code):
            return False
        invariant(row.used >= amount, f"used of {key} on {channel_code} would be negative")
        self.put_channel(replace(row, used=row.used - amount))
        return True

    def taken_since(self, key: StockKey, channel_code: str, since: int) -> int:
        """What the channel has taken of the stock since then, counted anew."""
        return taken_since(self._shelf, key, channel_code, since)

    def put_channel(self, row: ChannelStock) -> None:
        """Write a channel row."""
        rows = self._channels.get(row.key)
        if rows is None:
            rows = self._channels[row.key] = dict(self._shelf.channels.get(row.key, {}))
        rows[row.channel_code] = row

    def watch(self, key: StockKey) -> None:
        """Compare the stock with its thresholds, as it is now and was when it was last compared."""
        after = (self.stock(key), self.channel_rows(key))
        if not has_thresholds(*after):
            return
        loaded = Watched(self._shelf.stocks.get(key) or Stock(key), self._shelf.channels.get(key) or _NO_ROWS)
        is_put = any(log.kind in PUTS and log.key == key for log in self._logs)
        stock, rows, alerts = watch(self, self._watched.get(key, loaded), Watched(*after), self.now, is_put=is_put)
        self._stocks[key] = stock
        for row in rows:
            self.put_channel(row)
        self.alerts += alerts
        self._watched[key] = Watched(stock, dict(self.channel_rows(key)))

    def decision(self, outcome: Outcome) -> Decision:
        """The outcome with everything this draft changed."""
        for key, stock in self._stocks.items():
            if stock.low is not None or stock.is_low or self.channel_rows(key):
                self.watch(key)
        return Decision(
            outcome,
            self._stocks,
            self._changed_channels(),
            [*self._others, *self._reservations.values()],
            self._logs,
            self.facts,
            self.requests,
            self._incidents,
            self.alerts,
            self.timer if self.timer is not self._shelf.timer else None,
            actor=self._actor,
        )

    def _changed_channels(self) -> dict[StockKey, dict[str, ChannelStock]]:
        if not self._channels:
            return {}
        changed: dict[StockKey, dict[str, ChannelStock]] = {}
        for key, rows in self._channels.items():
            loaded = self._shelf.channels.get(key, {})
            changed[key] = {code: row for code, row in rows.items() if loaded.get(code) is not row}
        return changed


def _stirred(stock: Stock) -> Stock:
    """The stock after its `real` was moved by something else than a setting."""
    stock = turned(stock)
    if stock.real == stock.settings_real:  # moved away and back: it only looks as if it had stood still
        stock = replace(stock, settings_real=None)
    return stock


def turned(stock: Stock) -> Stock:
    """The automatic turn: a limited stock that reaches zero is sold out, and comes back when it rises.

    It looks at `real` alone, and a manual 86 wins over it (DESIGN section 4).
    """
    if stock.manual:
        return stock
    status = SOLD_OUT if stock.type == LIMITED and stock.real <= 0 else ON_SALE
    return stock if status == stock.status else replace(stock, status=status)
