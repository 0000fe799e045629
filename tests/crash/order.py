"""One order of the load: what was acknowledged of it, what is under way, and how it should look.

A model of its own, much simpler than the core: orders here are only asked for what their state allows. Quantities are
multiples of a half, which floats hold exactly.
"""

import random
from typing import Any

import msgspec

from tests.crash.shop import BRAND, CHANNEL, HOT, POOL, POOLED, SKUS

LineKey = tuple[int, int]
_LIVES = (
    ("lock", "deduct"),
    ("lock", "deduct"),
    ("lock", "amend", "deduct", "return", "return"),
    ("lock", "deduct some", "return"),
    ("lock", "unlock"),
    ("lock", "amend", "unlock"),
    ("lock",),
)


class Line(msgspec.Struct, frozen=True):
    """One line as GET shows it."""

    state: str
    requested: float
    quantity: float
    returned: float = 0.0
    restocked: float = 0.0

    @property
    def consumed(self) -> float:
        """What it takes from the stock."""
        return 0.0 if self.state in {"UNLOCKED", "EXPIRED"} else self.quantity - self.restocked


Lines = dict[LineKey, Line]


class Operation(msgspec.Struct):
    """One call: what was sent, and how the order looks once it is done."""

    verb: str
    body: dict[str, Any]
    after: Lines
    unanswered: int = 0
    """Attempts that got no answer at all: it may have been done."""
    refused: int = 0
    """Attempts that were answered 503: it was not done."""
    answer: dict[str, Any] | None = None


class Order:
    """`lines` are what was acknowledged; `under_way` is an operation that has no final answer yet."""

    def __init__(self, order_id: str, poi_id: str, chance: random.Random) -> None:
        self.order_id = order_id
        self.poi_id = poi_id
        self.lines: Lines = {}
        self.under_way: Operation | None = None
        self.last: Operation | None = None
        """The last acknowledged operation."""
        self.touched = False
        self.dies = chance.random() < 0.08
        """Its lock ends by itself after a second."""
        self._chance = chance
        self._steps = ["lock"] if self.dies else list(chance.choice(_LIVES))

    def next(self) -> Operation | None:
        """What to send now: again what is under way, or the next step of its life; None at the end."""
        while self.under_way is None and self._steps:
            step = self._steps.pop(0)
            if step != "return" or any(line.state == "DEDUCTED" for line in self.lines.values()):
                self.under_way = self._operation(step)
        self.touched = self.touched or self.under_way is not None
        return self.under_way

    def accept(self, answer: dict[str, Any]) -> None:
        """The operation under way is done."""
        assert self.under_way is not None
        self.under_way.answer = answer
        self.lines, self.last, self.under_way = self.under_way.after, self.under_way, None

    def refuse(self) -> None:
        """The operation under way was refused for good: an order without a lock ends, another goes on without it."""
        self.under_way = None
        if not self.lines:
            self._steps.clear()

    def consumed(self) -> dict[tuple[int, int], float]:
        """What it takes from each stock."""
        taken: dict[tuple[int, int], float] = {}
        for (sku, _), line in self.lines.items():
            for stock in [(2, sku), *([(1, POOL)] if sku in POOLED else [])]:
                taken[stock] = taken.get(stock, 0.0) + (0.0 if self.dies else line.consumed)
        return taken

    def _operation(self, step: str) -> Operation:
        verb = step.split(maxsplit=1)[0]
        body: dict[str, Any] = {"brandId": BRAND, "poiId": self.poi_id, "order_id": self.order_id}
        if verb in {"amend", "return"}:
            body["request_id"] = f"{self.order_id}-{len(self._steps)}"
        makers = {"lock": self._lock, "amend": self._amend, "deduct some": self._deduct_some, "return": self._return}
        after = makers[step](body) if step in makers else self._whole(step)
        return Operation(verb, body, after)

    def _lock(self, body: dict[str, Any]) -> Lines:
        skus = self._chance.sample(SKUS, self._chance.randint(1, 5))
        if HOT not in skus and self._chance.random() < 0.5:
            skus.append(HOT)
        wanted = {(sku, 0): self._portions() for sku in skus}
        if self._chance.random() < 0.2:
            wanted[skus[0], 1] = self._portions()  # a further round of the same dish
        body["channel_code"] = CHANNEL
        body["expires_in"] = 1 if self.dies else 86_400
        body["lines"] = [{"sku_id": sku, "line_no": no, "quantity": much} for (sku, no), much in wanted.items()]
        return {key: Line("LOCKED", much, much) for key, much in wanted.items()}

    def _amend(self, body: dict[str, Any]) -> Lines:
        key = self._chance.choice(sorted(self.lines))
        line = self.lines[key]
        much = line.quantity + self._chance.choice((0.5, 1.0, 2.0))
        if len(self.lines) > 1 and self._chance.random() < 0.3:
            much = 0.0
        body["lines"] = [{"sku_id": key[0], "line_no": key[1], "quantity": much}]
        changed = msgspec.structs.replace(line, quantity=much) if much else _in_state(line, "UNLOCKED")
        return self.lines | {key: changed}

    def _deduct_some(self, body: dict[str, Any]) -> Lines:
        """Every line, the first with less than was locked."""
        paid = {key: line.quantity for key, line in self.lines.items()}
        first = min(paid)
        paid[first] = max(0.5, paid[first] - 0.5)
        body["lines"] = [{"sku_id": sku, "line_no": no, "quantity": much} for (sku, no), much in paid.items()]
        return {
            key: msgspec.structs.replace(line, state="DEDUCTED", quantity=paid[key]) for key, line in self.lines.items()
        }

    def _return(self, body: dict[str, Any]) -> Lines:
        """Half a portion of each paid line that has one left; every other goes back on sale."""
        after = dict(self.lines)
        body["lines"] = []
        for key, line in sorted(self.lines.items()):
            if line.state != "DEDUCTED":
                continue
            restock = self._chance.random() < 0.5
            body["lines"].append({"sku_id": key[0], "line_no": key[1], "quantity": 0.5, "restock": restock})
            returned = line.returned + 0.5
            after[key] = msgspec.structs.replace(
                line,
                returned=returned,
                restocked=line.restocked + (0.5 if restock else 0.0),
                state="RETURNED" if returned == line.quantity else "DEDUCTED",
            )
        return after

    def _whole(self, verb: str) -> Lines:
        target = {"deduct": "DEDUCTED", "unlock": "UNLOCKED"}[verb]
        return {key: _in_state(line, target) if line.state == "LOCKED" else line for key, line in self.lines.items()}

    def _portions(self) -> float:
        return self._chance.choice((0.5, 1.0, 1.0, 1.0, 2.0))


def shown(order: dict[str, Any] | None) -> Lines:
    """The lines of a GET; none for an order that isn't known."""
    if order is None:
        return {}
    return {
        (line["sku_id"], line["line_no"]): Line(
            line["state"],
            line["requested_quantity"],
            line["quantity"],
            line["returned_quantity"],
            line["restocked_quantity"],
        )
        for line in order["lines"]
    }


def _in_state(line: Line, state: str) -> Line:
    return msgspec.structs.replace(line, state=state)
