"""The hubs of one database: paired by a code that is shown once, listed, replaced; each change with its line in the
log.

A store has one hub at a time. Its key has the hub's id as its own, so that whoever calls with it is that hub and no
other. The code is typed in by a person: 60 random bits, kept as their SHA-256, good for one pairing within
CODE_SECONDS.
"""

import hashlib
import secrets
from collections.abc import Callable, Mapping
from typing import Any

from msgspec import to_builtins

from eightysix.core.instant import to_iso
from eightysix.core.outcome import Code
from eightysix.storage import schema
from eightysix.storage.catalog import Row
from eightysix.wire.administration import NAME_LENGTH, KeyBody
from eightysix.wire.fields import identifier, text
from eightysix.wire.hub import CODE_SECONDS, HubCodeAnswer, HubShown, PairAnswer, PairBody
from eightysix.wire.problem import Problem, Rejection

from . import keys
from .catalog import Catalog
from .clock import now_ms
from .journal import Change

WAITING, ACTIVE, REPLACED = "waiting", "active", "replaced"
KIND = "hub"
"""What the log of administration calls a hub; its name there is the store."""

_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""None that are read as one another, 32 in all; what looks like one of them is taken for it."""
_LOOKS_LIKE = str.maketrans("OIL", "011", "- ")
_CODE_LETTERS, _GROUP = 12, 4


class Hubs:
    """Changes hubs through the catalogue, whose snapshot tells every process of them."""

    def __init__(self, catalog: Catalog, clock: Callable[[], int] = now_ms) -> None:
        self._catalog = catalog
        self._clock = clock

    async def invite(self, brand_id: str, poi_id: str, actor: str) -> HubCodeAnswer:
        """A code for the store's next hub; the one before is none any more. 409 while the store has a hub."""
        code, until = new_code(), self._clock() + CODE_SECONDS * 1000
        async with self._catalog.changing(actor) as change:
            before = await self._row(brand_id, poi_id, change)
            if before is not None and before["status"] == ACTIVE:
                raise Rejection(Problem.HUB_EXISTS, "poiId", what=before["hub_id"])
            if not await change.write.rows(schema.store, [(brand_id, poi_id)]):
                raise Rejection(Code.STORE_NOT_FOUND, "poiId")
            row = {
                **(before or _nobody(brand_id, poi_id)),
                "code_hash": code_hash(code),
                "code_until": until,
            }
            await self._save("invite", before, row, change)
        return HubCodeAnswer(brand_id, poi_id, code, to_iso(until))

    async def pair(self, body: PairBody) -> PairAnswer:
        """The code's store has this hub from now on; the code is none any more. 404 for what isn't a code now.

        Whether it was one, and for which store, is told to nobody who doesn't have it.
        """
        name, now, hub_id = text(body.name, "name", NAME_LENGTH), self._clock(), "hub_" + secrets.token_hex(8)
        async with self._catalog.changing(hub_id) as change:
            found = await change.write.matching(schema.hub, {"code_hash": code_hash(body.code)}, 1)
            if not found or found[0]["code_until"] <= now or found[0]["status"] == ACTIVE:
                raise Rejection(Problem.PAIRING_CODE_UNKNOWN, "code")
            before = found[0]
            brand_id, poi_id = before["brand_id"], before["poi_id"]
            secret, key = keys.mint(KeyBody(name, "hub", brand_id, [poi_id]), now, key_id=hub_id)
            await change.write.put(schema.api_key, [key])
            change.journal.note("create", keys.KIND, hub_id, brand_id, after=keys.shown(key))
            row = {
                **before,
                "hub_id": hub_id,
                "name": name,
                "status": ACTIVE,
                "paired_at": now,
                "code_hash": None,
                "code_until": None,
            }
            await self._save("pair", before, row, change)
        return PairAnswer(brand_id, poi_id, hub_id, secret)

    async def is_last(self, brand_id: str, poi_id: str, hub_id: str) -> bool:
        """Whether it is the store's hub, or was its last one, as the database has it now."""
        match = {"brand_id": brand_id, "poi_id": poi_id, "hub_id": hub_id}
        rows, _ = await self._catalog.row_page(schema.hub, match, None, 1)
        return bool(rows)

    async def fence(self, brand_id: str, poi_id: str, hub_id: str, reason: str, actor: str) -> None:
        """The hub is replaced, its key revoked. Done twice it is done once. What it held must have been written off."""
        async with self._catalog.changing(actor) as change:
            before = await self._row(brand_id, poi_id, change)
            if before is None or before["hub_id"] != hub_id or before["status"] != ACTIVE:
                return
            await keys.revoke({"key_id": hub_id}, change)
            row = {**before, "status": REPLACED}
            await change.write.put(schema.hub, [row])
            after = {**to_builtins(self._shown(row)), "reason": reason}
            change.journal.note("fence", KIND, poi_id, brand_id, before=self._shown(before), after=after)

    async def page(self, match: Mapping[str, Any], cursor: str | None, limit: int) -> tuple[list[HubShown], str | None]:
        """Hubs whose columns equal `match`, by store, and the cursor of the next page."""
        rows, following = await self._catalog.row_page(schema.hub, match, cursor, limit)
        return [self._shown(row) for row in rows], following

    def _shown(self, row: Row) -> HubShown:
        """A code that has ended is none."""
        until = row["code_until"]
        return shown({**row, "code_until": until if until is not None and until > self._clock() else None})

    async def _row(self, brand_id: str, poi_id: str, change: Change) -> Row | None:
        found = await change.write.rows(schema.hub, [(brand_id, poi_id)])
        return found[0] if found else None

    async def _save(self, action: str, before: Row | None, row: Row, change: Change) -> None:
        await change.write.put(schema.hub, [row])
        was = None if before is None else self._shown(before)
        change.journal.note(action, KIND, row["poi_id"], row["brand_id"], before=was, after=self._shown(row))


def new_code() -> str:
    """A pairing code as it is shown: `7K3M-XA09-QQTD`."""
    letters = "".join(secrets.choice(_LETTERS) for _ in range(_CODE_LETTERS))
    return "-".join(letters[at : at + _GROUP] for at in range(0, _CODE_LETTERS, _GROUP))


def code_hash(code: str) -> str:
    """What is stored of a code, however it was typed."""
    plain = code.upper().translate(_LOOKS_LIKE)
    return hashlib.sha256(plain.encode()).hexdigest()


def shown(row: Row) -> HubShown:
    """A hub as lists and the log of administration show it: without its code."""
    instants = (None if row[name] is None else to_iso(row[name]) for name in ("paired_at", "code_until"))
    return HubShown(*(row[name] for name in ("brand_id", "poi_id", "hub_id", "name", "status")), *instants)


def _nobody(brand_id: str, poi_id: str) -> dict[str, Any]:
    """The row of a store that never had a hub."""
    return {
        "brand_id": identifier(brand_id, "brandId"),
        "poi_id": identifier(poi_id, "poiId"),
        "hub_id": None,
        "name": None,
        "status": WAITING,
        "paired_at": None,
    }
