"""One webhook's endpoint: its queue, as much of it as is in memory, and who is being told what right now.

What is in memory is only ever a part of what the database has. Rows are sent a few at a time, no two of one subject at
once. While the endpoint fails nothing is kept in memory at all.
"""

import asyncio
import logging
from typing import NamedTuple

from msgspec.structs import replace

from eightysix.catalog.webhook import Webhook
from eightysix.storage.port import StorageFault
from eightysix.storage.webhook_attempt import Attempt, Place
from eightysix.storage.webhook_queue import HEALTH, QueueRow, Subject

from .courier import Answer
from .desk import Desk, fresh_id, message_id
from .health import Health, Verdict
from .ledger import Entry
from .schedule import later
from .signature import headers

_log = logging.getLogger(__name__)

PAGE = 200
"""Rows that are read at once."""

READY_MOST = 400
"""Rows kept in memory."""

FAULT_MS = 1_000
"""How long to wait where the database can't be had."""

CONTENT = [(b"content-type", b"application/json"), (b"user-agent", b"EightySix-Webhooks/1")]


class _NotActive(Exception):
    """The webhook is to be told nothing."""


class _NotWanted(Exception):
    """The webhook is told of other stores or other events by now."""


class _Carried(NamedTuple):
    """A request to `url`, begun at `began_at`, and what came of it."""

    url: str
    answer: Answer
    began_at: int


class Endpoint:
    """`due_at` says when it wants to be woken, in ms; None: when something new comes."""

    def __init__(self, webhook: Webhook, desk: Desk) -> None:
        self.webhook = webhook
        self.due_at: int | None = None
        self._desk = desk
        self._health = Health(webhook.key)
        self._courier = desk.courier()
        self._ready: dict[Subject, QueueRow] = {}
        self._busy: dict[Subject, QueueRow] = {}
        self._flying = 0
        self._sends: set[asyncio.Task[None]] = set()
        self._has_more = False
        self._missed = False
        self._anew = True
        """Whether what was put off is told now: the endpoint has made a new start."""
        self._after: Subject | None = None
        self._changed = asyncio.Event()
        self._work: asyncio.Task[None] | None = None
        self._used_at = desk.ticks()
        self._closed = False

    @property
    def is_idle(self) -> bool:
        """Whether others may have queued what could be sent now. A row that was put off doesn't tell."""
        return self._work is None and not self.is_failing

    @property
    def is_failing(self) -> bool:
        return self._health.is_failing

    @property
    def is_closed(self) -> bool:
        """Whether it has come to its end, be it that its webhook was paused."""
        return self._closed

    def offer(self, row: QueueRow) -> None:
        """A row that has just been queued."""
        known = self._ready.get(row.subject)
        if self._health.is_failing:
            self._missed = True
            return
        if known is not None:
            if row.rank > known.rank:
                self._ready[row.subject] = row
        elif len(self._ready) < READY_MOST:
            self._ready[row.subject] = row
        else:
            self._missed = True
        self.wake()

    def look(self) -> None:
        """There may be rows in the database."""
        self._has_more, self._after = True, None
        self.wake()

    def find_nothing(self) -> None:
        """Nothing is left of the time before this start: what is put off from now on waits its time."""
        self._anew = False

    def wake(self) -> None:
        """Go on with whatever is due."""
        if self._closed:
            return
        self._changed.set()
        if self._work is None:
            self._work = asyncio.create_task(self._run(), name=f"webhook {self.webhook.key.webhook_id}")

    async def renew(self, webhook: Webhook) -> None:
        """The webhook was changed. Another address, or somebody's resuming it, makes a new start."""
        before, self.webhook = self.webhook, webhook
        if before.url == webhook.url:
            return
        await self._forget_health()
        self.look()

    async def rest(self, idle_seconds: float) -> None:
        """Close connections that nobody has used for so long."""
        if self._work is None and self._courier.is_open and self._desk.ticks() - self._used_at > idle_seconds:
            await self._courier.close()

    async def close(self, seconds: float = 0) -> None:
        """End. What is on its way may take so many seconds; what is cut off then is told again."""
        self._closed = True
        self._ready.clear()
        if self._work is not None:
            self._work.cancel()
            await asyncio.wait([self._work])
        if self._sends:
            _, late = await asyncio.wait(self._sends, timeout=seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        await self._courier.close()

    async def _run(self) -> None:
        try:
            while not self._closed and await self._step():
                pass
        except StorageFault as fault:
            _log.warning("webhooks: the queue of %r can't be read: %s", self.webhook, fault)
            self._put_off(FAULT_MS)
        except Exception:  # noqa: BLE001 - a bug must not end an endpoint for good
            _log.exception("webhooks: %r could not go on", self.webhook)
            self._put_off(10 * FAULT_MS)
        finally:
            self._work = None

    async def _step(self) -> bool:
        """Do one thing; False when there is nothing to do until `due_at` or something new."""
        self._changed.clear()
        if self._health.row is not None:
            return await self._step_failing(self._health.row)
        width = self._desk.width
        free = (width.brisk_each if self._health.is_brisk else width.others_each) - self._flying
        row = next((row for subject, row in self._ready.items() if subject not in self._busy), None)
        if row is not None and free > 0:
            del self._ready[row.subject]
            self._begin(row)
        elif not self._ready and self._has_more:
            await self._load()
        elif self._sends:
            await self._changed.wait()
        elif self._missed:
            self._missed, self._has_more, self._after = False, True, None
        else:
            return False
        return True

    async def _step_failing(self, row: QueueRow) -> bool:
        if self._sends:
            await self._changed.wait()
            return True
        if row.due_at > self._desk.clock():
            self.due_at = row.due_at
            return False
        await self._probe()
        return True

    async def _load(self) -> None:
        """The next page of what the database has. What isn't due yet is only remembered by its time."""
        if self._after is None:
            self.due_at = None
        page = await self._desk.queue.load(self.webhook.key, self._after, PAGE)
        now = self._desk.clock()
        for row in page:
            if row.subject == HEALTH:
                self._fail(row)
                return
            busy = self._busy.get(row.subject)
            known = self._ready.get(row.subject, busy)
            if known is not None and (known.revision == row.revision or known.rank > row.rank):
                continue
            if row.due_at > now and not self._anew:
                self._be_woken(row.due_at)
            else:
                self._ready[row.subject] = row
        self._after = page[-1].subject if len(page) == PAGE else None
        self._has_more = self._after is not None or self._missed
        if self._after is None:
            self._missed = self._anew = False

    async def _probe(self) -> None:
        """One request with what was tried least."""
        page = await self._desk.queue.load(self.webhook.key, None, PAGE)
        rows = [row for row in page if row.subject != HEALTH]
        if not rows:  # nothing is left that could tell how it is
            await self._forget_health()
            return
        row = min(rows, key=lambda row: (row.tries, row.due_at))
        self._busy[row.subject] = row
        await self._probe_with(row)

    def _begin(self, row: QueueRow) -> None:
        self._busy[row.subject] = row
        self._flying += 1
        task = asyncio.create_task(self._fly(row))
        self._sends.add(task)
        task.add_done_callback(self._landed)

    def _landed(self, task: asyncio.Task[None]) -> None:
        self._sends.discard(task)
        self._changed.set()
        if not task.cancelled() and (fault := task.exception()) is not None:
            _log.error("webhooks: a delivery of %r failed", self.webhook, exc_info=fault)

    async def _fly(self, row: QueueRow) -> None:
        landed = False

        def land() -> None:
            nonlocal landed
            self._flying -= not landed
            landed = True
            self._changed.set()

        try:
            async with self._desk.room(brisk=self._health.is_brisk):
                if self._health.is_failing:  # it began to while this one waited
                    self._busy.pop(row.subject, None)
                    self._missed = True
                    return
                carried = await self._carry(row)
            land()
            await self._settle(row, carried, is_probe=False)
        except StorageFault as fault:
            self._could_not_send(fault)
        except _NotWanted:
            await self._desk.ledger.write(Entry(delivered=[row]))
        except _NotActive:
            self._end()
        finally:
            self._busy.pop(row.subject, None)
            land()

    async def _probe_with(self, row: QueueRow) -> None:
        try:
            async with self._desk.room(brisk=False):
                carried = await self._carry(row)
            await self._settle(row, carried, is_probe=True)
        except _NotWanted:
            await self._desk.ledger.write(Entry(delivered=[row]))
        except _NotActive:
            self._end()
        finally:
            self._busy.pop(row.subject, None)

    async def _carry(self, row: QueueRow) -> _Carried:
        """One request. Raises StorageFault where there is nothing to send."""
        desk = self._desk
        webhook = desk.current(row.webhook)  # of this moment: a secret that was rotated away signs no more
        if webhook is None or webhook.status != "active":
            raise _NotActive
        if not webhook.wants(row.subject.poi_id, row.subject.event):
            raise _NotWanted
        body = await desk.states.body(row, webhook.channel_code)
        now = desk.clock()
        signed = headers(webhook.signing(now), message_id(row), now // 1000, body)
        self._used_at = desk.ticks()
        desk.figures.in_flight += 1
        try:
            answer = await self._courier.post(webhook.url, [*CONTENT, *signed], body)
            return _Carried(webhook.url, answer, now)
        finally:
            desk.figures.in_flight -= 1

    async def _settle(self, row: QueueRow, carried: _Carried, *, is_probe: bool) -> None:
        desk, webhook, answer = self._desk, self.webhook, carried.answer
        now = desk.clock()
        attempt = attempt_of(row, answer, carried.began_at)
        current = desk.current(row.webhook)
        if not answer.is_delivered and current is not None and current.url != carried.url:
            self._missed = True  # what another address said says nothing of this one
            await desk.ledger.write(Entry(attempt))
            return
        was_failing = self._health.is_failing
        verdict = self._health.judge(answer, now, desk.chance(), desk.width.soon_ms, is_probe=is_probe)
        if answer.is_delivered:
            desk.figures.delivered += 1
            if not row.tries:
                desk.figures.latency.took((now - row.committed_at) / 1000)
            healed = self._health.recovered()
            if was_failing:
                self._start_anew()
            await desk.ledger.write(Entry(attempt, delivered=[row, *healed]))
            return
        desk.figures.failed += 1
        tries = row.tries + 1
        put_off = replace(row, tries=tries, due_at=now + later(tries, desk.chance(), answer.retry_after * 1000))
        if verdict in (Verdict.GONE, Verdict.SPENT):
            # before it is stopped: then nobody waits for this endpoint any more, and somebody may resume it
            failing = [] if self._health.row is None else [self._health.row]
            await desk.ledger.write(Entry(attempt, failed=[put_off], delivered=failing))
            await self._stop(webhook, carried, verdict)
            return
        health = self._health.row
        if health is not None:
            self._fail(health)
        await desk.ledger.write(Entry(attempt, failed=[put_off], put=[] if health is None else [health]))
        self._be_woken(put_off.due_at)

    async def _stop(self, webhook: Webhook, carried: _Carried, verdict: Verdict) -> None:
        """Pause it, or disable it where its owner said that it is gone."""
        desk, gone = self._desk, verdict is Verdict.GONE
        status = "disabled" if gone else "paused"
        reason = "the endpoint answered 410 Gone" if gone else f"no success for days; the last: {carried.answer.reason}"
        if await desk.stop(webhook.key, carried.url, status, reason):
            desk.figures.disabled += gone
            desk.figures.paused += not gone
            self._end()
            _log.warning("webhooks: %r is %s: %s", webhook, status, reason)
        self._health.recovered()
        self._start_anew()

    def _end(self) -> None:
        self._closed = True
        self._ready.clear()

    def _fail(self, health: QueueRow) -> None:
        self._health.row = health
        self._health.is_brisk = False
        self._ready.clear()
        self._has_more, self._missed, self._after = False, True, None

    async def _forget_health(self) -> None:
        healed = self._health.recovered()
        self._start_anew()
        if healed:
            await self._desk.ledger.write(Entry(delivered=healed))

    def _start_anew(self) -> None:
        self._anew, self._has_more, self._missed, self._after = True, True, False, None

    def _could_not_send(self, fault: StorageFault) -> None:
        """The database is away: nobody can say what is, or write down what came of it. The row is still there."""
        _log.warning("webhooks: a delivery of %r has to wait: %s", self.webhook, fault)
        self._missed = True
        self._put_off(FAULT_MS)

    def _be_woken(self, due_at: int) -> None:
        self.due_at = due_at if self.due_at is None else min(self.due_at, due_at)

    def _put_off(self, milliseconds: int) -> None:
        self._has_more = True
        self._after = None
        self.due_at = self._desk.clock() + milliseconds


def attempt_of(row: QueueRow, answer: Answer, began_at: int) -> Attempt:
    """The line of the delivery log."""
    return Attempt(
        row.webhook,
        Place(began_at, fresh_id("try_")),
        message_id(row),
        row.subject.event,
        row.subject,
        row.seq,
        answer.status,
        answer.reason,
        answer.took_ms,
        answer.is_delivered,
    )
