"""The contract once more, as simply as it can be said: everything is counted anew from a list of lines, every time.

Shares no code with the product. Quantities in thousandths, times in milliseconds. Slow on purpose: no counter is kept
but `real`.
"""

import copy
from dataclasses import dataclass, field

from . import naive_channels as channels
from .naive_channels import DAY_MS, DAY_START_MS, WHOLE

# the model's store never changes its clocks: its business day starts at 04:00 UTC

LOCKED, DEDUCTED, UNLOCKED, RETURNED, EXPIRED = "LOCKED", "DEDUCTED", "UNLOCKED", "RETURNED", "EXPIRED"
PRECEDENCE = [
    "ORDER_CANCELLED",
    "IDEMPOTENCY_MISMATCH",
    "ALREADY_DEDUCTED",
    "ALREADY_UNLOCKED",
    "ALREADY_RETURNED",
    "ORDER_NOT_FOUND",
    "LOCK_EXPIRED",
    "LOCK_EXPIRED_NO_STOCK",
    "NOT_DEDUCTED",
    "QUANTITY_EXCEEDS_LOCK",
    "QUANTITY_EXCEEDS_DEDUCTED",
    "OUT_OF_STOCK",
]
IN_STORE = {"POS", "KIOSK"}
POOL = 30
"""The SPU that SKU 3 and 4 share; named by a number that no SKU has."""
COMBO = 6
"""The SKU of a combo of one portion of SKU 1 and two of SKU 2."""
STEP = 100
"""Every item is sold in tenths."""


@dataclass
class Line:
    channel: str
    state: str
    requested: int
    quantity: int
    locked_at: int
    expires_at: int
    counted: frozenset[int]
    returned: int = 0
    restocked: int = 0


@dataclass
class Thing:
    """A stock that has been set."""

    limited: bool = False
    real: int = 0
    sold_out: bool = False
    manual: bool = False
    caps: dict[str, int] = field(default_factory=dict)
    promises: dict[str, int] = field(default_factory=dict)
    weights: dict[str, int] = field(default_factory=dict)
    allocation: str = ""
    released: dict[str, int] = field(default_factory=dict)
    lows: dict[str, int] = field(default_factory=dict)
    low: set[str] = field(default_factory=set)


Key = tuple[str, int, int]
Refusal = tuple[str, dict[tuple[int, int], str]]


class Naive:
    """Lines, stocks, closed orders, remembered requests."""

    def __init__(self) -> None:
        self.lines: dict[Key, Line] = {}
        self.things: dict[int, Thing] = {}
        self.closed: set[str] = set()
        self.requests: dict[str, tuple[object, object]] = {}
        self.now = 0
        self.day = 0
        self.put: set[int] = set()
        self.touched: set[int] = set()
        self.alerts: list[channels.Alert] = []

    # --- counting

    def thing(self, stock: int) -> Thing:
        return self.things.get(stock) or Thing()

    def chain(self, sku: int) -> dict[int, int]:
        """The stocks that one portion takes from, with how much of each."""
        if sku == COMBO:
            return {COMBO: 1, 1: 1, 2: 2}
        return {sku: 1, POOL: 1} if sku in (3, 4) else {sku: 1}

    def locked(self, stock: int) -> int:
        return sum(
            line.quantity * self.chain(sku)[stock]
            for (_, sku, _), line in self.lines.items()
            if line.state == LOCKED and stock in line.counted
        )

    def used(self, stock: int, channel: str) -> int:
        today = (self.now - DAY_START_MS) // DAY_MS * DAY_MS + DAY_START_MS
        return sum(
            (line.quantity - line.restocked) * self.chain(sku)[stock]
            for (_, sku, _), line in self.lines.items()
            if stock in self.chain(sku)
            and line.channel == channel
            and line.locked_at >= today
            and line.state in (LOCKED, DEDUCTED, RETURNED)
        )

    def is_counted(self, stock: int) -> bool:
        thing = self.thing(stock)
        return thing.limited or bool(thing.caps) or any(thing.promises.values())

    def left_for(self, stock: int, channel: str, *, capped: bool = True) -> int | None:
        thing = self.thing(stock)
        limits = []
        if thing.limited:
            parts = {} if channel == WHOLE else channels.open_parts(self, stock)
            kept = sum(part for code, part in parts.items() if code != channel)
            limits.append(thing.real - self.locked(stock) - kept)
        if capped and channel in thing.caps:
            limits.append(thing.caps[channel] - self.used(stock, channel))
        return min(limits) if limits else None

    def available(self, sku: int, channel: str) -> int | None:
        chain = self.chain(sku)
        if any(self.thing(stock).sold_out for stock in chain):
            return 0
        lefts = {stock: self.left_for(stock, channel) for stock in chain}
        limits = [left // chain[stock] // STEP * STEP for stock, left in lefts.items() if left is not None]
        return max(0, min(limits)) if limits else None

    # --- what happens by itself

    def expire(self) -> None:
        """Order by order, as each may let a threshold be crossed."""
        due = {(line.expires_at, order) for (order, _, _), line in self.lines.items() if line.state == LOCKED}
        for expires_at, order in sorted(due):
            if expires_at <= self.now:
                held = channels.held(self)
                for line in self.order(order).values():
                    line.state = EXPIRED if line.state == LOCKED else line.state
                channels.watch(self, held)

    def turn(self, stock: int) -> None:
        thing = self.things.get(stock)
        if thing is not None and not thing.manual:
            thing.sold_out = thing.limited and thing.real <= 0

    # --- verbs; each answers (code, refused lines) or (state, replayed)

    def order(self, order: str) -> dict[tuple[int, int], Line]:
        return {(sku, number): line for (name, sku, number), line in self.lines.items() if name == order}

    def state(self, order: str) -> str:
        states = {line.state for line in self.order(order).values()} or {UNLOCKED}
        return states.pop() if len(states) == 1 else "MIXED"

    def lock(self, order: str, channel: str, wants: dict[tuple[int, int], int], hold: int, *, partial: bool) -> object:
        held = self.order(order)
        bad: dict[tuple[int, int], str] = {}
        fresh = []
        for key, quantity in wants.items():
            line = held.get(key)
            if line is None:
                if order in self.closed:
                    bad[key] = "ORDER_CANCELLED"
                fresh.append(key)
            elif line.state == EXPIRED:
                fresh.append(key)
            elif line.state == LOCKED:
                if (line.channel, line.requested) != (channel, quantity):
                    bad[key] = "IDEMPOTENCY_MISMATCH"
            else:
                bad[key] = f"ALREADY_{line.state}"
        if bad:
            return _refuse(bad)
        if not fresh:
            return self.state(order), True
        saved = dict(self.lines)
        live = [line.expires_at for line in held.values() if line.state == LOCKED]
        expires_at = max([self.now + hold * 1000, *live])
        nothing = not live
        for key in fresh:
            can = self.available(key[0], channel)
            got = wants[key] if can is None else min(can, wants[key])
            if got < wants[key] and not partial:
                bad[key] = "OUT_OF_STOCK"
                continue
            nothing = nothing and got == 0
            counted = frozenset(stock for stock in self.chain(key[0]) if self.is_counted(stock))
            self.lines[(order, *key)] = Line(channel, LOCKED, wants[key], got, self.now, expires_at, counted)
        if nothing:
            bad = dict.fromkeys(fresh, "OUT_OF_STOCK")
        if bad:
            self.lines = saved
            return _refuse(bad)
        for line in self.order(order).values():
            if line.state == LOCKED:
                line.expires_at = expires_at
        return self.state(order), False

    def deduct(self, order: str, wants: dict[tuple[int, int], int] | None, *, relock: bool) -> object:
        held = self.order(order)
        if wants is None:
            chosen = {key: line.quantity for key, line in held.items() if line.state not in (UNLOCKED, RETURNED)}
            if not chosen:
                if not held:
                    return _refuse_whole("ORDER_CANCELLED" if order in self.closed else "ORDER_NOT_FOUND")
                return _refuse({key: f"ALREADY_{line.state}" for key, line in held.items()})
        else:
            chosen = wants
        bad: dict[tuple[int, int], str] = {}
        for key, quantity in chosen.items():
            code = self._deduct_code(held.get(key), quantity, order in self.closed, relock=relock)
            if code:
                bad[key] = code
        if bad:
            return _refuse(bad)
        for key, quantity in chosen.items():
            line = held[key]
            can = self.available(key[0], line.channel)
            short = quantity > 0 and (self._sold_out(key[0]) or (can is not None and can < quantity))
            if line.state == EXPIRED and short:
                bad[key] = "LOCK_EXPIRED_NO_STOCK"
            elif line.state == EXPIRED:
                # what an earlier line of this call took is gone for the next one
                self._relocked(line, key[0], quantity)
        if bad:
            return "ROLLBACK", _refuse(bad)
        acted = False
        for key, quantity in chosen.items():
            line = held[key]
            if line.state == LOCKED:
                acted = True
                self._consume(line, key[0], quantity)
        return self.state(order), not acted

    def _sold_out(self, sku: int) -> bool:
        return any(self.thing(stock).sold_out for stock in self.chain(sku))

    def _relocked(self, line: Line, sku: int, quantity: int) -> None:
        line.state = LOCKED
        line.quantity = quantity
        line.locked_at = self.now
        line.counted = frozenset(stock for stock in self.chain(sku) if self.is_counted(stock))

    def _deduct_code(self, line: Line | None, quantity: int, closed: bool, *, relock: bool) -> str | None:
        if line is None:
            return "ORDER_CANCELLED" if closed else "ORDER_NOT_FOUND"
        if line.state == EXPIRED and not relock:
            return "LOCK_EXPIRED"
        if line.state in (LOCKED, EXPIRED):
            return "QUANTITY_EXCEEDS_LOCK" if quantity > line.quantity else None
        if line.state == DEDUCTED:
            return None if quantity == line.quantity else "IDEMPOTENCY_MISMATCH"
        return f"ALREADY_{line.state}"

    def _consume(self, line: Line, sku: int, quantity: int) -> None:
        for stock in line.counted:
            thing = self.things.get(stock)
            if thing is not None and thing.limited:
                thing.real -= quantity * self.chain(sku)[stock]
        line.state = DEDUCTED
        line.quantity = quantity
        for stock in line.counted:
            self.turn(stock)

    def unlock(self, order: str, keys: list[tuple[int, int]] | None) -> object:
        held = self.order(order)
        if keys is None:
            if held and all(line.state == RETURNED for line in held.values()):
                return _refuse(dict.fromkeys(held, "ALREADY_RETURNED"))
            chosen = [key for key, line in held.items() if line.state not in (UNLOCKED, RETURNED)]
        else:
            chosen = keys
        bad = {
            key: f"ALREADY_{held[key].state}"
            for key in chosen
            if key in held and held[key].state in (DEDUCTED, RETURNED)
        }
        if bad:
            return _refuse(bad)
        changed = False
        for key in chosen:
            if key not in held:
                self.lines[(order, *key)] = Line("", UNLOCKED, 0, 0, self.now, self.now, frozenset())
                changed = True
            elif held[key].state != UNLOCKED:
                held[key].state = UNLOCKED
                changed = True
        if keys is None and order not in self.closed:
            self.closed.add(order)
            changed = True
        return self.state(order), not changed

    def give_back(self, order: str, request: str, wants: dict[tuple[int, int], tuple[int, bool]] | None) -> object:
        body = ("return", order, wants and tuple(sorted(wants.items())))
        if request in self.requests:
            known, answer = self.requests[request]
            return (answer[0], True) if known == body else _refuse_whole("IDEMPOTENCY_MISMATCH")  # type: ignore[index]
        held = self.order(order)
        if wants is None:
            lines = {key: line for key, line in held.items() if line.state != UNLOCKED}
            lines = {key: line for key, line in lines.items() if line.state != RETURNED} or lines
            if not lines:
                return _refuse(dict.fromkeys(held, "NOT_DEDUCTED")) if held else _refuse_whole("ORDER_NOT_FOUND")
            wants = {key: (line.quantity - line.returned, False) for key, line in lines.items()}
        bad: dict[tuple[int, int], str] = {}
        acts = []
        for key, (quantity, _) in wants.items():
            line = held.get(key)
            if line is None:
                bad[key] = "ORDER_NOT_FOUND"
            elif line.state in (LOCKED, EXPIRED, UNLOCKED):
                bad[key] = "NOT_DEDUCTED"
            elif line.state == DEDUCTED and quantity > line.quantity - line.returned:
                bad[key] = "QUANTITY_EXCEEDS_DEDUCTED"
            elif line.state == DEDUCTED:
                acts.append(key)
        if bad:
            return _refuse(bad)
        for key in acts:
            self._return_line(held[key], key[0], *wants[key])
        answer = (self.state(order), not acts)
        if acts:
            self.requests[request] = (body, answer)
        return answer

    def _return_line(self, line: Line, sku: int, quantity: int, restock: bool) -> None:
        line.returned += quantity
        if restock:
            line.restocked += quantity
            self.put |= {stock for stock in self.chain(sku) if self._moves(stock, line)}
            for stock in line.counted:
                thing = self.things.get(stock)
                if thing is not None and thing.limited:
                    thing.real += quantity * self.chain(sku)[stock]
                    self.turn(stock)
        if line.returned == line.quantity:
            line.state = RETURNED

    def _moves(self, stock: int, line: Line) -> bool:
        """Whether food that comes back changes anything of the stock."""
        thing = self.thing(stock)
        counts = line.channel in thing.caps or thing.promises.get(line.channel, 0) > 0
        today = channels.today(line.locked_at) == channels.today(self.now)
        return (stock in line.counted and thing.limited) or (counts and today)

    def amend(self, order: str, request: str, wants: dict[tuple[int, int], int] | None, hold: int) -> object:
        body = ("amend", order, wants and tuple(sorted(wants.items())), hold)
        if request in self.requests:
            known, answer = self.requests[request]
            return (answer[0], True) if known == body else _refuse_whole("IDEMPOTENCY_MISMATCH")  # type: ignore[index]
        held = self.order(order)
        codes = {EXPIRED: "LOCK_EXPIRED", DEDUCTED: "ALREADY_DEDUCTED", UNLOCKED: "ALREADY_UNLOCKED"}
        codes[RETURNED] = "ALREADY_RETURNED"
        if wants is None:
            if not held:
                return _refuse_whole("ORDER_NOT_FOUND")
            live = {key: line.quantity for key, line in held.items() if line.state == LOCKED}
            wants = live or dict.fromkeys(held, 0)
            if live:
                return self._amended(order, request, body, hold)
        bad: dict[tuple[int, int], str] = {}
        for key in wants:
            if key not in held:
                bad[key] = "ORDER_NOT_FOUND"
            elif held[key].state != LOCKED:
                bad[key] = codes[held[key].state]
        if bad:
            return _refuse(bad)
        for key in sorted(wants, key=lambda each: wants[each] - held[each].quantity):
            if not self._amend_line(held[key], key[0], wants[key]):
                bad[key] = "OUT_OF_STOCK"
        if bad:
            return "ROLLBACK", _refuse(bad)
        return self._amended(order, request, body, hold)

    def _amended(self, order: str, request: str, body: object, hold: int) -> object:
        for line in self.order(order).values():
            if line.state == LOCKED:
                line.expires_at = max(line.expires_at, self.now + hold * 1000)
        answer = (self.state(order), False)
        self.requests[request] = (body, answer)
        return answer

    def _amend_line(self, line: Line, sku: int, quantity: int) -> bool:
        if quantity == 0:
            line.state = UNLOCKED
            return True
        if quantity > line.quantity:
            can = self.available(sku, line.channel)
            if self._sold_out(sku) or (can is not None and can < quantity - line.quantity):
                return False
            for stock, ratio in self.chain(sku).items():
                left = self.left_for(stock, line.channel, capped=False)
                if left is not None and stock not in line.counted and left < quantity * ratio:
                    return False
            line.counted |= {stock for stock in self.chain(sku) if self.is_counted(stock)}
        line.quantity = quantity
        return True

    def set_stock(
        self,
        stock: int,
        *,
        real: int | None,
        sold_out: bool | None,
        caps: dict[str, int],
        promises: dict[str, int],
        weights: dict[str, int],
        allocation: str | None,
        lows: dict[str, int | None],
    ) -> None:
        """`real` None leaves the type alone, −1 makes the stock unlimited."""
        thing = self.things.setdefault(stock, Thing())
        before = copy.deepcopy(thing)
        if real is not None:
            thing.limited = real >= 0
            if real >= 0:
                thing.real = real
        if sold_out is True and not thing.sold_out:
            thing.manual = not thing.limited or thing.real > 0
            thing.sold_out = True
        elif sold_out is False:
            thing.sold_out = thing.manual = False
        thing.caps.update(caps)
        for code, part in promises.items():
            if part != thing.promises.get(code, 0):
                thing.released.pop(code, None)
        thing.promises.update(promises)
        thing.weights.update(weights)
        thing.allocation = thing.allocation if allocation is None else allocation
        for code, low in lows.items():
            if low is None:
                thing.lows.pop(code, None)
            else:
                thing.lows[code] = low
        self.turn(stock)
        channels.share(self, stock, before)
        if channels.state(thing) != channels.state(before):
            self.put.add(stock)

    def count(self, stock: int, request: str, quantity: int, *, add: bool) -> object:
        """Something is added, or everything is counted."""
        body = ("add" if add else "count", stock, quantity)
        if request in self.requests:
            return ("SAME", {}) if self.requests[request][0] == body else _refuse_whole("IDEMPOTENCY_MISMATCH")
        thing = self.thing(stock)
        if not thing.limited:
            return _refuse_whole("SETTING_INVALID")
        real = thing.real + quantity if add else quantity
        if real < 0:
            return _refuse_whole("QUANTITY_OUT_OF_RANGE")
        said = ("SAME" if real == thing.real else "DONE"), {}
        before = copy.deepcopy(thing)
        thing.real = real
        self.turn(stock)
        channels.share(self, stock, before)
        if real != before.real:
            self.put.add(stock)
        self.requests[request] = (body, said)
        return said

    def eighty_six(self, stock: int, *, sold_out: bool) -> object:
        """A person takes it off, or puts it back."""
        thing = self.things.setdefault(stock, Thing())
        before = (thing.sold_out, thing.manual)
        thing.sold_out = thing.manual = sold_out
        self.turn(stock)
        if (thing.sold_out, thing.manual) == before:
            return "SAME", {}
        self.touched.add(stock)
        return "DONE", {}


def _refuse(bad: dict[tuple[int, int], str]) -> Refusal:
    return min(bad.values(), key=PRECEDENCE.index), bad


def _refuse_whole(code: str) -> Refusal:
    return code, {}
