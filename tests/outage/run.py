"""One run from beginning to end, the same for the tests and for the large proof.

    together     both sides sell, in step
    cut          the lines refuse; hubs and the cloud are killed meanwhile and go on; the favourite is sold out on both
    killed       the cloud is killed and stays away for a while
    silent       the lines swallow everything
    together     again, and everybody has the same at the end

After each break nobody orders until both sides have the same again, so that what is measured is the healing alone.
"""

import asyncio
import time
from collections.abc import Awaitable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

import psutil

from tests.hub.processes import run_command
from tests.outage.guest import At, Guest
from tests.outage.ledger import DEDUCTED, LOCKED, Ledger
from tests.outage.line import Cut
from tests.outage.stage import Stage, Store
from tests.outage.till import Till


class Plan(NamedTuple):
    """How long each part takes at least, in seconds, and which share of the guests comes in it."""

    together: float = 30.0
    cut: float = 150.0
    killed: float = 60.0
    silent: float = 75.0
    down: float = 5.0
    """How long a process that is killed amid a cut stays away."""
    shares: tuple[float, ...] = (0.15, 0.6, 0.1, 0.1, 0.05)
    heal_most: float = 60.0
    """After so long it isn't waited for any more."""


class Healed(NamedTuple):
    """After what how many stores were in step again, with how many events to tell, and within how many seconds;
    what the processors did for it in the cloud's process and in the hubs', for machines that have more to do."""

    after: str
    stores: int
    events: int
    seconds: float
    cloud_cpu: float
    hubs_cpu: float


@dataclass
class Report:
    """What came of it. `complaints` empty: all is well."""

    complaints: list[str] = field(default_factory=list)
    healed: list[Healed] = field(default_factory=list)
    orders: int = 0
    sold: int = 0
    promised: int = 0
    put_in: int = 0
    refused: int = 0
    unanswered: int = 0
    checks: int = 0
    seconds: float = 0.0


_ADDS_UP_SECONDS = 10.0


class Run:
    """The stage is started and ended by `go`."""

    def __init__(self, stage: Stage, plan: Plan) -> None:
        self._stage = stage
        self._plan = plan
        self.report = Report()
        self.ledgers = {store.shop.poi_id: Ledger(store.shop.poi_id, store.shop.portions) for store in stage.stores}
        self._tills: list[tuple[Store, At, Till]] = []

    async def go(self) -> Report:
        """The whole of it."""
        began = time.monotonic()
        try:
            await self._stage.start()
            self._open_tills()
            await self._story()
            await self._compare()
            await self._check()
        finally:
            for _, _, till in self._tills:
                await till.close()
            await self._stage.end()
        self.report.seconds = time.monotonic() - began
        return self.report

    def _open_tills(self) -> None:
        for store in self._stage.stores:
            ledger = self.ledgers[store.shop.poi_id]
            for at, url in ((At.HUB, store.hub.url), (At.ONLINE, self._stage.cloud.url)):
                self._tills.append((store, at, Till(url, self._stage.key, ledger, at)))

    async def _story(self) -> None:
        plan, stores = self._plan, self._stage.stores
        parts = self._parts()
        await self._serve(next(parts), plan.together)

        self._cut(Cut.REFUSED)
        await self._amid(self._serve(next(parts), plan.cut), self._kills())
        await self._sell_out()
        await self._heal("the lines were refused, the largest store", stores[:1])
        if stores[1:]:
            await self._heal("the lines were refused, the others together", stores[1:])

        await self._stage.cloud.kill()
        await self._amid(self._serve(next(parts), plan.killed), self._return_of_the_cloud())
        await self._in_step("the cloud was killed and guests were there already", stores)

        self._cut(Cut.SILENT)
        await self._serve(next(parts), plan.silent)
        await self._heal("the lines were silent", stores)

        await self._serve(next(parts), plan.together)
        await self._in_step("nothing was wrong", stores)

    # what happens

    def _parts(self) -> Iterator[dict[str, list[Guest]]]:
        """The guests of each part, by store."""
        reached = [sum(self._plan.shares[:number]) for number in range(len(self._plan.shares) + 1)]
        for first, last in pairwise(reached):
            yield {
                store.shop.poi_id: guests[round(first * len(guests)) : round(last * len(guests))]
                for store in self._stage.stores
                for guests in (store.shop.guests,)
            }

    async def _serve(self, guests: dict[str, list[Guest]], seconds: float) -> None:
        await asyncio.gather(
            *(
                till.serve([guest for guest in guests[store.shop.poi_id] if guest.at is at], seconds)
                for store, at, till in self._tills
            ),
            asyncio.sleep(seconds),
        )

    async def _amid(self, serving: Awaitable[None], faults: Awaitable[None]) -> None:
        await asyncio.gather(serving, faults)

    def _cut(self, how: Cut) -> None:
        for store in self._stage.stores:
            store.line.cut(how)

    async def _kills(self) -> None:
        """One after the other: the cloud, the first hub, where there are several the last; each stays away for a
        while."""
        plan, stores = self._plan, self._stage.stores
        for process in (self._stage.cloud, stores[0].hub, *(store.hub for store in stores[1:][-1:])):
            await asyncio.sleep(max(0.5, plan.cut / 5 - plan.down))
            await process.kill()
            await asyncio.sleep(plan.down)
            await process.start()

    async def _return_of_the_cloud(self) -> None:
        await asyncio.sleep(self._plan.killed)
        await self._stage.cloud.start()

    async def _sell_out(self) -> None:
        """Whoever still wants the favourite gets what is left of it, on each side its own part; then it is out on both
        while neither knows of the other."""
        for store, _, till in self._tills:
            await till.sell_out(store.shop.favourite, "last")
        for store in self._stage.stores:
            ledger, sku = self.ledgers[store.shop.poi_id], store.shop.favourite
            promised = ledger.all_of(DEDUCTED)[sku] + ledger.all_of(LOCKED)[sku]
            if promised != ledger.portions[sku]:
                self.report.complaints.append(
                    f"{store.shop.poi_id}: the favourite is out on both sides, {promised} of {ledger.portions[sku]}"
                )

    async def _heal(self, after: str, stores: list[Store]) -> None:
        for store in stores:
            store.line.mend()
        await self._in_step(after, stores)

    async def _in_step(self, after: str, stores: list[Store]) -> None:
        events = sum(store.rows.untold() for store in stores)
        cloud, hubs = self._stage.cloud.pid, [store.hub.pid for store in stores]
        cloud_before, hubs_before = _cpu(cloud), _cpu(*hubs)
        most = self._plan.heal_most
        seconds = await asyncio.gather(*(store.healed(self._stage.rows, most) for store in stores))
        cpu = (_cpu(cloud) - cloud_before, _cpu(*hubs) - hubs_before)
        self.report.healed.append(Healed(after, len(stores), events, max(seconds), *cpu))

    # what is looked at

    async def _compare(self) -> None:
        report = self.report
        for store in self._stage.stores:
            poi_id = store.shop.poi_id
            ledger = self.ledgers[poi_id]
            report.complaints += await self._complaints(store)
            report.orders += len(ledger.orders)
            report.sold += ledger.all_of(DEDUCTED).total()
            report.promised += ledger.all_of(LOCKED).total()
            report.put_in += sum(ledger.portions.values())
            report.refused += ledger.refused.total()
            report.complaints += [
                f"{poi_id}: the favourite was never refused, {at.name}"
                for at in At
                if not ledger.refused[at, store.shop.favourite]
            ]
        for _, _, till in self._tills:
            report.complaints += till.complaints
            report.unanswered += till.unanswered

    async def _complaints(self, store: Store) -> list[str]:
        """What doesn't add up, and goes on not to: while a grant is on its way from one side to the other, as may be
        every few seconds, both differ by it."""
        until = time.monotonic() + _ADDS_UP_SECONDS
        while True:
            cloud, hub = await self._stage.rows.all(store.shop.poi_id), store.rows.all()
            found = self.ledgers[store.shop.poi_id].complaints(cloud, hub)
            if not found or time.monotonic() > until:
                return found
            await asyncio.sleep(0.2)

    async def _check(self) -> None:
        """What `eightysix check` says of each database."""
        databases = await self._stage.stop()
        checks = await asyncio.gather(*(run_command("check", "--database", database) for database in databases))
        self.report.checks = len(checks)
        for database, (code, printed, said) in zip(databases, checks, strict=True):
            if code:
                self.report.complaints.append(f"check of {database.rpartition('/')[2]}: {printed}{said}")


def _cpu(*pids: int) -> float:
    """Seconds of processor that these have had."""
    times = [psutil.Process(pid).cpu_times() for pid in pids]
    return float(sum(each.user + each.system for each in times))
