"""Takes the orders of one store on one side, and goes on asking until each has its answer, whatever is killed."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from tests.crash.wire import NoAnswer, Wire
from tests.outage.guest import At, Fate, Guest
from tests.outage.ledger import DEDUCTED, RETURNED, UNLOCKED, Ledger
from tests.outage.truth import BRAND

_TOGETHER = 40
"""Guests who are served in one call at most."""
_AGAIN_SECONDS = 0.2
_PATIENCE_SECONDS = 30.0
_PARTY = 128
_TRIES = 3
"""How often a guest orders less because something was out."""
_BUSY = (429, 500, 503)
_A_DAY = 86_400

Operation = dict[str, Any]


class Till:
    """`complaints` are answers that nobody should get."""

    def __init__(self, url: str, key: str, ledger: Ledger, at: At) -> None:
        self._url, self._key = url, key
        self._ledger = ledger
        self._at = at
        self._wire = Wire(url, key)
        self.complaints: list[str] = []
        self.answered = 0
        self.unanswered = 0

    async def serve(self, guests: Sequence[Guest], seconds: float) -> None:
        """Serve them one after the other, spread over the time; faster is not possible than they are answered."""
        began, done = time.monotonic(), 0
        while done < len(guests):
            share = 1.0 if seconds <= 0 else (time.monotonic() - began) / seconds
            due = min(len(guests), int(share * len(guests)) + 1, done + _TOGETHER)
            if due > done:
                await self._serve(guests[done:due])
                done = due
            else:
                await asyncio.sleep(0.02)

    async def sell_out(self, sku: int, name: str) -> None:
        """Lock portions of a dish until it is out."""
        portions, number = _PARTY, 0
        while portions:
            number += 1
            order_id = f"{self._at.name.lower()}-{name}-{number}"
            if not await self._lock({order_id: {sku: portions}}):
                portions //= 2

    async def close(self) -> None:
        await self._wire.close()

    async def _serve(self, guests: Sequence[Guest]) -> None:
        fates = {guest.order_id: guest.fate for guest in guests}
        wanted = {guest.order_id: guest.lines for guest in guests}
        got: list[str] = []
        for _ in range(_TRIES):
            if wanted:
                served = await self._lock(wanted)
                got += served
                wanted = {order_id: lines for order_id, lines in wanted.items() if order_id not in served and lines}
        await self._settle("deduct", [each for each in got if fates[each] in (Fate.PAID, Fate.RETURNED)], DEDUCTED)
        await self._settle("unlock", [each for each in got if fates[each] is Fate.CANCELLED], UNLOCKED)
        await self._settle("return", [each for each in got if fates[each] is Fate.RETURNED], RETURNED)

    async def _lock(self, wanted: dict[str, dict[int, int]]) -> list[str]:
        """Which orders were taken; of the others, what is out is struck from `wanted`."""
        operations = [
            {
                "op": "lock", **self._named(order_id), "channel_code": self._at.value, "expires_in": _A_DAY,
                "lines": [{"sku_id": sku, "quantity": portions} for sku, portions in lines.items()],
            }
            for order_id, lines in wanted.items()
        ]  # fmt: skip
        served = []
        for order_id, (status, answer) in zip(list(wanted), await self._ask(operations), strict=True):
            if status == 200:
                self._ledger.locked(order_id, self._at, wanted[order_id])
                served.append(order_id)
            elif answer.get("code") == "OUT_OF_STOCK":
                out = {short["sku_id"] for short in answer["shortages"]}
                self._ledger.refused.update((self._at, sku) for sku in out)
                wanted[order_id] = {sku: much for sku, much in wanted[order_id].items() if sku not in out}
            else:
                self._complain("lock", order_id, status, answer)
                wanted[order_id] = {}
        return served

    async def _settle(self, verb: str, order_ids: list[str], state: int) -> None:
        operations = [self._operation(verb, order_id) for order_id in order_ids]
        for order_id, (status, answer) in zip(order_ids, await self._ask(operations), strict=True):
            if status == 200:
                self._ledger.became(order_id, state)
            else:
                self._complain(verb, order_id, status, answer)

    def _operation(self, verb: str, order_id: str) -> Operation:
        operation: Operation = {"op": verb, **self._named(order_id)}
        if verb == "return":  # the dish is on sale again
            lines = self._ledger.orders[order_id]
            operation["request_id"] = f"back-{order_id}"
            operation["lines"] = [
                {"sku_id": sku, "quantity": line.quantity, "restock": True} for sku, line in lines.items()
            ]
        return operation

    def _named(self, order_id: str) -> Operation:
        return {"brandId": BRAND, "poiId": self._ledger.poi_id, "order_id": order_id}

    def _complain(self, verb: str, order_id: str, status: int, answer: Any) -> None:
        self.complaints.append(f"{self._ledger.poi_id}: {verb} of {order_id}: {status} {answer}")

    async def _ask(self, operations: list[Operation]) -> list[tuple[int, Any]]:
        """The answer of each, however often it has to be asked for: every verb may be repeated."""
        answers: dict[int, tuple[int, Any]] = {}
        waiting = list(range(len(operations)))
        while waiting:
            results = await self._once([operations[at] for at in waiting])
            answers |= {at: each for at, each in zip(waiting, results, strict=False) if each[0] not in _BUSY}
            waiting = [at for at in waiting if at not in answers]
            if waiting:
                await asyncio.sleep(_AGAIN_SECONDS)
        return [answers[at] for at in range(len(operations))]

    async def _once(self, operations: list[Operation]) -> list[tuple[int, Any]]:
        call = self._wire.call("POST", "/api/v1/stock/batch", {"operations": operations})
        try:
            status, answer = await asyncio.wait_for(call, _PATIENCE_SECONDS)
        except (NoAnswer, TimeoutError):
            self.unanswered += 1
            await self._wire.close()
            self._wire = Wire(self._url, self._key)
            return []
        if status in _BUSY:
            return []
        assert status == 200, answer
        self.answered += 1
        return [(result["status"], result["body"]) for result in answer["results"]]
