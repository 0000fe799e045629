"""A store's hub as people see it: how it is paired, how far it is, how it is replaced (DESIGN section 7)."""

from collections.abc import Iterable
from typing import Annotated, Literal

import msgspec

from eightysix.core.hub import Hub, risks
from eightysix.core.outcome import GrantTotal, HubWrittenOff
from eightysix.core.quantity import as_number

from .administration import NAME_LENGTH
from .fields import Body, Digits, Identifier, Reason, documented, integer, whole, words
from .following import Lag
from .stock import Number

CODE_SECONDS = 900
"""How long a pairing code works."""

MAX_HUBS = 500
"""Hubs in one page."""

HubStatus = Literal["waiting", "active", "replaced"]


class HubCodeBody(Body):
    """For which store a hub is to be paired. The store's code of before, if there was one, works no more."""

    brand_id: Identifier = msgspec.field(name="brandId")
    poi_id: Identifier = msgspec.field(name="poiId")


class HubCodeAnswer(msgspec.Struct, frozen=True, gc=False):
    """What is typed in at the hub, once, until `expires_at`."""

    brand_id: str = msgspec.field(name="brandId")
    poi_id: str = msgspec.field(name="poiId")
    code: str
    expires_at: str


class PairBody(Body):
    """A pairing code, as it was shown or without its hyphens, and what the hub is to be called."""

    code: Annotated[str, documented(minLength=1, maxLength=64)]
    name: Annotated[str, words(NAME_LENGTH)]


class PairAnswer(msgspec.Struct, frozen=True, gc=False):
    """Which hub of which store it is now. `key` is its key, shown this once; its `key_id` is the hub's id."""

    brand_id: str = msgspec.field(name="brandId")
    poi_id: str = msgspec.field(name="poiId")
    hub_id: str
    key: str


class HubQuery(Body):
    """The hubs of a brand's stores, or of one store; of that one with what is granted and what is at risk."""

    brand_id: Identifier = msgspec.field(name="brandId")
    poi_id: Identifier | None = msgspec.field(name="poiId", default=None)
    cursor: str | None = None
    limit: Annotated[int, whole(1, MAX_HUBS)] | Digits = 100

    def most(self) -> int:
        return integer(self.limit, "limit", 1, MAX_HUBS)


class HubJournal(msgspec.Struct, frozen=True, gc=False):
    """How far a hub has told its journal: the last event that is stored here, and when that was."""

    journal_id: str
    last_seq: int
    uploaded_at: str


class GrantShown(msgspec.Struct, frozen=True, gc=False):
    """What the hub holds of a stock, in portions."""

    object_type: int
    object_id: int
    grant: Number


class RiskShown(msgspec.Struct, frozen=True, gc=False):
    """What a hub that was replaced may have sold of a stock without having told, in portions."""

    hub_id: str
    object_type: int
    object_id: int
    at_risk: Number


class HubShown(msgspec.Struct, frozen=True, gc=False):
    """A store's hub. `waiting`: none was paired yet; `replaced`: none is there now. `code_until`: so long a code pairs
    the next one."""

    brand_id: str = msgspec.field(name="brandId")
    poi_id: str = msgspec.field(name="poiId")
    hub_id: str | None
    name: str | None
    status: HubStatus
    paired_at: str | None
    code_until: str | None


class HubState(HubShown, frozen=True, gc=False, kw_only=True):
    """The same with how far it is. `journal` null: it has told nothing yet. `lag`: what it hasn't applied of what the
    cloud has changed, null where it never acknowledged anything. `connected`: to the process that was asked.
    `grants` and `at_risk` where one store is asked for, else null."""

    journal: HubJournal | None
    lag: Lag | None
    acked_at: str | None
    connected: bool
    grants: list[GrantShown] | None
    at_risk: list[RiskShown] | None


class HubsAnswer(msgspec.Struct, frozen=True, gc=False):
    """By store; `cursor` leads to the next page and is null on the last."""

    items: list[HubState]
    cursor: str | None


class ReplaceHubBody(Body):
    """A hub is gone for good: what it held is written off, and its key opens nothing any more."""

    brand_id: Identifier = msgspec.field(name="brandId")
    poi_id: Identifier = msgspec.field(name="poiId")
    hub_id: Identifier
    reason: Reason


class GrantTotalAnswer(msgspec.Struct, frozen=True, gc=False):
    """Of a stock, what the hub was given now (less than 0: gave back) and holds in all, in portions."""

    object_type: int
    object_id: int
    given: Number
    grant: Number


class HubReplaced(msgspec.Struct, frozen=True, gc=False):
    """What was written off of each stock (`given` is less than 0), with an incident each. `replayed`: it had been."""

    brand_id: str = msgspec.field(name="brandId")
    poi_id: str = msgspec.field(name="poiId")
    hub_id: str
    written_off: list[GrantTotalAnswer]
    replayed: bool


def totals(each: Iterable[GrantTotal]) -> list[GrantTotalAnswer]:
    """Totals as they are told."""
    return [GrantTotalAnswer(*one.key, as_number(one.given), as_number(one.grant)) for one in each]


def replaced_answer(brand_id: str, poi_id: str, hub_id: str, done: HubWrittenOff) -> HubReplaced:
    """A hub that was written off."""
    return HubReplaced(brand_id, poi_id, hub_id, totals(done.written_off), done.replayed)


def risks_shown(hubs: Iterable[Hub]) -> list[RiskShown]:
    """What is at risk with each of the hubs that were replaced."""
    return [
        RiskShown(hub.hub_id, *key, as_number(quantity))
        for hub in hubs
        for key, quantity in sorted(risks(hub))
        if quantity
    ]
