"""What a hub's journal tells of a decision: the lines, moves and incidents it came to, and the settings it made.

What the hub does for itself (requests, the cloud's answers and rows) is no event, nor is what both sides do by the
clock: a restore, guarantees that flow back. What it gives back because a stock was restored, is (see `untold`).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from msgspec import UNSET
from msgspec.structs import replace

from .change import Kind, LogRow
from .command import Actor, ChangeStock, ChannelSetting, Command, Setting, settings_of
from .hub import HubBooks, HubChanges, Mirror, held
from .hub_event import HubEvent, Move, ToldIncident, chained, encode_event
from .key import StockKey
from .stock import ON_SALE, ONE_OFF, SOLD_OUT, ChannelStock, Stock
from .untold import settled, told_by

if TYPE_CHECKING:
    from .shelf import Decision, Shelf

EventRow = tuple[int, int, bytes]
"""An event as it is stored: (seq, when it was written in milliseconds, body)."""

_COUNTS = (Kind.SET, Kind.ADD, Kind.COUNT, Kind.EIGHTY_SIX)
"""What says how much is there: the cloud is told of a count."""

_RESTORES = (Kind.RESTORE, Kind.MIRROR)
"""What says that a stock was restored, here or in the cloud: the cloud is told of what was given back then."""


def events_of(decision: "Decision", before: Mapping[StockKey, Stock], books: HubBooks, now: int) -> list[HubEvent]:
    """The events that a decision of the store's makes, without their place in the journal; none where there is nothing
    to tell. `before` are the stocks as they were.

    One event tells all of it, but each setting has one of its own, with what it moved, and so has each further order
    where several are cancelled at once.
    """
    if decision.books is not None:
        decision = _of_its_own(decision)
    settings = [each for each in decision.told if isinstance(each, ChangeStock)]
    apart = {each.setting.key for each in settings}
    moves = {move.key: move for move in _moves(decision, before, books)}
    incidents = [ToldIncident(each.kind, each.key, each.quantity) for each in decision.incidents]
    whole = _blank(decision, now)
    others = list(_other_orders(decision, whole))
    whole = replace(
        whole,
        lines=tuple(line for line in decision.reservations if line.order_id == whole.order_id),
        closed=any(fact.order_id == whole.order_id for fact in decision.facts),
        moves=tuple(move for key, move in moves.items() if key not in apart),
        incidents=tuple(each for each in incidents if each.key not in apart),
        verb=next((each for each in decision.told if not isinstance(each, ChangeStock)), None),
    )
    events = [whole] if whole.lines or whole.closed or whole.moves or whole.incidents or whole.verb else []
    events += others
    for setting in settings:
        key = setting.setting.key
        move = moves.pop(key, None)
        its = tuple(each for each in incidents if each.key == key) if key in apart else ()
        apart.discard(key)  # set twice in one call: what it moved is told once
        events.append(
            replace(_blank(decision, now), moves=() if move is None else (move,), incidents=its, setting=setting)
        )
    return events


def _other_orders(decision: "Decision", blank: HubEvent) -> Iterator[HubEvent]:
    """The lines of every order but the first: an event is about one."""
    named = [*(line.order_id for line in decision.reservations), *(fact.order_id for fact in decision.facts)]
    for order_id in dict.fromkeys(named):
        if order_id != blank.order_id:
            lines = tuple(line for line in decision.reservations if line.order_id == order_id)
            closed = any(fact.order_id == order_id for fact in decision.facts)
            yield replace(blank, order_id=order_id, lines=lines, closed=closed)


def _of_its_own(decision: "Decision") -> "Decision":
    """Of what the hub has written down for itself what the cloud has to know: what came of the rows of the cloud, and
    incidents."""
    mirrored = {row.key: decision.stocks[row.key] for row in decision.logs if row.kind is Kind.MIRROR}
    return type(decision)(
        decision.outcome, stocks=mirrored, logs=decision.logs, incidents=decision.incidents, actor=decision.actor
    )


def _blank(decision: "Decision", now: int) -> HubEvent:
    """Who did it, when, for which order and why."""
    actor = decision.actor or Actor("")
    orders = [each.order_id for each in decision.reservations] + [each.order_id for each in decision.facts]
    order_id = orders[0] if orders else None
    reason = next((row.reason for row in decision.logs if row.reason is not None), None)
    at = now if actor.happened_at is None else min(actor.happened_at, now)
    return HubEvent(0, at, actor.name, actor.source, order_id, reason=reason)


def _moves(decision: "Decision", before: Mapping[StockKey, Stock], books: HubBooks) -> Iterator[Move]:
    """How each stock moved of which there is more or less now, or of which the hub holds more or less; and of which it
    should have given some back, and had promised it."""
    beyond = {each.key for each in decision.incidents}
    for key, after in decision.stocks.items():
        was = before.get(key) or Stock(key)
        real, more = after.real - was.real, held(after) - held(was)
        rows = [row for row in decision.logs if row.key == key]
        last = rows[-1]
        kind, quantity = last.kind, _sum(rows, last.kind)
        if any(row.kind in _RESTORES for row in rows):
            kind, quantity, real = Kind.GRANT, more, 0  # how much there is, the cloud says
        elif kind in _COUNTS:
            kind, quantity = Kind.COUNT, real
        if not real and not more and (key not in beyond or after.epoch_at == was.epoch_at):
            continue
        known = books.mirrors.get(key)
        epoch_at = 0 if known is None else known.epoch_at
        yield Move(key, kind, quantity, real, more, epoch_at, was.restored_slot, last.channel_code)


def _sum(rows: Iterable[LogRow], kind: Kind) -> int:
    """What a command's rows of this kind moved of a stock: several lines may take from it."""
    return sum(row.quantity for row in rows if row.kind is kind)


def written(books: HubBooks, events: Sequence[HubEvent], now: int) -> tuple[HubBooks, list[EventRow]]:
    """The books with these events at the end of the journal, and the events' rows."""
    seq, chain, mirrors = books.last_seq, books.chain, dict(books.mirrors)
    rows: list[EventRow] = []
    if not events:
        return books, rows
    for event in events:
        seq += 1
        body = encode_event(replace(event, seq=seq, prev=chain))
        chain = chained(chain, body)
        rows.append((seq, now, body))
        for move in event.moves:
            known = mirrors.get(move.key) or Mirror(move.key)
            after = told_by(known, seq, move.held, books.acked_seq)
            if move.kind is Kind.GRANT:
                after = settled(known)
            if after is not known:
                mirrors[move.key] = after
        if event.setting is not None:
            key = event.setting.setting.key
            mirrors[key] = replace(mirrors.get(key) or Mirror(key), pending_seq=seq)
    return replace(books, last_seq=seq, chain=chain, mirrors=mirrors), rows


def books_changes(before: HubBooks, after: HubBooks, events: list[EventRow]) -> HubChanges | None:
    """What a batch has changed of the books, or None."""
    if after is before:
        return None
    return HubChanges(
        before.last_seq,
        after.last_seq,
        after.chain,
        before.acked_seq,
        after.acked_seq,
        events,
        [mirror for key, mirror in after.mirrors.items() if mirror != before.mirrors.get(key)],
        [request for name, request in after.requests.items() if name not in before.requests],
        [name for name in before.requests if name not in after.requests],
    )


def settings_told(command: Command, decision: "Decision", shelf: "Shelf") -> tuple[ChangeStock, ...]:
    """What the command has set in the store, stock by stock, without counts: these are moves.

    It is what was asked for, as far as it was done, based on the cloud's row that the hub knows.
    """
    told: list[ChangeStock] = []
    for setting in settings_of(command):
        key = setting.key
        before, after = shelf.stocks.get(key) or Stock(key), decision.stocks.get(key)
        if after is None or after.settings_version == before.settings_version:
            continue
        rows = {**shelf.channels.get(key, {}), **decision.channels.get(key, {})}
        done = _done(setting, after, rows, shelf.day.ends_at)
        if done is None:
            continue
        known = None if shelf.books is None else shelf.books.mirrors.get(key)
        base = 0 if known is None else known.settings_version
        actor = decision.actor or Actor("")
        actor = Actor(actor.name, actor.source, happened_at=actor.happened_at or shelf.now)
        reason = next((row.reason for row in decision.logs if row.key == key and row.reason is not None), None)
        told.append(ChangeStock(shelf.store, done, actor, base, reason=reason))
    return tuple(told)


_FIELDS = ("type", "plan", "auto_restore_type", "auto_restore_at", "restore_to", "allocation", "low")
_CHANNEL_FIELDS = ("status", "type", "limit", "guarantee", "weight", "low")


def _done(setting: Setting, after: Stock, rows: Mapping[str, ChannelStock], next_day_at: int) -> Setting | None:
    """Of a setting what holds afterwards, without its count; None where that is nothing.

    Sold out means an 86 by hand: what follows from nothing being there follows in the cloud too. A return on the next
    business day is told with its instant, or it would be a day late where the cloud hears of it tomorrow.
    """
    fields = _asked(setting, after, _FIELDS)
    if setting.status == SOLD_OUT and after.manual:
        fields |= {"status": SOLD_OUT, "manual": True}
    elif setting.status == ON_SALE and not after.manual:
        fields["status"] = ON_SALE
    if fields.get("auto_restore_type") == ONE_OFF and after.auto_restore_at is None:
        fields["auto_restore_at"] = next_day_at
    channels: list[ChannelSetting] = []
    for each in setting.channels:
        row = rows.get(each.channel_code)
        if row is not None and (asked := _asked(each, row, _CHANNEL_FIELDS)):
            channels.append(ChannelSetting(each.channel_code, **asked))
    if not fields and not channels:
        return None
    kind = setting.kind if setting.kind is Kind.EIGHTY_SIX else Kind.SET
    return Setting(setting.key, channels=tuple(channels), kind=kind, **fields)


def _asked(setting: Setting | ChannelSetting, after: Stock | ChannelStock, names: Sequence[str]) -> dict[str, Any]:
    """The fields that were asked for, and hold."""
    return {
        name: value
        for name in names
        if (value := getattr(setting, name)) is not UNSET and getattr(after, name) == value
    }
