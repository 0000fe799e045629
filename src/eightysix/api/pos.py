"""What a store's POS tells the cloud: the report of one stock, and the journal of a device that was cut off."""

import asyncio

import msgspec

from eightysix.catalog.catalog import Catalog
from eightysix.core.admission import admit_setting
from eightysix.core.command import Actor, ReplayEvent
from eightysix.core.key import StoreKey
from eightysix.core.outcome import Code, EventReplayed, Outcome, Refused, StockReported
from eightysix.wire.answer import ENCODER, ErrorAnswer, EventResult, refused_answer, rejection_answer
from eightysix.wire.fields import identifier
from eightysix.wire.pos_report import ReportBody, report_answer
from eightysix.wire.problem import STATUS, Problem, Rejection
from eightysix.wire.reading import read_json
from eightysix.wire.replay import MAX_EVENTS, JournalEvent, RawReplayBody, ReplayAnswer, event_result

from .auth import Doorkeeper
from .bulk import Submit
from .endpoint import Call
from .reply import Reply, json_reply, rejected, rejection_of
from .scope import store_named

_EVENT: msgspec.json.Decoder[JournalEvent] = msgspec.json.Decoder(JournalEvent)


class Pos:
    """Answers a store's POS."""

    def __init__(self, submit: Submit, catalog: Catalog, doorkeeper: Doorkeeper) -> None:
        self._submit = submit
        self._catalog = catalog
        self._doorkeeper = doorkeeper

    async def report(self, call: Call) -> Reply:
        """POST a report of one stock."""
        body: ReportBody = call.body
        call.caller.reach_every_channel()
        store = store_named(call.caller, self._catalog.current, body.brand_id, body.poi_id)
        try:
            command = body.command(store, call.caller.actor)
        except Rejection as rejection:
            if STATUS[rejection.code] != 400:
                self._prefer_absence(body)
            raise
        outcome = await self._submit(command)
        if isinstance(outcome, Refused):
            return json_reply(refused_answer(outcome, call.language), STATUS[outcome.code])
        if not isinstance(outcome, StockReported):
            raise TypeError(f"a report came to {type(outcome).__name__}")
        return json_reply(report_answer(outcome))

    def _prefer_absence(self, body: ReportBody) -> None:
        """An item or a channel that doesn't exist (404) is told before what is wrong (422)."""
        refusal = admit_setting(body.brand_id, body.named(), self._catalog.current)
        if refusal is not None and STATUS[refusal.code] == 404:
            raise Rejection(refusal.code, refusal.field) from None

    async def replay(self, call: Call) -> Reply:
        """POST events of a journal. Those that have their result are told it first. The new ones are submitted at once:
        the lane keeps their order, and one that gets no result is a gap to all that follow it. So what was before it
        stays, and nothing after it counts."""
        body: RawReplayBody = call.body
        call.caller.reach_every_channel()
        store = store_named(call.caller, self._catalog.current, body.brand_id, body.poi_id)
        identifier(body.device_id, "device_id")
        identifier(body.journal_id, "journal_id")
        if not body.events:
            raise Rejection(Problem.EMPTY, "events")
        if len(body.events) > MAX_EVENTS:
            raise Rejection(Problem.TOO_MANY, "events", most=MAX_EVENTS)
        self._doorkeeper.count_stores(call.caller, len(body.events), "events")
        commands, stop = _read(body, store, call.caller.actor)
        told = await self._tell(commands[:1])
        if (expected := _expected(told)) is not None:
            known = max(1, sum(command.seq < expected for command in commands))
            told += await self._tell(commands[1:known])
            if _expected(told) is not None:
                told += await self._tell(commands[known:])
        return _answer(call, told, stop)

    async def _tell(self, commands: list[ReplayEvent]) -> "list[Told]":
        return await asyncio.gather(
            *[self._submit(command, background=True) for command in commands], return_exceptions=True
        )


Told = Outcome | BaseException
"""What an event came to."""


def _read(body: RawReplayBody, store: StoreKey, actor: Actor) -> tuple[list[ReplayEvent], Rejection | Refused | None]:
    """The events up to the first that is wrong or doesn't follow the one before it, and why that is."""
    commands: list[ReplayEvent] = []
    for at, event in enumerate(body.events):
        try:
            command = body.command(read_json(bytes(event), _EVENT), store, actor)
        except Rejection as rejection:
            return commands, rejection.inside(f"events[{at}]")
        if commands and command.seq != commands[-1].seq + 1:
            return commands, Refused(Code.JOURNAL_GAP, field=f"events[{at}].seq", expected_seq=commands[-1].seq + 1)
        commands.append(command)
    return commands, None


def _expected(told: "list[Told]") -> int | None:
    """What the journal goes on with, if all of these have their result."""
    results = [outcome for outcome in told if isinstance(outcome, EventReplayed)]
    return results[-1].expected_seq if results and len(results) == len(told) else None


def _answer(call: Call, told: "list[Told]", stop: Rejection | Refused | None) -> Reply:
    """The results, up to the first event that has none: its refusal then, with the results of those before it."""
    results: list[EventResult] = []
    expected_seq: int | None = None
    for at, outcome in enumerate(told):
        if isinstance(outcome, EventReplayed):
            results.append(event_result(outcome, call.language))
            expected_seq = outcome.expected_seq
            continue
        if isinstance(outcome, Refused):
            where = f"events[{at}]" if outcome.field is None else f"events[{at}].{outcome.field}"
            stop = msgspec.structs.replace(outcome, field=where)
            break
        fault = outcome if isinstance(outcome, Exception) else TypeError(f"an event came to {outcome!r}")
        rejection = rejection_of(fault)
        reply = rejected(rejection, call.language)
        return reply._replace(body=_stopped(rejection_answer(rejection, call.language), results, expected_seq))
    if stop is None:
        return json_reply(ReplayAnswer(expected_seq or 0, results))
    if isinstance(stop, Refused):
        return Reply(STATUS[stop.code], _stopped(refused_answer(stop, call.language), results, expected_seq))
    return Reply(422, _stopped(rejection_answer(stop, call.language), results, expected_seq))


def _stopped(error: ErrorAnswer, results: list[EventResult], expected_seq: int | None) -> bytes:
    known = error.expected_seq if expected_seq is None else expected_seq
    return ENCODER.encode(msgspec.structs.replace(error, expected_seq=known, results=results))
