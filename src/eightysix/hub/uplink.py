"""The line to the cloud: carries the agent's calls by the ordinary client, and says what came of each.

One attempt a call: the agent itself decides when the next one is.
"""

import logging
from collections.abc import Awaitable, Callable
from decimal import Decimal
from time import time
from typing import Any

from msgspec.structs import replace

from eightysix.client import AsyncClient, ClientError, Policy, RateLimited, Refused, Trouble, Unauthorised
from eightysix.client import Unavailable as Away
from eightysix.client.call import Safety
from eightysix.client.pos import find
from eightysix.core.hub import GrantChange, Side
from eightysix.core.key import ObjectType, StockKey, StoreKey
from eightysix.core.outcome import GrantTotal
from eightysix.core.quantity import as_number, signed_thousandths
from eightysix.wire.answer import HeldOrderAnswer
from eightysix.wire.grant import GrantChangeBody, GrantsAnswer
from eightysix.wire.hub_event import HubEventsAnswer
from eightysix.wire.language import Language

from .call import (
    Answer,
    Call,
    Denied,
    FetchOrders,
    FetchStore,
    Lost,
    Moved,
    MoveGrants,
    OrdersFetched,
    Pull,
    Pulled,
    StoreFetched,
    Upload,
    Uploaded,
)
from .mirror_feed import mirror_row
from .skew import Skew

_log = logging.getLogger(__name__)

PAGE_ROWS = 500
"""Rows in a page that is pulled: one batch of the hub's engine takes them over."""

SLOW_SECONDS = 10.0
"""Before a call that moves much counts as lost."""

QUICK_SECONDS = 3.0
"""The same of one that moves little: behind a line that swallows everything the hub has to notice soon."""

_BYTES_A_SECOND = 40_000
"""What even a slow line carries upwards."""

_CONNECTIONS = 8


class OneTry(Policy, frozen=True):
    """No second attempt."""

    def may_repeat(self, safety: Safety, trouble: Trouble) -> bool:  # noqa: ARG002 - as the client asks it
        return False


class Uplink:
    """One hub's line. `told` is called with what each failure was, in words."""

    def __init__(
        self,
        url: str,
        key: str,
        store: StoreKey,
        side: Side,
        *,
        told: Callable[[Call, str], None] = lambda _call, _why: None,
        language: Language = Language.ENGLISH,
    ) -> None:
        policy = OneTry(deadline_seconds=SLOW_SECONDS, attempt_seconds=SLOW_SECONDS)
        self.client = AsyncClient(url, key, language=language, policy=policy, connections=_CONNECTIONS)
        self.quick = self.client.within(QUICK_SECONDS)
        self._place = (store.brand_id, store.poi_id)
        self._side = side
        self._told = told
        self.skew = Skew()

    async def ask(self, call: Call) -> Answer:
        """What came of the call. Never raises for what the line or the cloud does."""
        try:
            return await _CARRIERS[type(call)](self, call)
        except ClientError as error:
            self._told(call, str(error))
            return answer_of(error)
        except (ValueError, KeyError) as error:  # an answer of another make than ours: nothing is taken over of it
            _log.warning("an answer of the cloud can't be read: %s", error, exc_info=error)
            self._told(call, f"{type(error).__name__}: {error}")
            return Denied("UNREADABLE")

    async def acknowledge(self, cursor: str) -> None:
        """Everything up to the cursor is taken over here; only people look at that, so it may fail."""
        try:
            await self.quick.ack(self._place, cursor, self._side.hub_id)
        except ClientError as error:
            _log.info("the cloud doesn't take the hub's place: %s", error)

    def in_the_name_of(self, authorization: bytes, language: Language) -> AsyncClient:
        """The line for what is forwarded: by the key of whoever asks, with the cloud's messages in their language."""
        other = self.quick.within(QUICK_SECONDS)
        key = authorization.decode("latin-1").partition(" ")[2].strip()
        other.setup = replace(other.setup, key=key, language=language)
        return other

    async def close(self) -> None:
        await self.client.close()

    async def _upload(self, call: Upload) -> Answer:
        side = (self._side.hub_id, call.journal_id)
        seconds = min(SLOW_SECONDS, QUICK_SECONDS + sum(map(len, call.events)) / _BYTES_A_SECOND)
        answer: HubEventsAnswer = await self.client.within(seconds).hub_events(
            self._place, side, call.seq, call.chain, list(call.events)
        )
        settled = tuple((StockKey(each.object_type, each.object_id), each.version) for each in answer.settled)
        return Uploaded(answer.last_seq, settled)

    async def _move(self, call: MoveGrants) -> Answer:
        request = call.request
        bodies = [_change_body(change) for change in request.changes]
        answer: GrantsAnswer = await self.quick.grants(self._place, self._side.hub_id, request.request_id, bodies)
        return Moved(
            tuple(
                GrantTotal(StockKey(each.object_type, each.object_id), _quantity(each.given), _quantity(each.grant))
                for each in answer.totals
            )
        )

    async def _pull(self, call: Pull) -> Answer:
        page = await self.client.send(find(self._place, call.cursor, limit=PAGE_ROWS))
        now = int(time() * 1000)
        rows = tuple(mirror_row(state, now) for state in page.data)
        return Pulled(rows, page.cursor, page.has_more, page.reset)

    async def _store(self, call: FetchStore) -> Answer:
        copy = await self.client.store_copy(self._place, call.version)
        if copy is None:
            return StoreFetched(call.version or 0)
        return StoreFetched(copy.version, copy)

    async def _orders(self, _call: FetchOrders) -> Answer:
        orders: list[HeldOrderAnswer] = []
        began = time()
        async for page in self.quick.hub_orders(self._place):
            self.skew.look(page.at, began, time())
            orders += page.orders
            began = time()
        return OrdersFetched(orders)


_CARRIERS: dict[type[Call], Callable[[Uplink, Any], Awaitable[Answer]]] = {
    Upload: Uplink._upload,  # noqa: SLF001 - its own table
    MoveGrants: Uplink._move,  # noqa: SLF001 - as above
    Pull: Uplink._pull,  # noqa: SLF001 - as above
    FetchStore: Uplink._store,  # noqa: SLF001 - as above
    FetchOrders: Uplink._orders,  # noqa: SLF001 - as above
}


def answer_of(error: ClientError) -> Answer:
    """What an error of the client means. One of whoever stands between, such as a login page, is no answer."""
    if isinstance(error, Unauthorised):
        return Denied(None)
    if isinstance(error, Refused):
        return Denied(error.code, error.answer.expected_seq)
    wait = error.retry_after if isinstance(error, (Away, RateLimited)) else None
    return Lost(0 if wait is None else int(wait * 1000))


def _change_body(change: GrantChange) -> GrantChangeBody:
    delta = Decimal(as_number(change.delta))
    if change.key.object_type == ObjectType.SKU:
        return GrantChangeBody(delta, sku_id=change.key.object_id)
    return GrantChangeBody(delta, spu_id=change.key.object_id)


def _quantity(value: int | Decimal) -> int:
    return signed_thousandths(Decimal(value))
