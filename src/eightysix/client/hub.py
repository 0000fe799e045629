"""What people and hubs ask of the cloud about a store's hub, as calls."""

from collections.abc import Iterable, Sequence

import msgspec

from eightysix.wire.grant import GrantChangeBody, GrantsAnswer, GrantsBody
from eightysix.wire.hub import (
    HubCodeAnswer,
    HubCodeBody,
    HubReplaced,
    HubsAnswer,
    PairAnswer,
    PairBody,
    ReplaceHubBody,
)
from eightysix.wire.hub_event import HubEventsAnswer, HubEventsBody, fitting
from eightysix.wire.hub_orders import HubOrdersAnswer
from eightysix.wire.store_copy import StoreCopy

from .asking import get, pages, post
from .call import Call
from .reading import as_type
from .request import Reply
from .series import Series
from .wording import StoreLike

Query = tuple[tuple[str, str], ...]


def hub_code(store: StoreLike) -> Call[HubCodeAnswer]:
    """A code that pairs the store's hub, once. Refused HUB_EXISTS while the store has one."""
    return post("code", "/api/v1/hubs/code", HubCodeBody(store[0], store[1]), as_type(HubCodeAnswer))


def pair_hub(code: str, name: str) -> Call[PairAnswer]:
    """Become the hub of the store that the code is for, which needs no key and gives one. Refused
    PAIRING_CODE_UNKNOWN."""
    return post("pair", "/api/v1/hubs/pair", PairBody(code, name), as_type(PairAnswer))


def replace_hub(store: StoreLike, hub_id: str, reason: str) -> Call[HubReplaced]:
    """The hub is gone: what it holds is written off, its key opens nothing any more. Refused HUB_NOT_FOUND."""
    return post(
        "replace", "/api/v1/hubs/replace", ReplaceHubBody(store[0], store[1], hub_id, reason), as_type(HubReplaced)
    )


def hubs(brand_id: str, poi_id: str | None = None, *, cursor: str | None = None, limit: int = 100) -> Call[HubsAnswer]:
    """A page of the brand's hubs, by store, or the hub of one store: how far each is."""
    fields = (("brandId", brand_id), ("poiId", poi_id), ("cursor", cursor), ("limit", str(limit)))
    return get("hubs", "/api/v1/hubs", as_type(HubsAnswer), fields)


def store_copy(store: StoreLike, since: int | None = None) -> Call[StoreCopy | None]:
    """All that the store's hub needs of the configuration; None where that is as it was at version `since`."""
    fields = (*_of(store), ("since", None if since is None else str(since)))
    return get("store", "/api/v1/hub/store", _copy_or_nothing, fields)


def hub_orders(store: StoreLike) -> Series[HubOrdersAnswer]:
    """The cloud's live orders of the store, page by page."""

    def ask(cursor: str | None) -> Call[HubOrdersAnswer]:
        return get("orders", "/api/v1/hub/orders", as_type(HubOrdersAnswer), (*_of(store), ("cursor", cursor)))

    return pages(ask, lambda page: (page,))


def hub_events(
    store: StoreLike, side: tuple[str, str], seq: int, chain: str, events: Sequence[bytes]
) -> Call[HubEventsAnswer]:
    """Events of a hub's journal from `seq` on, each as the journal has it; `chain` is its digest before them, `side` is
    (hub_id, journal_id).

    As many are sent as go into one call. The journal is stored up to the answer's `last_seq`, which may be less.
    Refused JOURNAL_GAP (`answer.expected_seq` is what it goes on with), JOURNAL_MISMATCH or HUB_NOT_FOUND: nothing was
    stored.
    """
    raw = [msgspec.Raw(event) for event in fitting(events)]
    body = HubEventsBody(store[0], store[1], side[0], side[1], seq, chain, raw)
    return post("events", "/api/v1/hub/events", body, as_type(HubEventsAnswer))


def grants(
    store: StoreLike, hub_id: str, request_id: str, changes: Iterable[GrantChangeBody] = ()
) -> Call[GrantsAnswer]:
    """More of the store's stocks for the hub, or less; without changes only what it holds in all.

    Sent again with the same `request_id` it comes to the same. Refused GRANT_EXCEEDED where more is given back than the
    hub holds, HUB_FENCED after it was replaced.
    """
    body = GrantsBody(store[0], store[1], hub_id, request_id, list(changes))
    return post("grants", "/api/v1/poi/stock/grants", body, as_type(GrantsAnswer))


def _of(store: StoreLike) -> Query:
    return ("brandId", store[0]), ("poiId", store[1])


def _copy_or_nothing(reply: Reply) -> StoreCopy | None:
    return _read_copy(reply) if reply.body else None


_read_copy = as_type(StoreCopy)
