"""Messages that could not be published: looked at, and sent on their way again. For those who run the platform."""

from collections.abc import Callable, Collection

from eightysix.catalog.paging import cursor_of, key_after
from eightysix.core.key import StoreKey
from eightysix.storage import schema
from eightysix.storage.outbox import Outbox, ParkedPlace, ParkedRow
from eightysix.wire.parked import MAX_PARKED, ParkedAnswer, ParkedMessage, ParkedQuery, ParkedReplayBody, ParkedReplayed
from eightysix.wire.parked import parked_message as shown

from .auth import Caller
from .endpoint import Call
from .reply import Reply, json_reply

_PLACE = tuple(schema.poi_stock_parked.c[name] for name in ("product_shard_id", "brand_id", "poi_id", "seq"))


class ParkedMessages:
    """Answers the calls about parked messages. `wake` tells the relays that stores have rows again."""

    def __init__(self, outbox: Outbox, wake: Callable[[Collection[StoreKey]], None]) -> None:
        self._outbox = outbox
        self._wake = wake

    async def listed(self, call: Call) -> Reply:
        """GET a page of what is parked."""
        query: ParkedQuery = call.query
        store, most = query.store(), query.most()
        _reach(call.caller, store)
        after = None
        if query.cursor is not None:
            bucket, brand_id, poi_id, seq = key_after(query.cursor, _PLACE)
            after = ParkedPlace(StoreKey(int(bucket), str(brand_id), str(poi_id)), int(seq))
        rows = await self._outbox.parked(after, most + 1, store)
        last = rows[most - 1] if len(rows) > most else None
        cursor = None if last is None else cursor_of((*last.store, last.row.seq))
        return json_reply(ParkedAnswer([_shown(row) for row in rows[:most]], cursor))

    async def replay(self, call: Call) -> Reply:
        """POST: publish them again, as they are then."""
        body: ParkedReplayBody = call.body
        store, seqs = body.store(), body.wanted()
        _reach(call.caller, store)
        if store is not None and seqs is not None:
            replayed, has_more = await self._put_back({store: seqs}), False
        else:
            rows = await self._outbox.parked(None, MAX_PARKED + 1, store)
            wanted: dict[StoreKey, list[int]] = {}
            for row in rows[:MAX_PARKED]:
                wanted.setdefault(row.store, []).append(row.row.seq)
            replayed, has_more = await self._put_back(wanted), len(rows) > MAX_PARKED
        return json_reply(ParkedReplayed(replayed, has_more))

    async def _put_back(self, wanted: dict[StoreKey, list[int]]) -> int:
        replayed = 0
        for store, seqs in wanted.items():
            replayed += await self._outbox.put_back(store, seqs)
            self._wake([store])
        return replayed


def _reach(caller: Caller, store: StoreKey | None) -> None:
    if store is None:
        caller.brand_of(None)
    else:
        caller.reach(store.brand_id, store.poi_id)


def _shown(parked: ParkedRow) -> ParkedMessage:
    row = parked.row
    fields = (row.seq, row.prev_seq, *row.key, row.committed_at)
    return shown(parked.store, fields, parked.parked_at, parked.tries, parked.reason)
