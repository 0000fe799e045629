"""The keys of one database: made, listed, rotated, limited, revoked; each change with its line in the log.

Whoever changes keys is looked at once more in the transaction of the change: a key that was revoked a moment ago, in
whatever process, must not leave another one behind. There it is also decided that nobody outgrows their key.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from eightysix.core.outcome import Code
from eightysix.storage import schema
from eightysix.storage.catalog import Row
from eightysix.wire.administration import PAGE_LIMIT, KeyBody, KeyMade, KeyShown, LimitBody, Page, RotateBody
from eightysix.wire.fields import integer
from eightysix.wire.problem import Problem, Rejection

from . import keys
from .catalog import Catalog
from .clock import now_ms
from .journal import Change
from .paging import cursor_of, key_after
from .snapshot import KeyGrant, grants_of

BOOTSTRAP = "bootstrap"
"""Who makes the first key."""

_EVERY: Mapping[str, Any] = {}


class Holder(NamedTuple):
    """Who changes keys. `name` stands in the log; `secret`: the hash of what they showed, None for the program itself.

    `match` binds what they may touch to their scope: a key whose columns differ from it is as good as absent.
    """

    name: str
    secret: str | None = None
    match: Mapping[str, Any] = _EVERY


class Keyring:
    """Changes keys through the catalogue, whose snapshot tells every process of them."""

    def __init__(self, catalog: Catalog, clock: Callable[[], int] = now_ms) -> None:
        self._catalog = catalog
        self._clock = clock

    async def mint(self, body: KeyBody, by: Holder) -> KeyMade:
        """Make a key; its secret is in the answer and nowhere else."""
        secret, row = keys.mint(body, self._clock())
        async with self._catalog.changing(by.name) as change:
            own = await self._require_holder(by, change)
            await _require_scope(row, change)
            _must_not_outlive(own, row)
            _must_not_outrun(own, row)
            await self._put("create", None, row, change)
        return keys.made(secret, row)

    async def first(self) -> KeyMade | None:
        """A platform key if there is no key at all, else None. Of several processes one makes it."""
        async with self._catalog.changing(BOOTSTRAP) as change:
            if await change.write.matching(schema.api_key, {}, 1):
                return None
            secret, row = keys.mint(KeyBody(BOOTSTRAP, "platform"), self._clock())
            await self._put("create", None, row, change)
        return keys.made(secret, row)

    async def rotate(self, key_id: str, body: RotateBody, by: Holder) -> KeyMade:
        """Another secret for the same key; the one before works until the overlap ends."""
        async with self._catalog.changing(by.name) as change:
            own = await self._require_holder(by, change)
            before = await _require_key(key_id, by, change)
            secret, row = keys.rotated(before, body, self._clock())
            _must_not_outlive(own, row)
            _must_not_outrun(own, row)
            await self._put("rotate", before, row, change)
        return keys.made(secret, row)

    async def limit(self, key_id: str, body: LimitBody, by: Holder) -> KeyShown:
        """How many calls a second the key may make from now on."""
        rate = keys.rate_of(body.rate_limit)
        async with self._catalog.changing(by.name) as change:
            own = await self._require_holder(by, change)
            before = await _require_key(key_id, by, change)
            row = {**before, "rate_limit": rate}
            _must_not_outrun(own, row)
            if rate != before["rate_limit"]:
                await self._put("limit", before, row, change)
        return self._shown(row)

    async def revoke(self, key_id: str, by: Holder) -> None:
        """The key works no more, with neither of its secrets; other processes know within a second or two."""
        async with self._catalog.changing(by.name) as change:
            await self._require_holder(by, change)
            if not await keys.revoke({"key_id": key_id, **by.match}, change):
                raise Rejection(Problem.KEY_NOT_FOUND, "key_id")

    async def page(self, match: Mapping[str, Any], cursor: str | None, limit: int) -> Page[KeyShown]:
        """Keys whose columns equal `match`, without their secrets."""
        rows, following = await self._catalog.row_page(schema.api_key, match, cursor, limit)
        return Page([self._shown(row) for row in rows], following)

    async def page_of_store(
        self, poi_id: str, match: Mapping[str, Any], cursor: str | None, limit: int
    ) -> Page[KeyShown]:
        """Those of them that reach the store. Which these are is known from memory, for the stores are JSON."""
        limit = integer(limit, "limit", 1, PAGE_LIMIT)
        after = "" if cursor is None else str(key_after(cursor, list(schema.api_key.primary_key))[0])
        grants = {grant.key_id: grant for grant in self._catalog.current.keys.values()}
        ids = sorted(
            key_id
            for key_id, grant in grants.items()
            if key_id > after
            and (grant.poi_ids is None or poi_id in grant.poi_ids)
            and all(getattr(grant, name) == value for name, value in match.items())
        )
        some = ids[:limit]
        page = await self.page({**match, "key_id": some}, None, limit)
        return Page(page.items, cursor_of(some[-1:]) if len(ids) > limit else None)

    async def _require_holder(self, by: Holder, change: Change) -> KeyGrant | None:
        """What the holder's own key allows at this moment; None for the program itself. 401 if it opens nothing."""
        if by.secret is None:
            return None
        found = await change.write.matching(schema.api_key, {"key_id": by.name}, 1)
        own = grants_of(found[0]).get(by.secret) if found else None
        if own is None or not own.opens(self._clock()):
            raise Rejection(Problem.UNAUTHENTICATED)
        return own

    def _shown(self, row: Row) -> KeyShown:
        """An overlap that is over is none."""
        return keys.shown({**row, "previous_until": keys.overlap_of(row, self._clock())})

    async def _put(self, action: str, before: Row | None, row: Row, change: Change) -> None:
        await change.write.put(schema.api_key, [row])
        shown = None if before is None else self._shown(before)
        change.journal.note(action, keys.KIND, row["key_id"], row["brand_id"], before=shown, after=self._shown(row))


def _must_not_outlive(own: KeyGrant | None, row: Row) -> None:
    """422 unless the key of `row` ends with the giver's own at the latest.

    That is where a key ends, not a secret: within an overlap both may give the same.
    """
    if own is None or own.expires_at is None:
        return
    if row["expires_at"] is None or row["expires_at"] > own.expires_at:
        raise Rejection(Problem.VALUE_INVALID, "expires_in", why="later than the end of the caller's own key")


def _must_not_outrun(own: KeyGrant | None, row: Row) -> None:
    """422 unless the limit of `row` is at most the giver's own."""
    if own is None or own.rate_limit is None:
        return
    if row["rate_limit"] is None or row["rate_limit"] > own.rate_limit:
        raise Rejection(Problem.VALUE_INVALID, "rate_limit", why="more than the caller's own key has")


async def _require_key(key_id: str, by: Holder, change: Change) -> Row:
    found = await change.write.matching(schema.api_key, {"key_id": key_id, **by.match}, 1)
    if not found:
        raise Rejection(Problem.KEY_NOT_FOUND, "key_id")
    return found[0]


async def _require_scope(row: Row, change: Change) -> None:
    """The brand, stores and channel that a new key is for are there: a slip of the pen must not wait for its shop."""
    brand_id, write = row["brand_id"], change.write
    if brand_id is None:
        return
    if not await write.rows(schema.brand, [(brand_id,)]):
        raise Rejection(Code.BRAND_NOT_FOUND, "brandId")
    poi_ids = row["poi_ids"] or []
    stores = {store["poi_id"] for store in await write.rows(schema.store, [(brand_id, one) for one in set(poi_ids)])}
    for at, poi_id in enumerate(poi_ids):
        if poi_id not in stores:
            raise Rejection(Code.STORE_NOT_FOUND, f"poi_ids[{at}]")
    code = row["channel_code"]
    if code is not None and not await write.rows(schema.channel, [(brand_id, code)]):
        raise Rejection(Code.CHANNEL_NOT_FOUND, "channel_code")
