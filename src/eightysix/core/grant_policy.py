"""How much of a stock a hub should hold while it can talk to the cloud: so much that neither side starves.

The cloud keeps a few portions first, for it has to refuse at once where it comes short, while a hub borrows what it
lacks before it refuses. The rest is split as it sells: by the pace of each side's own sales, and by the weights of the
channels as long as too little was sold to tell. So both run out at about the same time, and a hub that is cut off goes
on as long as it would have anyway. What is guaranteed to the store's own channels is held for them in any case. Nothing
is moved for a small difference, or to a side that has enough for a day, since every move is a message and a log row;
but whoever has nothing while the other has several gets its part at once. What the cloud asks back for a sale that it
had to refuse (`recalled`) is given as far as it is free.

Measured on real orders by bench/grants.py; docs/HUB.md has the figures. Quantities in thousandths, paces in thousandths
an hour.
"""

import msgspec

from .quantity import UNIT

PRIOR = 2 * UNIT
"""The weights count as much as this pace: two portions an hour, on both sides together."""

KEPT = 6
"""Units that the cloud keeps before anything is split, three fifths of what is free at most."""

TOLERANCE = 8
"""A difference of less than an eighth of what is free is left alone."""

ENOUGH_HOURS = 24
"""Who has so much at its pace needs nothing of the other."""

HALF_LIFE_MS = 30 * 60_000
"""A sale counts half as much after so long."""


class Demand(msgspec.Struct, frozen=True, gc=False):
    """What a side sells of a stock: `pace` as it was at `at` (ms). Without new sales it fades."""

    pace: int = 0
    at: int = 0

    def at_time(self, now: int) -> int:
        """The pace by now."""
        halvings, rest = divmod(max(0, now - self.at), HALF_LIFE_MS)
        pace = self.pace >> min(halvings, 64)
        return pace - pace * rest // (2 * HALF_LIFE_MS)  # between two halvings in a straight line

    def sold(self, quantity: int, now: int) -> "Demand":
        """The demand after a sale. One that goes on at a constant pace is told as that pace."""
        return Demand(self.at_time(now) + quantity * _AN_HOUR_MS // _MEAN_MS, max(now, self.at))


_AN_HOUR_MS = 60 * 60_000
_MEAN_MS = 2 * HALF_LIFE_MS
"""How long a sale counts in all where others follow it soon, so that the straight lines are short."""


class Free(msgspec.Struct, frozen=True, gc=False):
    """What each side may still promise. `step` is the item's unit."""

    here: int
    there: int
    step: int = UNIT


class Split(msgspec.Struct, frozen=True, gc=False):
    """Why it is split as it is: weights of the in-store channels and of the online ones, both sides' pace, and what is
    guaranteed to in-store channels and still open."""

    weight_here: int = 1
    weight_there: int = 1
    pace_here: int = 0
    pace_there: int = 0
    guaranteed_here: int = 0


def wanted(free: Free, split: Split, *, recalled: int = 0) -> int:
    """How much more the hub should hold, in thousandths, whole units; negative: how much it should give back."""
    here, there, step = max(0, free.here), max(0, free.there), free.step
    if recalled:
        return -min(_floor(here, step), _ceil(recalled, step))
    total = here + there
    difference = _target(total, split, step) - here
    if abs(difference) < step:
        return 0
    starves = min(here, there) < step
    if abs(difference) * TOLERANCE < total and not starves:
        return 0
    part, whole = _paces(split)
    if difference > 0:
        enough = max(step, part * ENOUGH_HOURS, split.guaranteed_here)
        return 0 if here >= enough else _floor(min(difference, there), step)
    enough = max(step, (whole - part) * ENOUGH_HOURS)
    return 0 if there >= enough else -_floor(min(-difference, here), step)


def _target(total: int, split: Split, step: int) -> int:
    """The hub's part of what is free. Where there are two units to split and it sells any, it has one at least."""
    part, whole = _paces(split)
    left = total - min(KEPT * step, total * 3 // 5)
    target = _floor(left * part // whole + step // 2, step)
    if left >= 2 * step and part:
        target = max(target, step)
    return max(target, _ceil(min(split.guaranteed_here, total), step))


def _paces(split: Split) -> tuple[int, int]:
    """The hub's pace and that of both sides, with the weights' part in them."""
    weights = split.weight_here + split.weight_there
    prior = PRIOR * split.weight_here // weights if weights else PRIOR // 2
    return split.pace_here + prior, split.pace_here + split.pace_there + PRIOR


def _floor(quantity: int, step: int) -> int:
    return quantity // step * step


def _ceil(quantity: int, step: int) -> int:
    return -(-quantity // step) * step
