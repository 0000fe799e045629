"""What a store's POS tells the cloud: the report of one stock, and the journal of a device that was cut off."""

import asyncio

import msgspec

from eightysix.catalog.catalog import Catalog
from eightysix.core.admission import admit_setting
from eightysix.core.outcome import EventReplayed, Outcome, Refused, StockReported
from eightysix.wire.answer import ErrorAnswer, EventResult, refused_answer, rejection_answer
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
        """POST events of a journal. All are submitted at once; the lane keeps their order, and one that gets no result
        is a gap to all that follow it. So what was before it stays, and nothing after it counts."""
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
        begun: list[asyncio.Future[Outcome]] = []
        wrong: Rejection | None = None
        for at, event in enumerate(body.events):
            try:
                command = body.command(read_json(bytes(event), _EVENT), store, call.caller.actor)
            except Rejection as rejection:
                wrong = rejection.inside(f"events[{at}]")
                break
            begun.append(self._submit(command, background=True))
        told = await asyncio.gather(*begun, return_exceptions=True)
        return _answer(call, told, wrong)


def _answer(call: Call, told: "list[Outcome | BaseException]", wrong: Rejection | None) -> Reply:
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
            named = msgspec.structs.replace(outcome, field=where)
            return _stopped(refused_answer(named, call.language), STATUS[outcome.code], results, expected_seq)
        fault = outcome if isinstance(outcome, Exception) else TypeError(f"a replay came to {outcome!r}")
        rejection = rejection_of(fault)
        reply = rejected(rejection, call.language)
        stopped = _stopped(rejection_answer(rejection, call.language), reply.status, results, expected_seq)
        return reply._replace(body=stopped.body)
    if wrong is not None:
        return _stopped(rejection_answer(wrong, call.language), 422, results, expected_seq)
    return json_reply(ReplayAnswer(expected_seq or 0, results))


def _stopped(error: ErrorAnswer, status: int, results: list[EventResult], expected_seq: int | None) -> Reply:
    known = error.expected_seq if error.expected_seq is not None else expected_seq
    return json_reply(msgspec.structs.replace(error, expected_seq=known, results=results), status)
