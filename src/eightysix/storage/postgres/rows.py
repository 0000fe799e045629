"""Rows as they come from PostgreSQL, as the core's values; and the select lists that bring them in that order.

Statements that answer several kinds of rows at once (one snapshot, one round trip) put them into the same slots:
`part`, `at`, one flag, some texts, some integers. Quantities come as integers of thousandths.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from eightysix.core.change import Alert, Incident
from eightysix.core.hub import Hub
from eightysix.core.key import StockKey
from eightysix.core.quantity import UNIT
from eightysix.core.reservation import Reservation, State, Take
from eightysix.core.stock import ChannelStock, Stock

CLOCK = "floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint"
"""The server's clock when this is evaluated, not when the statement or the transaction began; milliseconds."""

_STATES = {int(state): state for state in State}
_takes_decoder = msgspec.json.Decoder(tuple[Take, ...])
_takes_encoder = msgspec.json.Encoder()
_at_risk_decoder = msgspec.json.Decoder(dict[str, int])


def thousandths(column: str) -> str:
    """An expression for the integer of thousandths in a quantity column."""
    return f"({column} * 1000)::bigint"


def slots(
    part: int,
    at: str = "NULL",
    flag: str = "NULL",
    texts: Sequence[str] = (),
    numbers: Sequence[str] = (),
    *,
    width: int,
    texts_width: int,
) -> str:
    """A select list with `texts_width` text slots and `width` integer slots, the unused ones NULL."""
    padded_texts = [f"{text}::text" for text in (*texts, *["NULL"] * (texts_width - len(texts)))]
    padded_numbers = [f"{number}::bigint" for number in (*numbers, *["NULL"] * (width - len(numbers)))]
    return ", ".join([f"{part}::int", f"{at}::int", f"{flag}::boolean", *padded_texts, *padded_numbers])


RESERVATION_FLAG = "r.counted"
RESERVATION_TEXTS = ("r.order_id", "r.channel_code", "r.takes", "r.hub_id")
RESERVATION_NUMBERS = (
    "r.sku_id",
    "r.line_no",
    "r.state",
    thousandths("r.requested_quantity"),
    thousandths("r.quantity"),
    thousandths("r.returned_quantity"),
    thousandths("r.restocked_quantity"),
    "r.locked_at",
    "r.expires_at",
    "r.revision",
    "r.log_seq",
)

STOCK_FLAG = "t.manual"
STOCK_NUMBERS = (
    "t.stock_status",
    "t.stock_type",
    thousandths("t.plan_quantity"),
    thousandths("t.real_quantity"),
    thousandths("t.locked_quantity"),
    thousandths("t.grant_quantity"),
    thousandths("t.oversold_quantity"),
    "t.version",
    "t.settings_version",
    "t.updated_at",
    "t.auto_restore_type",
    "t.auto_restore_at",
    "t.epoch_at",
    "t.restore_to",
    "t.auto_restore_from",
    "t.restored_slot",
    "t.filled_slot",
    "t.refilled_at",
    "t.allocation",
    thousandths("t.settings_real"),
    thousandths("t.low_quantity"),
    "t.is_low::int",
)

INCIDENT = (
    "i.seq",
    "i.kind",
    "i.object_type",
    "i.object_id",
    thousandths("i.quantity"),
    "i.order_id",
    "i.actor",
    "i.reason",
    "i.opened_at",
    "i.hub_id",
    "i.resolved_at",
    "i.resolved_by",
    "i.how",
    "i.resolution",
)
JOURNAL = ("device_id", "journal_id", "last_seq", "last_at", "marks", "chain")
HUB = ("hub_id", "fenced_at", "at_risk", "revision")

CHANNEL_TEXTS = ("c.channel_code",)
CHANNEL_NUMBERS = (
    "c.stock_status",
    "c.stock_type",
    thousandths("c.limit_quantity"),
    thousandths("c.guarantee_quantity"),
    "c.weight",
    "c.period_at",
    thousandths("c.used_quantity"),
    "c.released_at",
    thousandths("c.low_quantity"),
    "c.is_low::int",
)


def reservation_of(counted: Any, texts: Sequence[Any], numbers: Sequence[Any]) -> Reservation:
    """A reservation from its flag, texts and numbers."""
    order_id, channel_code, takes, hub_id = texts
    sku_id, line_no, state, requested, quantity, *rest = numbers
    returned, restocked, locked_at, expires_at, revision, log_seq = rest
    return Reservation(
        order_id,
        sku_id,
        line_no,
        channel_code,
        _STATES[state],
        requested,
        quantity,
        locked_at,
        expires_at,
        (Take(2, sku_id, UNIT, counted),) if takes is None else _takes_decoder.decode(takes),
        returned,
        restocked,
        revision,
        log_seq,
        hub_id,
    )


def stock_of(key: StockKey, manual: Any, numbers: Sequence[Any]) -> Stock:
    """A stock from its flag and numbers."""
    status, type_, *rest = numbers
    return Stock(key, status, type_, manual, *_flagged(rest))


def channel_of(key: StockKey, channel_code: str, numbers: Sequence[Any]) -> ChannelStock:
    """A channel row from its text and numbers."""
    return ChannelStock(key, channel_code, *_flagged(numbers))


def _flagged(numbers: Sequence[Any]) -> Sequence[Any]:
    """The last of them, `is_low`, as a truth value."""
    return (*numbers[:-1], bool(numbers[-1]))


def alert_of(row: Sequence[Any]) -> Alert:
    """An alert from its columns in the order of the table."""
    seq, channel_code, kind, object_type, object_id, *rest = row
    return Alert(seq, channel_code, kind, StockKey(object_type, object_id), *rest)


def incident_of(row: Sequence[Any]) -> Incident:
    """An incident from its columns in the order of INCIDENT."""
    seq, kind, object_type, object_id, *rest = row
    return Incident(seq, kind, StockKey(object_type, object_id), *rest)


def hub_of(row: Sequence[Any]) -> Hub:
    """A hub from its columns in the order of HUB."""
    hub_id, fenced_at, at_risk, revision = row
    return Hub(hub_id, fenced_at, {} if at_risk is None else _at_risk_decoder.decode(at_risk), revision)


def at_risk_text(hub: Hub) -> str | None:
    """The `at_risk` column: None where nothing is."""
    return msgspec.json.encode(hub.at_risk).decode() if hub.at_risk else None


def takes_text(reservation: Reservation) -> str | None:
    """The `takes` column: None where the takes are just the SKU's own stock, one to one."""
    takes = reservation.takes
    if len(takes) == 1 and _is_plain(takes[0], reservation.sku_id):
        return None
    return _takes_encoder.encode(takes).decode()


def counts_sku(reservation: Reservation) -> bool:
    """The `counted` column: whether the SKU's own take is counted."""
    for take in reservation.takes:
        if take.object_type == 2 and take.object_id == reservation.sku_id:
            return take.counted
    return False


def _is_plain(take: Take, sku_id: int) -> bool:
    return take.object_id == sku_id and take.object_type == 2 and take.ratio == UNIT
