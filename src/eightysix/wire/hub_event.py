"""The events of a hub's journal as they come: read one by one, and checked before anything is made of them.

An event is the core's own (`core.hub_event`), quantities in thousandths, for both sides are this program. It is read
from the very bytes that the hub has chained. What the core takes for granted of a value is looked at here: what the
database would refuse must not stand in the way of all that follows.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

import msgspec
from msgspec.structs import replace

from eightysix.core.change import Kind
from eightysix.core.command import Actor, ChangeStock, DeductStock, TellHubEvent, UnlockStock
from eightysix.core.hub import Side
from eightysix.core.hub_event import HubEvent, Move, ToldIncident, chained
from eightysix.core.instant import to_iso
from eightysix.core.journal import event_id
from eightysix.core.key import StockKey, StoreKey
from eightysix.core.outcome import HubEventTold
from eightysix.core.quantity import MAX_QUANTITY
from eightysix.core.reservation import Reservation
from eightysix.core.stock import Allocation, RestoreTo

from .fields import (
    MAX_LINE_NO,
    MAX_OBJECT_ID,
    Body,
    Digits,
    Identifier,
    documented,
    identifier,
    integer,
    several,
    text,
    whole,
)
from .problem import Problem, Rejection
from .reading import read_json
from .stock import MAX_WEIGHT

MAX_HUB_EVENTS = 500
MAX_EVENTS_BYTES = 4 << 20
"""Of a body with events."""

_BESIDES_BYTES = 2_048
"""What such a body has besides them, at most."""

MAX_SEQ = 2**53 - 1
_MAX_TIME = 253_402_300_799_999
"""The end of the year 9999, in milliseconds."""

_MAX_ACTOR = 128
_MAX_KIND = 32
_DIGEST = re.compile("[0-9a-f]{64}")
_EVENT: msgspec.json.Decoder[HubEvent] = msgspec.json.Decoder(HubEvent)


class HubEventsBody(Body):
    """The events of a hub's journal from `seq` on, without a gap, each as the journal has it. `chain` is the digest of
    the journal before the first of them, empty at its start."""

    brand_id: Identifier = msgspec.field(name="brandId")
    poi_id: Identifier = msgspec.field(name="poiId")
    hub_id: Identifier
    journal_id: Identifier
    seq: Annotated[int, whole(1, MAX_SEQ)] | Digits
    chain: Annotated[str, documented(pattern="^([0-9a-f]{64})?$")]
    events: Annotated[list[msgspec.Raw], several(MAX_HUB_EVENTS)]

    def side(self) -> Side:
        return Side(identifier(self.hub_id, "hub_id"), identifier(self.journal_id, "journal_id"))

    def commands(self, store: StoreKey) -> tuple[list[TellHubEvent], Rejection | None]:
        """The events up to the first that is wrong, and what is wrong with that. Raises `Rejection` for the rest."""
        side, first, chain = self.side(), integer(self.seq, "seq", 1, MAX_SEQ), _chain(self.chain)
        if not self.events:
            raise Rejection(Problem.EMPTY, "events")
        if len(self.events) > MAX_HUB_EVENTS:
            raise Rejection(Problem.TOO_MANY, "events", most=MAX_HUB_EVENTS)
        commands: list[TellHubEvent] = []
        for at, raw in enumerate(self.events):
            body, seq = bytes(raw), first + at
            try:
                event = read_event(body, seq, store)
            except Rejection as rejection:
                return commands, rejection.inside(f"events[{at}]")
            actor = Actor(event.actor, "hub", event_id(side.journal_id, seq), event.at)
            commands.append(TellHubEvent(store, side, seq, chain, _by(actor, event), body, actor))
            chain = chained(chain, body)
        return commands, None


class Settled(msgspec.Struct, frozen=True, gc=False):
    """A stock that an event has set: from `version` on the cloud's row is the truth again."""

    object_type: int
    object_id: int
    version: int


class HubEventsAnswer(msgspec.Struct, frozen=True, gc=False):
    """The journal is stored up to `last_seq`, which may be less than was sent: what follows is sent again, and is told
    then what is wrong. `at` is the cloud's clock."""

    last_seq: int
    at: str
    settled: list[Settled]


def events_answer(told: list[HubEventTold], now: int) -> HubEventsAnswer:
    """What the events came to, of which there is one at least."""
    settled: dict[StockKey, int] = {}
    for each in told:
        settled.update(each.settled)
    last_seq = max(each.expected_seq for each in told) - 1
    return HubEventsAnswer(last_seq, to_iso(now), [Settled(*key, version) for key, version in settled.items()])


def _by(actor: Actor, event: HubEvent) -> HubEvent:
    """The event with its setting and its verb in the name of who told it, as it is told here."""
    setting = None if event.setting is None else replace(event.setting, actor=actor)
    verb = None if event.verb is None else replace(event.verb, actor=actor)
    return event if setting is None and verb is None else replace(event, setting=setting, verb=verb)


def fitting(events: Sequence[bytes]) -> list[bytes]:
    """As many of the first events as go into one body, one at least: a few large orders must not stop a journal."""
    room, found = MAX_EVENTS_BYTES - _BESIDES_BYTES, list[bytes]()
    for event in events[:MAX_HUB_EVENTS]:
        room -= len(event) + 1
        if found and room < 0:
            break
        found.append(event)
    return found


def read_event(body: bytes, seq: int, store: StoreKey) -> HubEvent:
    """The event `seq` of a hub of the store. Raises `Rejection` with the field that is wrong."""
    event = read_json(body, _EVENT)
    if event.seq != seq:
        raise Rejection(Problem.VALUE_INVALID, "seq", why="not the next one")
    _within(event.at, "at", 0, _MAX_TIME)
    _check_actor(event.actor, "actor")
    if event.order_id is not None:
        identifier(event.order_id, "order_id")
    if event.reason is not None:
        text(event.reason, "reason")
    _check("lines", event.lines, lambda line: _check_line(line, event))
    _check("moves", event.moves, _check_move)
    _check("incidents", event.incidents, _check_incident)
    _check("setting", event.setting, lambda change: _check_change(change, store))
    _check("verb", event.verb, lambda verb: _check_verb(verb, store))
    return event


def _check(name: str, part: Any, check: Callable[[Any], None]) -> None:
    """Check a part of an event, each of several; a `Rejection` says which."""
    parts = [(name, part)]
    if isinstance(part, tuple):
        parts = [(f"{name}[{at}]", each) for at, each in enumerate(part)]
    for field, each in parts:
        try:
            if each is not None:
                check(each)
        except Rejection as rejection:
            raise rejection.inside(field) from None


def _check_line(line: Reservation, event: HubEvent) -> None:
    if line.order_id != event.order_id:
        raise Rejection(Problem.VALUE_INVALID, "order_id", why="not the event's order")
    _check_name(line.sku_id, line.line_no)
    identifier(line.channel_code, "channel_code")
    _within(line.requested, "requested", 0, MAX_QUANTITY)
    _within(line.quantity, "quantity", 0, MAX_QUANTITY)
    _within(line.returned, "returned", 0, line.quantity)
    _within(line.restocked, "restocked", 0, line.returned)
    _within(line.locked_at, "locked_at", 0, _MAX_TIME)
    _within(line.expires_at, "expires_at", 0, _MAX_TIME)
    for at, take in enumerate(line.takes):
        _check_key(take.key, f"takes[{at}]")
        _within(take.ratio, f"takes[{at}].ratio", 1, MAX_QUANTITY)


def _check_name(sku_id: int, line_no: int) -> None:
    _within(sku_id, "sku_id", 1, MAX_OBJECT_ID)
    _within(line_no, "line_no", 0, MAX_LINE_NO)


def _check_move(move: Move) -> None:
    _check_key(move.key, "key")
    for field in ("quantity", "real", "held"):
        _within(getattr(move, field), field, -MAX_QUANTITY, MAX_QUANTITY)
    _within(move.epoch_at, "epoch_at", 0, _MAX_TIME)
    _within(move.slot, "slot", 0, MAX_SEQ)
    if move.channel_code is not None:
        identifier(move.channel_code, "channel_code")


def _check_incident(told: ToldIncident) -> None:
    if not 0 < len(told.kind) <= _MAX_KIND or not told.kind.isidentifier():
        raise Rejection(Problem.VALUE_INVALID, "kind", why="not a kind of incident")
    _check_key(told.key, "key")
    _within(told.quantity, "quantity", 0, MAX_QUANTITY)


def _check_change(change: ChangeStock, store: StoreKey) -> None:
    _check_store(change.store, store)
    for field in ("base_version", "base_at", "base_real"):
        _check_number(change, field, 0, MAX_SEQ)
    if change.reason is not None:
        text(change.reason, "reason")
    setting = change.setting
    _check_key(setting.key, "setting.key")
    if setting.kind not in _SETTINGS:
        raise Rejection(Problem.UNKNOWN_VALUE, "setting.kind")
    _check_numbers(setting, _SETTING_LIMITS, "setting")
    for at, channel in enumerate(setting.channels):
        where = f"setting.channels[{at}]"
        identifier(channel.channel_code, f"{where}.channel_code")
        _check_numbers(channel, _CHANNEL_LIMITS, where)


def _check_verb(verb: DeductStock | UnlockStock, store: StoreKey) -> None:
    _check_store(verb.store, store)
    identifier(verb.order_id, "order_id")
    if verb.reason is not None:
        text(verb.reason, "reason")
    for at, line in enumerate(verb.lines or ()):
        _within(line.sku_id, f"lines[{at}].sku_id", 1, MAX_OBJECT_ID)
        _within(line.line_no, f"lines[{at}].line_no", 0, MAX_LINE_NO)
        if line.quantity is not None:
            _within(line.quantity, f"lines[{at}].quantity", 1, MAX_QUANTITY)


def _check_store(told: StoreKey, store: StoreKey) -> None:
    """An event speaks of its own store: whose that is was asked, of any other it wasn't."""
    if told != store:
        raise Rejection(Problem.VALUE_INVALID, "store", why="another store than the hub's")


def _check_key(key: StockKey, field: str) -> None:
    _within(key.object_type, f"{field}.object_type", 1, 2)
    _within(key.object_id, f"{field}.object_id", 1, MAX_OBJECT_ID)


def _check_actor(actor: str, field: str) -> None:
    if len(actor) > _MAX_ACTOR or not actor.isprintable():
        raise Rejection(Problem.TEXT_INVALID, field, maximum=_MAX_ACTOR)


def _check_numbers(values: Any, limits: Mapping[str, tuple[int, int]], where: str) -> None:
    for field, (least, most) in limits.items():
        _check_number(values, field, least, most, where)


def _check_number(values: Any, field: str, least: int, most: int, where: str | None = None) -> None:
    value = getattr(values, field)
    if isinstance(value, int):
        _within(value, field if where is None else f"{where}.{field}", least, most)


def _within(value: int, field: str, least: int, most: int) -> None:
    if not least <= value <= most:
        raise Rejection(Problem.NUMBER_OUT_OF_RANGE, field, least=least, most=most)


def _chain(told: str) -> str:
    if told and _DIGEST.fullmatch(told) is None:
        raise Rejection(Problem.VALUE_INVALID, "chain", why="not 64 hexadecimal digits")
    return told


_QUANTITY = (0, MAX_QUANTITY)
_SETTING_LIMITS: Mapping[str, tuple[int, int]] = {
    **dict.fromkeys(("status", "type"), (1, 2)),
    **dict.fromkeys(("plan", "real", "low"), _QUANTITY),
    "quantity": (-MAX_QUANTITY, MAX_QUANTITY),
    "auto_restore_type": (0, 2),
    "auto_restore_at": (0, _MAX_TIME),
    "restore_to": (1, len(RestoreTo)),
    "allocation": (0, len(Allocation) - 1),
    "expected_version": (0, MAX_SEQ),
}
_CHANNEL_LIMITS: Mapping[str, tuple[int, int]] = {
    **dict.fromkeys(("status", "type"), (1, 2)),
    **dict.fromkeys(("limit", "guarantee", "low"), _QUANTITY),
    "weight": (0, MAX_WEIGHT),
}
_SETTINGS = (Kind.SET, Kind.ADD, Kind.COUNT, Kind.EIGHTY_SIX)
