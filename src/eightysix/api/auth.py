"""Who calls, what their role allows, and whose stores they reach: the one place that binds a request to its scope."""

import re
from enum import StrEnum

import msgspec

from eightysix.catalog.catalog import Catalog, now_ms
from eightysix.catalog.keys import hash_of
from eightysix.catalog.snapshot import KeyGrant
from eightysix.core.command import Actor
from eightysix.core.outcome import Code
from eightysix.wire.problem import Problem, Rejection


class Action(StrEnum):
    """What a role may be allowed."""

    ORDER = "order"
    READ_ORDER = "read_order"
    READ_STOCK = "read_stock"
    SET_STOCK = "set_stock"
    READ_CATALOG = "read_catalog"
    WRITE_CATALOG = "write_catalog"
    WRITE_BRAND = "write_brand"
    READ_KEYS = "read_keys"
    WRITE_KEYS = "write_keys"


_READ = {Action.READ_ORDER, Action.READ_STOCK, Action.READ_CATALOG}
_IN_STORE = _READ | {Action.ORDER, Action.SET_STOCK}
_IN_BRAND = _IN_STORE | {Action.WRITE_CATALOG, Action.READ_KEYS, Action.WRITE_KEYS}

ALLOWED: dict[str, frozenset[Action]] = {
    "platform": frozenset(Action),
    "brand": frozenset(_IN_BRAND),
    "order-service": frozenset(_READ | {Action.ORDER}),
    "store": frozenset(_IN_STORE),
    "hub": frozenset(_IN_STORE),
    "channel": frozenset({Action.READ_STOCK, Action.READ_CATALOG}),
    "auditor": frozenset(_READ | {Action.READ_KEYS}),
}
"""Which actions each role has (DESIGN section 9)."""


class Caller(msgspec.Struct, frozen=True):
    """Somebody with a valid key."""

    grant: KeyGrant
    actor: Actor
    actions: frozenset[Action]

    def must(self, action: Action) -> None:
        """403 unless the role has `action`."""
        if action not in self.actions:
            raise Rejection(Problem.FORBIDDEN, role=self.grant.role)

    def reach_brand(self, brand_id: str) -> None:
        """404 for a brand that isn't the caller's: a stranger must not learn that it exists."""
        own = self.grant.brand_id
        if own is not None and own != brand_id:
            raise Rejection(Code.BRAND_NOT_FOUND, "brandId")

    def reach(self, brand_id: str, poi_id: str) -> None:
        """404 for a store that isn't the caller's."""
        grant = self.grant
        if grant.brand_id is not None and grant.brand_id != brand_id:
            raise Rejection(Code.BRAND_NOT_FOUND, "brandId")
        if grant.poi_ids is not None and poi_id not in grant.poi_ids:
            raise Rejection(Code.STORE_NOT_FOUND, "poiId")

    def reach_channel(self, channel_code: str) -> None:
        """404 for a channel that isn't the caller's."""
        if self.grant.channel_code is not None and self.grant.channel_code != channel_code:
            raise Rejection(Code.CHANNEL_NOT_FOUND, "channel_code")

    def reach_whole_brand(self) -> None:
        """403 for a key of some stores only, where the whole brand is meant."""
        if self.grant.poi_ids is not None:
            raise Rejection(Problem.FORBIDDEN, role=self.grant.role)


NOBODY = Caller(KeyGrant("", "nobody"), Actor("nobody"), frozenset())
"""Who asks where no key is needed."""

_BEARER = re.compile(rb"[Bb][Ee][Aa][Rr][Ee][Rr] +(\S+) *")


_MOST_SEEN = 10_000


class Doorkeeper:
    """Knows callers by their Authorization header. What it has seen is kept until any key changes."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self._keys = catalog.current.keys
        self._seen: dict[bytes, Caller] = {}

    def caller(self, authorization: bytes) -> Caller:
        """Who it is, or 401. An expired or revoked key is as good as none."""
        keys = self.catalog.current.keys
        if keys is not self._keys:
            self._keys = keys
            self._seen = {}
        caller = self._seen.get(authorization)
        if caller is None:
            caller = self._look_up(authorization)
            if len(self._seen) >= _MOST_SEEN:  # one key may be written with any number of spaces
                self._seen.clear()
            self._seen[authorization] = caller
        expires_at = caller.grant.expires_at
        if expires_at is not None and expires_at <= now_ms():
            raise Rejection(Problem.UNAUTHENTICATED)
        return caller

    def _look_up(self, authorization: bytes) -> Caller:
        bearer = _BEARER.fullmatch(authorization)
        grant = self._keys.get(hash_of(bearer.group(1))) if bearer else None
        if grant is None:
            raise Rejection(Problem.UNAUTHENTICATED)
        return Caller(grant, Actor(grant.key_id), ALLOWED[grant.role])
