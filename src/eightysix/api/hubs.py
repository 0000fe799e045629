"""Hubs as people deal with them: a code to pair one, the list of them, replacing one that is gone."""

import time
from collections.abc import Callable, Sequence
from typing import Any

from msgspec import structs

from eightysix.catalog.catalog import Catalog
from eightysix.catalog.hubs import Hubs
from eightysix.core.change import Journal
from eightysix.core.command import WriteOffHub
from eightysix.core.instant import to_iso
from eightysix.core.key import StoreKey
from eightysix.core.outcome import Code, HubWrittenOff, Refused
from eightysix.core.quantity import as_number
from eightysix.storage.port import Database
from eightysix.sync.gateway import Gateway
from eightysix.wire.answer import refused_answer
from eightysix.wire.fields import identifier, text
from eightysix.wire.hub import (
    GrantShown,
    HubCodeBody,
    HubJournal,
    HubQuery,
    HubsAnswer,
    HubShown,
    HubState,
    PairBody,
    ReplaceHubBody,
    replaced_answer,
    risks_shown,
)
from eightysix.wire.problem import STATUS, Problem, Rejection

from .allowance import Allowance
from .auth import RETRY_AFTER_SECONDS
from .bulk import Submit
from .endpoint import Call
from .lag import Lags
from .reply import Reply, json_reply
from .scope import brand_named, store_named

PAIRINGS_PER_SECOND = 5
"""So many codes are tried at all, whoever tries them: a code is typed in by a person, and guessing must be hopeless."""


class HubDesk:
    """Answers people's calls about hubs."""

    def __init__(
        self,
        submit: Submit,
        hubs: Hubs,
        database: Database,
        gateway: Gateway,
        catalog: Catalog,
        *,
        ticks: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._submit = submit
        self._hubs = hubs
        self._database = database
        self._gateway = gateway
        self._catalog = catalog
        self._lags = Lags(database, catalog)
        self._pairings = Allowance(PAIRINGS_PER_SECOND)
        self._ticks = ticks

    async def invite(self, call: Call) -> Reply:
        """POST for a pairing code."""
        body: HubCodeBody = call.body
        store_named(call.caller, self._catalog.current, body.brand_id, body.poi_id)
        return json_reply(await self._hubs.invite(body.brand_id, body.poi_id, call.caller.actor.name), 201)

    async def pair(self, call: Call) -> Reply:
        """POST a pairing code, without a key."""
        body: PairBody = call.body
        if not self._pairings.take(1, self._ticks()):
            rejection = Rejection(Problem.TOO_MANY_PAIRINGS)
            rejection.retry_after = RETRY_AFTER_SECONDS
            raise rejection
        return json_reply(await self._hubs.pair(body), 201)

    async def replace(self, call: Call) -> Reply:
        """POST: a hub is gone. What it held is written off first; only then it is fenced here too, so that a crash in
        between leaves it without grants and in its place, and the same call again brings it to its end."""
        body: ReplaceHubBody = call.body
        hub_id, reason = identifier(body.hub_id, "hub_id"), text(body.reason, "reason")
        store = store_named(call.caller, self._catalog.current, body.brand_id, body.poi_id)
        if not await self._hubs.is_last(body.brand_id, body.poi_id, hub_id):
            raise Rejection(Code.HUB_NOT_FOUND, "hub_id")
        outcome = await self._submit(WriteOffHub(store, hub_id, call.caller.actor, reason))
        if isinstance(outcome, Refused):
            return json_reply(refused_answer(outcome, call.language), STATUS[outcome.code])
        if not isinstance(outcome, HubWrittenOff):
            raise TypeError(f"{WriteOffHub.__name__} came to {type(outcome).__name__}")
        await self._hubs.fence(body.brand_id, body.poi_id, hub_id, reason, call.caller.actor.name)
        return json_reply(replaced_answer(body.brand_id, body.poi_id, hub_id, outcome))

    async def listed(self, call: Call) -> Reply:
        """GET a page of hubs, by store."""
        query: HubQuery = call.query
        match: dict[str, Any] = {"brand_id": query.brand_id}
        if query.poi_id is not None:
            store_named(call.caller, self._catalog.current, query.brand_id, query.poi_id)
            match["poi_id"] = query.poi_id
        else:
            brand_named(call.caller, self._catalog.current, query.brand_id)
            if call.caller.grant.poi_ids is not None:
                match["poi_id"] = sorted(call.caller.grant.poi_ids)
        hubs, cursor = await self._hubs.page(match, query.cursor, query.most())
        states = await self._states(hubs, one_store=query.poi_id is not None)
        return json_reply(HubsAnswer(states, cursor))

    async def _states(self, hubs: Sequence[HubShown], *, one_store: bool) -> list[HubState]:
        stores = [StoreKey.of(hub.brand_id, hub.poi_id) for hub in hubs]
        devices = {(each.store, each.device_id): each for each in await self._database.devices.of_stores(stores)}
        known = [devices.get((store, hub.hub_id or "")) for store, hub in zip(stores, hubs, strict=True)]
        there = [device for device in known if device is not None]
        lags = dict(zip(((each.store, each.device_id) for each in there), await self._lags.of(there), strict=True))
        states = []
        for store, hub, device in zip(stores, hubs, known, strict=True):
            rows = await self._database.reader.hub_rows(store)
            states.append(
                HubState(
                    *structs.astuple(hub),
                    journal=_journal(rows.journals, hub.hub_id),
                    lag=None if device is None else lags[store, device.device_id],
                    acked_at=None if device is None else to_iso(device.acked_at),
                    connected=hub.hub_id is not None and self._gateway.has(store, hub.hub_id),
                    grants=await self._grants(store) if one_store else None,
                    at_risk=risks_shown(rows.hubs) if one_store else None,
                )
            )
        return states

    async def _grants(self, store: StoreKey) -> list[GrantShown]:
        rows = await self._database.reader.store_rows(store, None)
        granted = sorted((stock for stock in rows.stocks if stock.grant), key=lambda stock: stock.key)
        return [GrantShown(*stock.key, as_number(stock.grant)) for stock in granted]


def _journal(journals: Sequence[Journal], hub_id: str | None) -> HubJournal | None:
    """The one that the hub told last: after it was installed anew it has another."""
    own = [journal for journal in journals if journal.device_id == hub_id]
    if not own:
        return None
    last = max(own, key=lambda journal: journal.last_at)
    return HubJournal(last.journal_id, last.last_seq, to_iso(last.last_at))
