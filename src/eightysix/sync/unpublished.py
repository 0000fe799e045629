"""A relay's rows: those that this process has written itself are known, the others are read.

What is known of a store holds good as long as it begins where the relay's last message of it ended, which the chain of
`prev_seq` shows, and nobody doubts it. Where anything else may be there (another process has written, a row was put
back, a message failed), somebody says so, and all of the store's rows are read.
"""

import time
from collections.abc import Callable, Mapping, Sequence

import msgspec

from eightysix.core.change import OutboxRow
from eightysix.core.key import StoreKey
from eightysix.storage.outbox import Outbox

ROWS_MOST = 32_768
"""Beyond so many known rows, as while no bus is there, they are forgotten: they are read."""

STORES_MOST = 65_536
"""Beyond so many stores it is forgotten what was told of them last: once more they are read."""


class Found(msgspec.Struct, frozen=True, gc=False):
    """Rows by store, each store's in order; those without any are missing."""

    now: int
    """The database's clock when they were read, or when the newest of them was written."""
    rows: Mapping[StoreKey, Sequence[OutboxRow]]
    others: bool
    """Whether any may have been written by another process."""


class Unpublished:
    """The outbox rows of stores whose messages this relay tells."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._known: dict[StoreKey, list[OutboxRow]] = {}
        self._number = 0
        self._told: dict[StoreKey, int] = {}
        self._doubted: set[StoreKey] = set()
        self._ahead = 0.0

    @property
    def now(self) -> float:
        """The database's clock in seconds, by ours and by how far it was ahead when it was read last."""
        return time.time() + self._ahead

    def note(self, store: StoreKey, rows: Sequence[OutboxRow]) -> None:
        """A batch has committed these, one at least."""
        known = self._known.get(store)
        if known is None or known[-1].seq != rows[0].prev_seq:
            self._drop(store)
            self._known[store] = list(rows)
        else:
            known.extend(rows)
        self._number += len(rows)
        if self._number > ROWS_MOST:
            self._known.clear()
            self._number = 0

    def doubt(self, store: StoreKey) -> None:
        """There may be rows of the store that aren't known."""
        self._doubted.add(store)

    def told(self, store: StoreKey, seq: int) -> None:
        """The store's row of this sequence value is out of the way, and so are those before it that were found."""
        if len(self._told) >= STORES_MOST:
            self._told.clear()
        self._told[store] = seq
        known = self._known.get(store)
        if known is None:
            return
        if known[-1].seq <= seq:
            self._drop(store)
            return
        later = [row for row in known if row.seq > seq]
        self._number -= len(known) - len(later)
        self._known[store] = later

    def forget(self, forgotten: Callable[[StoreKey], bool]) -> None:
        """Others tell of these stores from now on."""
        for store in [store for store in self._known if forgotten(store)]:
            self._drop(store)
        for store in [store for store in self._told if forgotten(store)]:
            del self._told[store]
        self._doubted = {store for store in self._doubted if not forgotten(store)}

    async def find(self, stores: Sequence[StoreKey], most: int) -> Found:
        """The first rows of each of these stores, at most `most`. Raises StorageFault.

        What is read is doubted no longer: whoever can't use what was found has to doubt it again.
        """
        found: dict[StoreKey, Sequence[OutboxRow]] = {}
        unknown: dict[StoreKey, list[OutboxRow]] = {}
        for store in stores:
            known = self._known.get(store)
            meets = known is not None and known[0].prev_seq == self._told.get(store)
            if known is not None and meets and store not in self._doubted:
                found[store] = known[:most]
            else:
                self._doubted.discard(store)
                self._drop(store)
                unknown[store] = known if known is not None and meets else []
        now, others = 0, False
        if unknown:
            pending = await self._outbox.pending(list(unknown), most)
            now = pending.now
            self._ahead = pending.now / 1000 - time.time()
            found.update(pending.rows)
            others = any(pending.rows.get(store, []) != known[:most] for store, known in unknown.items())
        newest = (rows[-1].committed_at for rows in found.values())
        return Found(max(now, max(newest, default=0)), found, others)

    def _drop(self, store: StoreKey) -> None:
        self._number -= len(self._known.pop(store, ()))
