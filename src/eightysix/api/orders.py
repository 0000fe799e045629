"""The order verbs: body bytes in, reply out. Both layers, the lean one and the framework, answer through this."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import msgspec

from eightysix.catalog.catalog import Catalog
from eightysix.core.command import Command, OrderCommand
from eightysix.core.outcome import Code, Outcome
from eightysix.core.quantity import as_number
from eightysix.core.reservation import Reservation, State
from eightysix.wire.answer import (
    ENCODER,
    BatchAnswer,
    ErrorAnswer,
    HeldLineAnswer,
    HeldOrderAnswer,
    OperationResult,
    OrderAnswer,
    iso,
    outcome_answer,
    rejection_answer,
)
from eightysix.wire.language import Language
from eightysix.wire.order import (
    MAX_LINES,
    MAX_OPERATIONS,
    AmendBody,
    DeductBody,
    LockBody,
    Operation,
    RawBatchBody,
    ReturnBody,
    UnlockBody,
    VerbBody,
)
from eightysix.wire.problem import STATUS, Problem, Rejection
from eightysix.wire.reading import read_json

from .auth import Action, Caller, Doorkeeper
from .reply import ABSENT, Reply, failed, rejected, rejection_of

Submit = Callable[[Command], "asyncio.Future[Outcome]"]

VERBS: dict[str, type[VerbBody]] = {
    "lock": LockBody,
    "deduct": DeductBody,
    "unlock": UnlockBody,
    "return": ReturnBody,
    "amend": AmendBody,
}

_DECODERS: dict[str, msgspec.json.Decoder[Any]] = {name: msgspec.json.Decoder(body) for name, body in VERBS.items()}
_BATCH = msgspec.json.Decoder(RawBatchBody)
_OPERATION: msgspec.json.Decoder[Any] = msgspec.json.Decoder(Operation)


class Asked(NamedTuple):
    """A verb that was read, and whose caller may ask it of this store."""

    name: str
    body: VerbBody
    command: OrderCommand
    caller: Caller
    authorization: bytes
    """The header that the caller came with: what is asked elsewhere is asked in their name."""
    language: Language


Decided = tuple[int, OrderAnswer | ErrorAnswer | msgspec.Raw]
"""Status and body; raw where it was answered elsewhere."""

Decide = Callable[[Asked], Awaitable[Decided]]
"""Answers verbs in another way than by the engine alone. Raises Rejection, or a fault."""


class Orders:
    """Answers the verbs and batches of orders; by `decide` where that is given, as at a store's hub."""

    def __init__(self, submit: Submit, catalog: Catalog, doorkeeper: Doorkeeper, decide: Decide | None = None) -> None:
        self._submit = submit
        self._decide = decide
        self._catalog = catalog
        self._doorkeeper = doorkeeper

    async def verb(self, name: str, content: bytes, authorization: bytes, language: Language) -> Reply:
        """One verb. Refusals come in the order of DESIGN section 4."""
        reply = await self._verb(name, content, authorization, language)
        if reply.status in ABSENT and await self._catalog.look_again():
            return await self._verb(name, content, authorization, language, counted=reply.status != 401)
        return reply

    async def _verb(
        self, name: str, content: bytes, authorization: bytes, language: Language, *, counted: bool = False
    ) -> Reply:
        """`counted`: it is the same call once more."""
        try:
            body: VerbBody = read_json(content, _DECODERS[name])
            caller = self._doorkeeper.caller(authorization, 0 if counted else 1)
            caller.must(Action.ORDER)
            command = self._command(body, caller)
            if self._decide is None:
                status, answer = outcome_answer(await self._submit(command), language)
                return Reply(status, ENCODER.encode(answer))
            return _reply(await self._decide(Asked(name, body, command, caller, authorization, language)))
        except Rejection as rejection:
            return rejected(rejection, language)
        except Exception as fault:  # noqa: BLE001 - every fault becomes an answer, and is logged there
            return failed(fault, language)

    async def batch(self, content: bytes, authorization: bytes, language: Language) -> Reply:
        """Many verbs, each decided on its own; all are submitted before the first is waited for."""
        reply = await self._batch(content, authorization, language)
        if reply.status in ABSENT and await self._catalog.look_again():
            return await self._batch(content, authorization, language)
        return reply

    async def _batch(self, content: bytes, authorization: bytes, language: Language) -> Reply:
        try:
            operations = read_json(content, _BATCH).operations
            caller = self._doorkeeper.caller(authorization, max(1, len(operations)))
            caller.must(Action.ORDER)
            _check_number(operations, min(MAX_OPERATIONS, caller.grant.rate_limit or MAX_OPERATIONS))
        except Rejection as rejection:
            return rejected(rejection, language)
        begun = [self._begin(operation, caller, authorization, language) for operation in operations]
        results = []
        for each in begun:
            status, answer = await self._finish(each, language)
            results.append(OperationResult(status, answer))
        return Reply(200, ENCODER.encode(BatchAnswer(results)))

    def _begin(self, operation: msgspec.Raw, caller: Caller, authorization: bytes, language: Language) -> "_Begun":
        try:
            body: Operation = read_json(bytes(operation), _OPERATION)
            command = self._command(body, caller)
            if self._decide is None:
                return self._submit(command)
            name = str(body.__struct_config__.tag)
            return asyncio.ensure_future(self._decide(Asked(name, body, command, caller, authorization, language)))
        except Rejection as rejection:
            return rejection

    async def _finish(self, begun: "_Begun", language: Language) -> Decided:
        if isinstance(begun, Rejection):
            return STATUS[begun.code], rejection_answer(begun, language)
        try:
            done = await begun
            return done if isinstance(done, tuple) else outcome_answer(done, language)
        except Rejection as refusal:
            return STATUS[refusal.code], rejection_answer(refusal, language)
        except Exception as fault:  # noqa: BLE001 - one operation's fault is that operation's answer
            rejection = rejection_of(fault)
            return STATUS[rejection.code], rejection_answer(rejection, language)

    def _command(self, body: VerbBody, caller: Caller) -> OrderCommand:
        try:
            command = body.command(caller.actor)
        except Rejection as rejection:
            if STATUS[rejection.code] != 400:
                caller.reach(body.brand_id, body.poi_id)
                self._prefer_absence(body, rejection, caller)
            raise
        caller.reach(body.brand_id, body.poi_id)
        return command

    def _prefer_absence(self, body: VerbBody, rejection: Rejection, caller: Caller) -> None:
        """What doesn't exist, or not for the caller (404), is told before what is wrong (422)."""
        catalogue = self._catalog.current
        if rejection.code is Problem.ID_INVALID:
            return
        if catalogue.brand(body.brand_id) is None:
            raise Rejection(Code.BRAND_NOT_FOUND, "brandId") from None
        if catalogue.store(body.brand_id, body.poi_id) is None:
            raise Rejection(Code.STORE_NOT_FOUND, "poiId") from None
        if not isinstance(body, LockBody):
            return
        caller.reach_channel(body.channel_code)
        if catalogue.channel(body.brand_id, body.channel_code) is None:
            raise Rejection(Code.CHANNEL_NOT_FOUND, "channel_code") from None
        for at, sku_id in enumerate(line.known_sku() for line in body.lines[:MAX_LINES]):
            if sku_id is not None and catalogue.item(body.brand_id, 2, sku_id) is None:
                raise Rejection(Code.ITEM_NOT_FOUND, f"lines[{at}].sku_id") from None


_Begun = asyncio.Future[Outcome] | asyncio.Future[Decided] | Rejection


def _reply(decided: Decided) -> Reply:
    status, answer = decided
    return Reply(status, ENCODER.encode(answer))


def _check_number(operations: list[msgspec.Raw], most: int) -> None:
    """A key that may make 50 calls a second can't ever send 51 operations at once."""
    if not operations:
        raise Rejection(Problem.EMPTY, "operations")
    if len(operations) > most:
        raise Rejection(Problem.TOO_MANY, "operations", most=most)


def held_order(order_id: str, now: int, held: list[Reservation], closed_at: int | None) -> HeldOrderAnswer:
    """An order as it stands at `now`; a lock past its time shows as EXPIRED, whether the sweep was there or not."""
    states = {_state(line, now) for line in held}
    live = [line.expires_at for line in held if line.is_live(now)]
    state = states.pop() if len(states) == 1 else "MIXED" if states else State.UNLOCKED.name
    return HeldOrderAnswer(
        order_id,
        state,
        None if closed_at is None else iso(closed_at),
        iso(max(live)) if live else None,
        [_held_line(line, now) for line in held],
    )


def _held_line(line: Reservation, now: int) -> HeldLineAnswer:
    return HeldLineAnswer(
        line.sku_id,
        line.line_no,
        line.channel_code,
        as_number(line.requested),
        as_number(line.quantity),
        as_number(line.returned),
        as_number(line.restocked),
        _state(line, now),
        iso(line.locked_at),
        iso(line.expires_at) if line.is_live(now) else None,
    )


def _state(line: Reservation, now: int) -> str:
    return State.EXPIRED.name if line.is_dead(now) else line.state.name
