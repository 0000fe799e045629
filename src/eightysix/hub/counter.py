"""Order verbs at the hub: where each is decided, and what is done before a sale is refused.

| what is asked                                   | while the cloud answers          | while it doesn't              |
|-------------------------------------------------|----------------------------------|-------------------------------|
| a lock in the store                             | here; short: borrowed for first  | here                          |
| a lock of an online channel, or on its order    | in the cloud                     | CLOUD_AWAY                    |
| a verb on an order that was locked here         | here                             | here                          |
| deduct, unlock on a live order of the cloud's   | in the cloud                     | journaled, told as accepted   |
| return, amend on one                            | in the cloud                     | CLOUD_AWAY                    |
| a verb on an order that nobody knows            | as here                          | as here                       |

What is forwarded is asked by the key of whoever asks, so the cloud allows and logs what it would without a hub between.
"""

import asyncio
import logging
from collections.abc import Callable
from time import monotonic
from typing import Protocol

import msgspec
from msgspec.structs import asdict

from eightysix.api.orders import VERBS, Asked, Decided
from eightysix.catalog.catalog import Catalog
from eightysix.client import AsyncClient, ClientError, Unauthorised
from eightysix.client import Refused as RefusedThere
from eightysix.client.anything import fetch
from eightysix.client.orders import order as order_call
from eightysix.core.command import Command, DeductStock, LockStock, OrderCommand, TellVerb, UnlockStock
from eightysix.core.key import StockKey
from eightysix.core.outcome import Code, Outcome, Refused
from eightysix.core.quantity import UNIT
from eightysix.core.reservation import State
from eightysix.storage.port import Reader
from eightysix.wire.answer import ENCODER, HeldLineAnswer, HeldOrderAnswer, JournaledAnswer, LineAnswer, outcome_answer
from eightysix.wire.language import Language
from eightysix.wire.problem import STATUS, Problem, Rejection

from .cloud_orders import CloudOrders

_log = logging.getLogger(__name__)

BORROW_SECONDS = 0.3
"""How long a guest waits for what the hub lacks and the cloud may have."""


class Borrowing(Protocol):
    """Whoever asks the cloud for more; see `driver`."""

    @property
    def is_online(self) -> bool: ...

    async def borrow(self, short: "list[tuple[StockKey, int]]", seconds: float) -> bool: ...


class Counter:
    """Decides order verbs; `api.orders.Decide`."""

    def __init__(
        self,
        submit: "Callable[[Command], asyncio.Future[Outcome]]",
        borrowing: Borrowing,
        cloud: Callable[[bytes, Language], AsyncClient],
        *,
        catalog: Catalog,
        reader: Reader,
        orders: CloudOrders,
    ) -> None:
        self._submit = submit
        self._borrowing = borrowing
        self._cloud = cloud
        self._catalog = catalog
        self._reader = reader
        self._orders = orders
        self._journaled: set[tuple[type, str, object]] = set()
        """What was told of which live orders of the cloud's."""
        self._deducted: set[tuple[str, int, int]] = set()
        """Lines of them that were paid here while the cloud was away."""

    async def __call__(self, asked: Asked) -> Decided:
        command = asked.command
        if await self._is_clouds(command):
            return await self._in_the_cloud(asked)
        outcome = await self._decide_here(command)
        if isinstance(outcome, Refused) and outcome.code is Code.ORDER_NOT_FOUND:
            return await self._in_the_cloud(asked)
        return outcome_answer(outcome, asked.language)

    # here

    async def _decide_here(self, command: OrderCommand) -> Outcome:
        """What it comes to at the hub; a lock that comes short is decided again when more has come from the cloud."""
        outcome = await self._submit(command)
        until = monotonic() + BORROW_SECONDS
        while (left := until - monotonic()) > 0 and self._borrowing.is_online:
            short = await self._short(command, outcome)
            if not short or not await self._borrowing.borrow(short, left):
                break
            outcome = await self._submit(command)
        return outcome

    async def _short(self, command: OrderCommand, outcome: Outcome) -> list[tuple[StockKey, int]]:
        """By how much which stocks come short, of those of which the cloud has a part."""
        if not isinstance(command, LockStock) or not isinstance(outcome, Refused):
            return []
        if outcome.code is not Code.OUT_OF_STOCK:
            return []
        short: dict[StockKey, int] = {}
        for line in outcome.lines:
            if line.blocker is None or line.requested is None or line.available is None:
                continue
            each = self._each(command, line.sku_id, line.blocker)
            lacking = -(-max(0, line.requested - line.available) * each // UNIT)
            short[line.blocker] = short.get(line.blocker, 0) + lacking
        if not short:
            return []
        rows = await self._reader.store_rows(command.store, list(short))
        return [(row.key, short[row.key]) for row in rows.stocks if row.is_limited and row.grant > 0 and short[row.key]]

    def _each(self, command: LockStock, sku_id: int, key: StockKey) -> int:
        """How much of the stock one portion takes, in thousandths."""
        item = self._catalog.current.item(command.store.brand_id, 2, sku_id)
        parts = () if item is None or key == item.key else item.components
        return next((part.quantity for part in parts if part.sku_id == key.object_id), UNIT)

    # in the cloud

    async def _is_clouds(self, command: OrderCommand) -> bool:
        """Whether it is known before it is decided here that it is the cloud's."""
        if isinstance(command, (LockStock, UnlockStock)):
            is_known = self._orders.get(command.order_id) is not None
            is_online_lock = isinstance(command, LockStock) and not self._is_in_store(command)
            may_be = is_known or is_online_lock or (isinstance(command, UnlockStock) and self._borrowing.is_online)
            return may_be and not await self._is_here(command)
        return False

    def _is_in_store(self, command: LockStock) -> bool:
        channel = self._catalog.current.channel(command.store.brand_id, command.channel_code)
        return channel is None or channel.in_store

    async def _is_here(self, command: OrderCommand) -> bool:
        _, held, fact = await self._reader.order(command.store, command.order_id)
        return bool(held) or fact is not None

    async def _in_the_cloud(self, asked: Asked) -> Decided:
        command = asked.command
        is_lost = False
        if self._borrowing.is_online:
            try:
                decided = await self._forwarded(asked)
            except Unauthorised:
                raise Rejection(Problem.UNAUTHENTICATED) from None
            except ClientError as error:
                is_lost = True
                _log.warning("%s of %s could not be forwarded: %s", asked.name, command.order_id, error)
            else:
                if decided is None:
                    return outcome_answer(await self._decide_here(command), asked.language)
                return decided
        known = self._known(asked)
        if known is not None and isinstance(command, (DeductStock, UnlockStock)):
            return await self._journal(command, known, asked.language)
        if is_lost or known is not None or isinstance(command, LockStock):
            raise Rejection(Problem.CLOUD_AWAY)
        return outcome_answer(await self._decide_here(command), asked.language)

    def _known(self, asked: Asked) -> HeldOrderAnswer | None:
        """The live order of the cloud's, if it is the caller's."""
        known, only = self._orders.get(asked.command.order_id), asked.caller.grant.channel_code
        if known is None or only is None or all(line.channel_code == only for line in known.lines):
            return known
        return None

    async def _forwarded(self, asked: Asked) -> Decided | None:
        """The cloud's answer; None where it doesn't know the order, or leaves it to the hub. Raises ClientError."""
        command, client = asked.command, self._cloud(asked.authorization, asked.language)
        try:
            if isinstance(command, UnlockStock):  # of an order that nobody knows it would close it in the cloud
                await client.send(order_call((command.store.brand_id, command.store.poi_id), command.order_id))
            body = ENCODER.encode(VERBS[asked.name](**asdict(asked.body)))
            reply = await client.send(fetch("POST", f"/api/v1/stock/{asked.name}", body))
        except RefusedThere as error:
            if error.code in _NOT_THERE:
                return None
            return error.status, error.answer
        return reply.status, msgspec.Raw(reply.body)

    async def _journal(self, command: DeductStock | UnlockStock, known: HeldOrderAnswer, language: Language) -> Decided:
        """Accept a verb that the cloud decides on when it hears of it."""
        meant = [line for line in known.lines if _is_meant(command, line)]
        names = {(known.order_id, line.sku_id, line.line_no) for line in meant}
        if isinstance(command, UnlockStock) and names & self._deducted:
            refused = Refused(Code.ALREADY_DEDUCTED)  # as the cloud will say: it hears of the payment first
            return outcome_answer(refused, language)
        told = (type(command), command.order_id, command.lines)
        is_again = told in self._journaled
        if not is_again:
            outcome = await self._submit(TellVerb(command.store, command))
            if isinstance(outcome, Refused):
                return STATUS[outcome.code], outcome_answer(outcome, language)[1]
            self._remember(told, names if isinstance(command, DeductStock) else set())
        state = State.DEDUCTED if isinstance(command, DeductStock) else State.UNLOCKED
        lines = [_line(line, state) for line in meant]
        return 200, JournaledAnswer(known.order_id, state.name, is_again, None, lines)

    def _remember(self, told: tuple[type, str, object], paid: set[tuple[str, int, int]]) -> None:
        """Until the order lives no longer: it can't be asked for then."""
        self._journaled = {each for each in self._journaled if self._orders.get(each[1]) is not None} | {told}
        self._deducted = {line for line in self._deducted if self._orders.get(line[0]) is not None} | paid


_NOT_THERE = (Code.ORDER_NOT_FOUND, Code.ORDER_AT_HUB, Code.USE_HUB)


def _is_meant(command: DeductStock | UnlockStock, line: HeldLineAnswer) -> bool:
    if command.lines is None:
        return True
    return any((each.sku_id, each.line_no) == (line.sku_id, line.line_no) for each in command.lines)


def _line(line: HeldLineAnswer, state: State) -> LineAnswer:
    shown = state.name if line.state == State.LOCKED.name else line.state
    return LineAnswer(line.sku_id, line.line_no, line.requested_quantity, line.quantity, shown)
