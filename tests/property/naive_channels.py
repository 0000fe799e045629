"""What the naive model says of channels: shares by weight, guarantees that flow back, thresholds.

Counted anew from lines as everything there; `put` and `low` are the only things that are remembered.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .naive import Naive, Thing

DAY_MS = 86_400_000
DAY_START_MS = 4 * 3_600_000

WHOLE = ""
"""Where a channel's code would stand, of the stock as a whole."""

Alert = tuple[int, str, int, int]
"""Stock, channel, what was left, threshold."""


def today(now: int) -> int:
    """The number of the business day."""
    return (now - DAY_START_MS) // DAY_MS


def state(thing: "Thing") -> tuple[Any, ...]:
    """What a setting may change; what was never set is as good as nothing."""
    return (
        thing.limited, thing.real, thing.sold_out, thing.manual, thing.allocation, dict(thing.lows),
        dict(thing.caps), {code: part for code, part in thing.promises.items() if part},
        {code: weight for code, weight in thing.weights.items() if weight},
    )  # fmt: skip


def open_parts(naive: "Naive", stock: int) -> dict[str, int]:
    """What is guaranteed and open, scaled to what is there."""
    thing = naive.thing(stock)
    there = max(0, thing.real - naive.locked(stock))
    parts = {
        code: max(0, part - naive.used(stock, code))
        for code, part in thing.promises.items()
        if thing.released.get(code) != today(naive.now)
    }
    return shares(there, parts) if sum(parts.values()) > there else parts


def share(naive: "Naive", stock: int, before: "Thing") -> None:
    """What the weights make of a setting that changed what there is."""
    thing = naive.things[stock]
    words = [(each.allocation, positive(each.weights)) for each in (before, thing)]
    if words[0] == words[1] and (before.limited, before.real) == (thing.limited, thing.real):
        return
    if before.allocation == "guarantee" and before.limited:
        for code in positive(before.weights):
            if thing.promises.get(code, 0) == before.promises.get(code, 0):
                thing.promises[code] = 0
    elif before.allocation == "limit" and before.limited:
        for code in positive(before.weights):
            if thing.caps.get(code) == before.caps.get(code):
                thing.caps.pop(code, None)
    if thing.allocation and thing.limited and positive(thing.weights):
        into = thing.promises if thing.allocation == "guarantee" else thing.caps
        for code, part in shares(thing.real - naive.locked(stock), positive(thing.weights)).items():
            into[code] = naive.used(stock, code) + part
            if words[0] != words[1]:
                thing.released.pop(code, None)


def release(naive: "Naive", stocks: Iterable[int]) -> list[tuple[int, str, int]]:
    """Guarantees flow back for the rest of the day; how much was open of each."""
    released = []
    for stock in stocks:
        thing = naive.thing(stock)
        parts = open_parts(naive, stock) if thing.limited else {}
        codes = [code for code in positive(thing.promises) if thing.released.get(code) != today(naive.now)]
        released += [(stock, code, parts.get(code, 0)) for code in codes]
        thing.released |= dict.fromkeys(codes, today(naive.now))
        if codes:
            naive.put.add(stock)
    return sorted(released)


def start_day(naive: "Naive") -> None:
    """Where the day has changed, channels that count what they use start again, and may run low again."""
    if today(naive.now) == naive.day:
        return
    naive.day = today(naive.now)
    for stock, thing in naive.things.items():
        for code in sorted(thing.low - {WHOLE}):
            counts = code in thing.caps or thing.promises.get(code, 0) > 0
            left = naive.left_for(stock, code)
            if counts and (left is None or left > thing.lows[code]):
                thing.low.discard(code)


Lines = dict[tuple[str, int, int], tuple[int, int, int, frozenset[int]]]
"""Of each line: what is locked, what was sold, what came back on sale, and the stocks that count it."""

Lefts = dict[tuple[int, str], tuple[int | None, int]]
"""Of each threshold: what is left, and the threshold."""


def held(naive: "Naive") -> tuple[Lines, Lefts]:
    """What lines hold and what is left now, to be compared after the next command."""
    return _lines(naive), {
        (stock, code): (naive.left_for(stock, code), low)
        for stock, thing in naive.things.items()
        for code, low in thing.lows.items()
    }


def _lines(naive: "Naive") -> Lines:
    return {
        key: (
            line.quantity if line.state == "LOCKED" else 0,
            line.quantity if line.state in ("DEDUCTED", "RETURNED") else 0,
            line.restocked,
            line.counted,
        )
        for key, line in naive.lines.items()
    }


def _touched(naive: "Naive", before: Lines) -> set[int]:
    """The stocks of which an order has moved something."""
    stocks: set[int] = set()
    for key, after in _lines(naive).items():
        was = before.get(key, (0, 0, 0, frozenset()))
        line = naive.lines[key]
        for stock in naive.chain(key[1]):
            counts = line.channel in naive.thing(stock).caps or naive.thing(stock).promises.get(line.channel, 0) > 0
            uses = counts and today(line.locked_at) == today(naive.now)
            kept = [locked + sold - back for locked, sold, back, _ in (was, after)]
            if (stock in was[3] | after[3] and was[:3] != after[:3]) or (uses and kept[0] != kept[1]):
                stocks.add(stock)
    return stocks


def watch(naive: "Naive", before: tuple[Lines, Lefts]) -> None:
    """Tell of every threshold that was crossed by what was done since `before`."""
    lines, lefts = before
    touched = _touched(naive, lines) | naive.put | naive.touched
    for stock, thing in naive.things.items():
        if stock not in touched:
            continue
        for code in sorted(thing.lows.keys() | thing.low):
            low = thing.lows.get(code)
            left = naive.left_for(stock, code)
            if low is None or left is None:
                thing.low.discard(code)
            elif left <= low and code not in thing.low:
                thing.low.add(code)
                naive.alerts.append((stock, code, max(0, left), low))
            elif left > low and stock in naive.put:
                was, threshold = lefts.get((stock, code), (None, low))
                if threshold != low or (was is not None and left > was):
                    thing.low.discard(code)
    naive.put.clear()
    naive.touched.clear()


def positive(numbers: dict[str, int]) -> dict[str, int]:
    return {code: numbers[code] for code in sorted(numbers) if numbers[code] > 0}


def shares(total: int, parts: dict[str, int]) -> dict[str, int]:
    """Largest remainder in tenths of a portion (100 thousandths)."""
    units = max(0, total) // 100
    whole = sum(parts.values())
    exact = {code: (units * part // whole, units * part % whole) for code, part in parts.items()}
    left = units - sum(share for share, _ in exact.values())
    lucky = sorted(exact, key=lambda code: (-exact[code][1], code))[:left]
    return {code: (share + (code in lucky)) * 100 for code, (share, _) in exact.items()}
