"""Rows as SQLite's JSON has them, and the values they stand for. The column order is that of `statements`.

What is to be written is plain: Python's sqlite3 takes twice as long for a bool or an enum's member as for an int.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from eightysix.core.change import (
    Alert,
    DueLock,
    Head,
    Incident,
    Journal,
    Kind,
    LogRow,
    OrderFact,
    OutboxRow,
    RequestRecord,
    Timer,
)
from eightysix.core.hub import Hub
from eightysix.core.key import StockKey
from eightysix.core.quantity import UNIT
from eightysix.core.reservation import Reservation, State, Take
from eightysix.core.stock import ChannelStock, Stock

Row = tuple[Any, ...]
"""One row to be written: numbers, texts and None."""

Found = Sequence[Any]
"""One row as it was read."""

encode = msgspec.json.Encoder().encode
decode = msgspec.json.Decoder(list[list[Any]]).decode
"""JSON of rows, and back."""

BUCKETS = msgspec.json.Decoder(list[int])
"""JSON of buckets."""

_decode_takes = msgspec.json.Decoder(tuple[Take, ...]).decode
_decode_at_risk = msgspec.json.Decoder(dict[str, int]).decode
_STATES = {int(state): state for state in State}


def stock_row(stock: Stock) -> Row:
    key = stock.key
    return (
        key[0], key[1], stock.status, stock.type, int(stock.manual), stock.plan, stock.real, stock.locked, stock.grant,
        stock.oversold, stock.version, stock.settings_version, stock.updated_at, stock.auto_restore_type,
        stock.auto_restore_at, stock.epoch_at, int(stock.restore_to), stock.auto_restore_from, stock.restored_slot,
        stock.filled_slot, stock.refilled_at, int(stock.allocation), stock.settings_real, stock.low, int(stock.is_low),
    )  # fmt: skip


def stock(row: Found) -> Stock:
    return Stock(StockKey(row[0], row[1]), row[2], row[3], bool(row[4]), *_flagged(row[5:]))


def _flagged(fields: Found) -> Found:
    """The last of them, `is_low`, as a truth value."""
    return (*fields[:-1], bool(fields[-1]))


def counted_row(stock: Stock) -> Row:
    key = stock.key
    return (key[0], key[1], stock.status, stock.real, stock.locked, stock.oversold, stock.version)


def channel_row(channel: ChannelStock) -> Row:
    key = channel.key
    return (
        key[0], key[1], channel.channel_code, channel.status, channel.type, channel.limit, channel.guarantee,
        channel.weight, channel.period_at, channel.used, channel.released_at, channel.low, int(channel.is_low),
    )  # fmt: skip


def channel(row: Found) -> ChannelStock:
    return ChannelStock(StockKey(row[0], row[1]), *_flagged(row[2:]))


def reservation_row(line: Reservation) -> Row:
    counted, takes = _packed(line)
    return (
        line.order_id, line.sku_id, line.line_no, line.channel_code, int(line.state), line.requested, line.quantity,
        line.returned, line.restocked, line.locked_at, line.expires_at, int(counted), takes, line.revision,
        line.log_seq, line.hub_id,
    )  # fmt: skip


def moved_row(line: Reservation) -> Row:
    return (
        line.order_id, line.sku_id, line.line_no, int(line.state), line.quantity, line.returned, line.restocked,
        line.expires_at, line.revision, line.log_seq,
    )  # fmt: skip


def reservation(row: Found) -> Reservation:
    (
        order_id, sku_id, line_no, channel_code, state, requested, quantity, returned, restocked, locked_at, expires_at,
        counted, takes, revision, log_seq, hub_id,
    ) = row  # fmt: skip
    held = (Take(2, sku_id, UNIT, bool(counted)),) if takes is None else _decode_takes(takes)
    return Reservation(
        order_id, sku_id, line_no, channel_code, _STATES[state], requested, quantity, locked_at, expires_at, held,
        returned, restocked, revision, log_seq, hub_id,
    )  # fmt: skip


def _packed(line: Reservation) -> tuple[bool, str | None]:
    """(counted, takes): the usual line took its own SKU one to one, which needs no JSON."""
    takes = line.takes
    own = next((take for take in takes if take.object_type == 2 and take.object_id == line.sku_id), None)
    counted = own is not None and own.counted
    if own is not None and len(takes) == 1 and own.ratio == UNIT:
        return counted, None
    return counted, encode(takes).decode()


def head_row(head: Head) -> Row:
    return (head.seq, head.outbox_seq, head.last_at)


def head(row: Found) -> Head:
    return Head(*row)


def fact_row(fact: OrderFact) -> Row:
    return (fact.order_id, fact.closed_at)


def fact(row: Found) -> OrderFact:
    return OrderFact(*row)


def due_row(due: DueLock) -> Row:
    return (due.due_at, due.order_id)


def due(row: Found) -> DueLock:
    return DueLock(*row)


def request_row(record: RequestRecord) -> Row:
    return (record.request_id, record.digest, record.outcome.decode(), record.recorded_at)


def request(row: Found) -> RequestRecord:
    request_id, digest_hex, outcome, recorded_at = row
    return RequestRecord(request_id, bytes.fromhex(digest_hex), outcome.encode(), recorded_at)


def log_row(log: LogRow) -> Row:
    key = log.key
    return (
        log.seq, key[0], key[1], int(log.kind), log.quantity, log.real_before, log.real_after, log.locked_before,
        log.locked_after, log.order_id, log.channel_code, log.actor, log.source, log.event_id, log.happened_at, log.at,
        log.reason, log.content, log.stock_prev, log.order_prev,
    )  # fmt: skip


def log(row: Found) -> LogRow:
    seq, object_type, object_id, kind, *rest = row
    return LogRow(seq, StockKey(object_type, object_id), Kind(kind), *rest)


def outbox_row(message: OutboxRow) -> Row:
    key = message.key
    return (message.seq, message.prev_seq, key[0], key[1], message.committed_at)


def outbox(row: Found) -> OutboxRow:
    seq, prev_seq, object_type, object_id, committed_at = row
    return OutboxRow(seq, prev_seq, StockKey(object_type, object_id), committed_at)


def incident_row(incident: Incident) -> Row:
    key = incident.key
    return (
        incident.seq, incident.kind, key[0], key[1], incident.quantity, incident.order_id, incident.actor,
        incident.reason, incident.opened_at, incident.hub_id, incident.resolved_at, incident.resolved_by, incident.how,
        incident.resolution,
    )  # fmt: skip


def resolved_row(incident: Incident) -> Row:
    return (incident.seq, incident.resolved_at, incident.resolved_by, incident.how, incident.resolution)


def incident(row: Found) -> Incident:
    seq, kind, object_type, object_id, *rest = row
    return Incident(seq, kind, StockKey(object_type, object_id), *rest)


def alert_row(alert: Alert) -> Row:
    key = alert.key
    return (
        alert.seq, alert.channel_code, alert.kind, key[0], key[1], alert.quantity, alert.threshold, alert.raised_at,
    )  # fmt: skip


def alert(row: Found) -> Alert:
    seq, channel_code, kind, object_type, object_id, *rest = row
    return Alert(seq, channel_code, kind, StockKey(object_type, object_id), *rest)


def journal_row(journal: Journal) -> Row:
    return (
        journal.device_id, journal.journal_id, journal.last_seq, journal.last_at, journal.marks, journal.chain,
    )  # fmt: skip


def journal(row: Found) -> Journal:
    return Journal(*row)


def hub_row(hub: Hub) -> Row:
    return (hub.hub_id, hub.fenced_at, encode(hub.at_risk).decode() if hub.at_risk else None, hub.revision)


def hub(row: Found) -> Hub:
    hub_id, fenced_at, at_risk, revision = row
    return Hub(hub_id, fenced_at, {} if at_risk is None else _decode_at_risk(at_risk), revision)


def timer_row(timer: Timer) -> Row:
    return (timer.due_at, timer.planned_version, timer.timed_at, timer.revision, timer.told, timer.told_seq)


def timer(row: Found) -> Timer:
    return Timer(*row)
