"""Guarantees that flow back, and alerts, on the wire."""

import base64
import binascii
from typing import Annotated

import msgspec
from msgspec import UNSET, UnsetType

from eightysix.core.change import Alert
from eightysix.core.command import Actor, ReleaseGuarantees
from eightysix.core.instant import to_iso
from eightysix.core.key import StockKey, StoreKey
from eightysix.core.outcome import GuaranteesReleased
from eightysix.core.quantity import as_number

from .fields import (
    MAX_ID_LENGTH,
    Body,
    Identifier,
    ObjectId,
    OneOrTwo,
    Reason,
    identifier,
    integer,
    object_id,
    reason,
    several,
    whole,
)
from .problem import Problem, Rejection
from .stock import MAX_SETTINGS, Number, object_type


class ReleaseBody(Body):
    """Whose guarantees flow back: those of some items, or `all` in the store."""

    brand_id: Identifier = msgspec.field(name="brandId")
    poi_id: Identifier = msgspec.field(name="poiId")
    object_ids: Annotated[list[ObjectId], several(MAX_SETTINGS)] | UnsetType = UNSET
    object_type: OneOrTwo = 2
    all: bool = False
    reason: Reason | None = None

    def command(self, actor: Actor) -> ReleaseGuarantees:
        store = StoreKey.of(identifier(self.brand_id, "brandId"), identifier(self.poi_id, "poiId"))
        return ReleaseGuarantees(store, self._keys(), actor, reason(self.reason))

    def _keys(self) -> tuple[StockKey, ...] | None:
        kind, ids = object_type(self.object_type), self.object_ids
        if ids is UNSET:
            if self.all:
                return None
            raise Rejection(Problem.EMPTY, "object_ids")
        if self.all:
            raise Rejection(Problem.VALUE_INVALID, "all", why="either object_ids or all")
        if not ids:
            raise Rejection(Problem.EMPTY, "object_ids")
        if len(ids) > MAX_SETTINGS:
            raise Rejection(Problem.TOO_MANY, "object_ids", most=MAX_SETTINGS)
        return tuple(StockKey(kind, object_id(each, f"object_ids[{at}]")) for at, each in enumerate(ids))


class ReleasedAnswer(msgspec.Struct, frozen=True, gc=False):
    """A guarantee that flowed back; `quantity` of it was open."""

    object_type: int
    object_id: int
    channel_code: str
    quantity: Number


class ReleaseAnswer(msgspec.Struct, frozen=True, gc=False):
    """What flowed back; empty where nothing was guaranteed, or it had flowed back before."""

    released: list[ReleasedAnswer]


def release_answer(outcome: GuaranteesReleased) -> ReleaseAnswer:
    """What flowed back, in portions."""
    return ReleaseAnswer(
        [ReleasedAnswer(*each.key, each.channel_code, as_number(each.quantity)) for each in outcome.released]
    )


MAX_ALERTS = 500


class AlertQuery(Body):
    """A store's alerts, a page of them."""

    brand_id: Identifier = msgspec.field(name="brandId")
    poi_id: Identifier = msgspec.field(name="poiId")
    cursor: str | None = None
    limit: Annotated[int, whole(1, MAX_ALERTS)] = 100

    def most(self) -> int:
        return integer(self.limit, "limit", 1, MAX_ALERTS)

    def before(self) -> tuple[int, str] | None:
        """The alert above the first one wanted."""
        if self.cursor is None:
            return None
        try:
            padded = self.cursor + "=" * (-len(self.cursor) % 4)
            seq, code = msgspec.json.decode(base64.urlsafe_b64decode(padded), type=tuple[int, str])
        except (msgspec.MsgspecError, binascii.Error, ValueError):
            raise Rejection(Problem.VALUE_INVALID, "cursor", why="not a cursor of ours") from None
        if not 0 < seq < 2**63 or len(code) > MAX_ID_LENGTH:
            raise Rejection(Problem.VALUE_INVALID, "cursor", why="not a cursor of ours")
        return seq, code


class AlertAnswer(msgspec.Struct, frozen=True, gc=False):
    """A threshold that was crossed: `quantity` was left, of the whole stock or for `channel_code`."""

    object_type: int
    object_id: int
    channel_code: str | None
    kind: str
    quantity: Number
    threshold: Number
    raised_at: str


class AlertsAnswer(msgspec.Struct, frozen=True, gc=False):
    """Newest first; `cursor` leads to the next page and is null on the last. A channel's key is shown its own only."""

    items: list[AlertAnswer]
    cursor: str | None


def alerts_answer(alerts: list[Alert], most: int, channel_code: str | None) -> AlertsAnswer:
    """A page of at most `most`, one more than that was read to see whether there is another; one channel's, or all."""
    shown = alerts[:most]
    cursor = None
    if len(alerts) > most:
        last = msgspec.json.encode((shown[-1].seq, shown[-1].channel_code))
        cursor = base64.urlsafe_b64encode(last).decode().rstrip("=")
    return AlertsAnswer([alert_answer(each) for each in shown if channel_code in (None, each.channel_code)], cursor)


def alert_answer(alert: Alert) -> AlertAnswer:
    """An alert as the wire shows it."""
    return AlertAnswer(
        *alert.key,
        alert.channel_code or None,
        alert.kind,
        as_number(alert.quantity),
        as_number(alert.threshold),
        to_iso(alert.raised_at),
    )
