"""Orders of a few dishes while others set, add to, count and 86 them; everybody writes down what they were told."""

import asyncio
import random
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal
from itertools import count
from typing import Any, NamedTuple

from eightysix.client import AsyncClient, Failed, Refused
from tests.race.market import BRAND

POI_IDS = ("r0", "r1")
SKUS = (1, 2, 3, 4)
"""The last two share an SPU, which is unlimited."""
INITIAL = 40
UPDATE, EIGHTY_SIX = "/api/v1/poi/stock/update", "/api/v1/poi/stock/86"

Dish = tuple[str, int]


class Answer(NamedTuple):
    """The status of a call, and what came."""

    status: int
    body: Any

    @property
    def is_ok(self) -> bool:
        return self.status == 200

    @property
    def code(self) -> str:
        return str(self.body.code)


class Ledger:
    """By (store, dish): what was there at first, plus every change of it that somebody was told about."""

    def __init__(self) -> None:
        self.moved: defaultdict[Dish, Decimal] = defaultdict(Decimal)
        self.counts: defaultdict[str, int] = defaultdict(int)
        self.complaints: list[str] = []

    def move(self, what: str, dish: Dish, portions: Decimal) -> None:
        self.counts[what] += 1
        self.moved[dish] += portions

    def expected(self, dish: Dish) -> Decimal:
        """What must be there."""
        return INITIAL + self.moved[dish]


class Mix:
    """The people: all calls go to one of `clients` by chance, so that several services share a store."""

    def __init__(self, clients: Sequence[AsyncClient], seed: int) -> None:
        self.ledger = Ledger()
        self._clients = clients
        self._seed = seed
        self._numbers = count()

    async def furnish(self) -> None:
        """Every dish is limited."""
        items = [{"object_id": sku, "stock_type": 2, "real_quantity": INITIAL} for sku in SKUS]
        body = {"brandId": BRAND, "poiIds": list(POI_IDS), "items": items}
        answer = await self._clients[0].ask("POST", UPDATE, body)
        assert {result["status"] for result in answer["results"]} == {200}

    async def run(self, *, guests: int, orders: int, staff: int, settings: int) -> None:
        """So many guests with so many orders each, so many of the staff with so many settings each; all at once."""
        work: list[tuple[int, Callable[[random.Random], Awaitable[None]]]] = []
        work += [(orders, self._order)] * guests
        for each in (self._add, self._count, self._set, self._eighty_six):
            work += [(settings, each)] * staff
        await asyncio.gather(*(self._repeat(at, times, act) for at, (times, act) in enumerate(work)))
        for poi_id in POI_IDS:  # everybody's 86 ends
            await self._ask(random.Random(0), EIGHTY_SIX, _eighty_six(poi_id, SKUS, sold_out=False))

    async def recount(self) -> list[int]:
        """Three counts: one that changes something; one that doesn't, and is remembered nevertheless; another under the
        id of that. Their statuses."""
        chance, dish, told = random.Random(1), (POI_IDS[0], SKUS[0]), []
        for quantity, request_id in ((7, "recount-1"), (7, "recount-2"), (9, "recount-2")):
            body = _one(dish, op="count", quantity=quantity, request_id=request_id)
            told.append(await self._ask(chance, UPDATE, body))
            self._changed("recounted", dish, told[-1])
        return [answer.status for answer in told]

    async def _repeat(self, at: int, times: int, act: Callable[[random.Random], Awaitable[None]]) -> None:
        chance = random.Random(f"{self._seed}/{at}")
        for _ in range(times):
            await act(chance)

    async def _ask(self, chance: random.Random, path: str, body: dict[str, Any]) -> Answer:
        try:
            answer = Answer(200, await chance.choice(self._clients).ask("POST", path, body))
        except (Refused, Failed) as error:
            answer = Answer(error.status, error)
        if answer.status not in {200, 409, 422}:
            self.ledger.complaints.append(f"{path} {body}: {answer}")
        return answer

    # --- orders

    async def _order(self, chance: random.Random) -> None:
        """A life of one order; whatever happens, nothing of it is locked at the end."""
        poi_id, order_id = chance.choice(POI_IDS), f"o{next(self._numbers)}"
        wants = [(sku, chance.choice([1, 1, 2, 3])) for sku in chance.sample(SKUS, chance.choice([1, 2]))]
        order = {"brandId": BRAND, "poiId": poi_id, "order_id": order_id}
        lines = [{"sku_id": sku, "quantity": quantity} for sku, quantity in wants]
        locked = await self._ask(chance, _verb("lock"), {**order, "channel_code": "POS", "lines": lines})
        if not locked.is_ok:
            self.ledger.counts["refused"] += 1
            return
        if chance.random() < 0.3:
            sku, quantity = chance.choice(wants)
            new = [{"sku_id": sku, "quantity": chance.choice([1, quantity + 1])}]
            await self._ask(chance, _verb("amend"), {**order, "request_id": f"{order_id}-a", "lines": new})
        if chance.random() < 0.25:
            await self._ask(chance, _verb("unlock"), order)
            self.ledger.counts["unlocked"] += 1
            return
        paid = await self._ask(chance, _verb("deduct"), order)
        if not paid.is_ok:
            self.ledger.complaints.append(f"{order_id} could not be paid: {paid}")
            return
        for line in paid.body["lines"]:
            self.ledger.move("sold", (poi_id, line["sku_id"]), -_portions(line["quantity"]))
        if chance.random() < 0.3:
            await self._return(chance, order, paid.body["lines"][0])

    async def _return(self, chance: random.Random, order: dict[str, Any], line: dict[str, Any]) -> None:
        back = {"sku_id": line["sku_id"], "quantity": line["quantity"], "restock": chance.random() < 0.7}
        body = {**order, "request_id": f"{order['order_id']}-r", "lines": [back]}
        told = await self._ask(chance, _verb("return"), body)
        if told.is_ok and back["restock"]:
            self.ledger.move("restocked", (order["poiId"], line["sku_id"]), _portions(line["quantity"]))

    # --- settings

    async def _add(self, chance: random.Random) -> None:
        """Each addition is sent twice at once, as somebody does who got no answer: one of the two is made."""
        dish = chance.choice(POI_IDS), chance.choice(SKUS)
        quantity = chance.choice([5, 8, -1, 2.5])
        body = _one(dish, op="add", quantity=quantity, request_id=f"add-{next(self._numbers)}")
        told = await asyncio.gather(*(self._ask(chance, UPDATE, body) for _ in range(2)))
        made = [answer for answer in told if answer.is_ok and not answer.body["replayed"]]
        if len(made) > 1:
            self.ledger.complaints.append(f"{body} was made {len(made)} times")
        for answer in made:
            self._changed("added", dish, answer)

    async def _count(self, chance: random.Random) -> None:
        dish = chance.choice(POI_IDS), chance.choice(SKUS)
        self._changed("counted", dish, await self._ask(chance, UPDATE, _one(dish, op="count", quantity=_some(chance))))

    async def _set(self, chance: random.Random) -> None:
        dish = chance.choice(POI_IDS), chance.choice(SKUS)
        self._changed("set", dish, await self._ask(chance, UPDATE, _one(dish, real_quantity=_some(chance))))

    async def _eighty_six(self, chance: random.Random) -> None:
        """The count stays; and now and then it is the other way round."""
        skus = chance.sample(SKUS, chance.choice([1, 2]))
        for sold_out in (True, False):
            told = await self._ask(chance, EIGHTY_SIX, _eighty_six(chance.choice(POI_IDS), skus, sold_out=sold_out))
            for result in told.body["results"]:
                self._changed("86'd", (result["poiId"], result["object_id"]), Answer(200, result["body"]))

    def _changed(self, what: str, dish: Dish, answer: Answer) -> None:
        """Write down by how much a setting changed what is there."""
        if not answer.is_ok:  # there was less than should have been taken away
            self.ledger.counts[f"{what}: {answer.code}"] += 1
            return
        by = [
            _portions(change["after"]) - _portions(change["before"])
            for change in answer.body["changes"]
            if change["field"] == "real_quantity"
        ]
        if what == "86'd" and by:
            self.ledger.complaints.append(f"an 86 changed the count of {dish}: {answer}")
        self.ledger.move(what, dish, sum(by, Decimal()))


def _one(dish: Dish, **fields: Any) -> dict[str, Any]:
    return {"brandId": BRAND, "poiId": dish[0], "object_id": dish[1], **fields}


def _eighty_six(poi_id: str, skus: Sequence[int], *, sold_out: bool) -> dict[str, Any]:
    return {"brandId": BRAND, "poiIds": [poi_id], "object_ids": list(skus), "sold_out": sold_out}


def _verb(name: str) -> str:
    return f"/api/v1/stock/{name}"


def _some(chance: random.Random) -> int:
    return chance.choice([0, 5, 30, 60, 90])


def _portions(number: Any) -> Decimal:
    return Decimal(str(number))
