"""Who calls, what their role allows, and whose stores they reach: the one place that binds a request to its scope.

Whatever answers a call asks its `Caller` for what it is about: `reach` for a store, `reach_brand` for a brand,
`brand_of` where a list may leave the brand out, `reach_key` for a key. A success of an endpoint that asked none of them
is held back (`Caller.reached`, see `site`). What a key of one channel may do with orders is decided in `core.scope`.
"""

import re
import time
from collections.abc import Callable, Iterable
from enum import StrEnum

import msgspec
from msgspec.structs import replace

from eightysix.catalog.catalog import Catalog
from eightysix.catalog.clock import now_ms
from eightysix.catalog.keys import hash_of
from eightysix.catalog.snapshot import KeyGrant
from eightysix.core.command import Actor
from eightysix.core.outcome import Code
from eightysix.core.reservation import Reservation
from eightysix.core.scope import is_of
from eightysix.wire.problem import Problem, Rejection

from .allowance import Allowance


class Action(StrEnum):
    """What a role may be allowed."""

    ORDER = "order"
    READ_ORDER = "read_order"
    READ_STOCK = "read_stock"
    READ_LOG = "read_log"
    SET_STOCK = "set_stock"
    TELL = "tell"
    EXPORT_STOCK = "export_stock"
    WRITE_RULES = "write_rules"
    READ_CATALOG = "read_catalog"
    WRITE_CATALOG = "write_catalog"
    WRITE_BRAND = "write_brand"
    READ_KEYS = "read_keys"
    WRITE_KEYS = "write_keys"
    READ_AUDIT = "read_audit"
    WEBHOOKS = "webhooks"
    RUN_SYNC = "run_sync"
    """Of the whole platform: what is stuck on its way."""
    READ_INCIDENTS = "read_incidents"
    RESOLVE = "resolve"
    FOLLOW = "follow"
    READ_DEVICES = "read_devices"
    PAIR_HUB = "pair_hub"
    """And replace it."""
    TELL_HUB = "tell_hub"
    """Bring a hub's journal."""
    BE_HUB = "be_hub"
    """Of a key that was paired: any other is no hub, whatever its role."""


_READ = {Action.READ_ORDER, Action.READ_STOCK, Action.EXPORT_STOCK, Action.READ_CATALOG}
_FOLLOW = {Action.FOLLOW, Action.READ_DEVICES}
_IN_STORE = _READ | _FOLLOW | {Action.READ_INCIDENTS, Action.READ_LOG, Action.ORDER, Action.SET_STOCK, Action.TELL}
_IN_BRAND = _IN_STORE | {
    Action.RESOLVE,
    Action.WRITE_RULES,
    Action.WRITE_CATALOG,
    Action.READ_KEYS,
    Action.WRITE_KEYS,
    Action.READ_AUDIT,
    Action.WEBHOOKS,
    Action.PAIR_HUB,
    Action.TELL_HUB,
}

ALLOWED: dict[str, frozenset[Action]] = {
    "platform": frozenset(Action),
    "brand": frozenset(_IN_BRAND),
    "order-service": frozenset(_READ | _FOLLOW | {Action.ORDER, Action.TELL}),
    "store": frozenset(_IN_STORE | {Action.RESOLVE, Action.WRITE_RULES, Action.PAIR_HUB, Action.TELL_HUB}),
    "hub": frozenset(_IN_STORE | {Action.TELL_HUB, Action.BE_HUB}),
    "channel": frozenset({Action.READ_STOCK, Action.READ_CATALOG}),
    "auditor": frozenset(
        _READ | {Action.READ_INCIDENTS, Action.READ_LOG, Action.READ_KEYS, Action.READ_AUDIT, Action.READ_DEVICES}
    ),
}
"""Which actions each role has (DESIGN section 9)."""


class Caller(msgspec.Struct):
    """Somebody with a valid key. `reached` says whether a request has been bound to their scope."""

    grant: KeyGrant
    actor: Actor
    actions: frozenset[Action]
    allowance: Allowance | None = None
    secret: str | None = None
    """The hash of the secret that was shown."""
    reached: bool = False

    def visiting(self) -> "Caller":
        """The same one for a single request, which has reached nothing yet."""
        return replace(self, reached=False)

    def must(self, action: Action) -> None:
        """403 unless the role has `action`."""
        if action not in self.actions:
            raise Rejection(Problem.FORBIDDEN, role=self.grant.role)

    def reach_brand(self, brand_id: str) -> None:
        """404 for a brand that isn't the caller's: a stranger must not learn that it exists."""
        self.reached = True
        own = self.grant.brand_id
        if own is not None and own != brand_id:
            raise Rejection(Code.BRAND_NOT_FOUND, "brandId")

    def reach(self, brand_id: str, poi_id: str) -> None:
        """404 for a store that isn't the caller's."""
        self.reached = True
        grant = self.grant
        if grant.brand_id is not None and grant.brand_id != brand_id:
            raise Rejection(Code.BRAND_NOT_FOUND, "brandId")
        if grant.poi_ids is not None and poi_id not in grant.poi_ids:
            raise Rejection(Code.STORE_NOT_FOUND, "poiId")

    def brand_of(self, asked: str | None) -> str | None:
        """The one brand that a list is about: the one that was asked for, else the caller's own; None: all brands."""
        if asked is not None:
            self.reach_brand(asked)
            return asked
        self.reached = True
        return self.grant.brand_id

    def own_stores(self, poi_ids: Iterable[str]) -> list[str]:
        """Those of the stores, all of a brand that was reached, that are the caller's."""
        own = self.grant.poi_ids
        return [poi_id for poi_id in poi_ids if own is None or poi_id in own]

    def reach_channel(self, channel_code: str) -> None:
        """404 for a channel that isn't the caller's."""
        if self.grant.channel_code is not None and self.grant.channel_code != channel_code:
            raise Rejection(Code.CHANNEL_NOT_FOUND, "channel_code")

    def reach_order(self, lines: Iterable[Reservation]) -> None:
        """404 for an order, within a store that was reached, that isn't of the caller's channel."""
        if not is_of(self.actor.channel_code, lines):
            raise Rejection(Code.ORDER_NOT_FOUND, "order_id")

    def reach_every_channel(self) -> None:
        """403 for a key of one channel only, where what is told is about all of them."""
        if self.grant.channel_code is not None:
            raise Rejection(Problem.FORBIDDEN, role=self.grant.role)

    def reach_whole_brand(self) -> None:
        """403 for a key of some stores or of one channel only, where the whole brand is meant."""
        if self.grant.poi_ids is not None or self.grant.channel_code is not None:
            raise Rejection(Problem.FORBIDDEN, role=self.grant.role)


NOBODY = Caller(KeyGrant("", "nobody"), Actor("nobody"), frozenset())
"""Who asks where no key is needed."""

_BEARER = re.compile(rb"[Bb][Ee][Aa][Rr][Ee][Rr] +(\S+) *")


_MOST_SEEN = 10_000

RETRY_AFTER_SECONDS = 1
"""A bucket that is a second's worth is full again after one."""


class Doorkeeper:
    """Knows callers by their Authorization header, and counts their calls where their key is limited.

    What it has seen is kept until any key changes. Calls are counted in this process: of several, each allows a key its
    whole limit.
    """

    def __init__(
        self, catalog: Catalog, clock: Callable[[], int] = now_ms, ticks: Callable[[], int] = time.monotonic_ns
    ) -> None:
        self.catalog = catalog
        self._clock = clock
        self._ticks = ticks
        self._keys = catalog.current.keys
        self._seen: dict[bytes, Caller] = {}
        self._allowances: dict[str, Allowance] = {}

    def caller(self, authorization: bytes, calls: int = 1) -> Caller:
        """Who it is, or 401; 429 if that makes more `calls` than their key may. An expired key is as good as none."""
        keys = self.catalog.current.keys
        if keys is not self._keys:
            self._keys = keys
            self._seen = {}
            self._forget_allowances()
        caller = self._seen.get(authorization)
        if caller is None:
            caller = self._look_up(authorization)
            if len(self._seen) >= _MOST_SEEN:  # one key may be written with any number of spaces
                self._seen.clear()
            self._seen[authorization] = caller
        if not caller.grant.opens(self._clock()):
            raise Rejection(Problem.UNAUTHENTICATED)
        if caller.allowance is not None and calls:
            self._count(caller.allowance, calls)
        return caller

    def still(self, caller: Caller, action: Action, brand_id: str, poi_id: str) -> bool:
        """Whether the key that somebody came with opens the same as when they came: not revoked, not past its end."""
        grant = self.catalog.current.keys.get(caller.secret or "")
        return (
            grant is not None
            and grant.opens(self._clock())
            and action in ALLOWED[grant.role]
            and grant.brand_id in {None, brand_id}
            and (grant.poi_ids is None or poi_id in grant.poi_ids)
        )

    def count_stores(self, caller: Caller, stores: int, field: str) -> None:
        """Count a call that is a command in each of many stores as one for each. 422 if the key could never make so
        many at once, as of a batch; 429 if it may not now."""
        allowance = caller.allowance
        if allowance is None or stores <= 1:
            return
        if stores > allowance.rate:
            raise Rejection(Problem.TOO_MANY, field, most=allowance.rate)
        self._count(allowance, stores - 1)

    def _count(self, allowance: Allowance, calls: int) -> None:
        """A batch that the key could never send is refused for its size, but it was a call."""
        wanted = calls if calls <= allowance.rate else 1
        if not allowance.take(wanted, self._ticks()):
            rejection = Rejection(Problem.TOO_MANY_REQUESTS, limit=allowance.rate)
            rejection.retry_after = RETRY_AFTER_SECONDS
            raise rejection

    def _look_up(self, authorization: bytes) -> Caller:
        bearer = _BEARER.fullmatch(authorization)
        secret = hash_of(bearer.group(1)) if bearer else ""
        grant = self._keys.get(secret)
        if grant is None:
            raise Rejection(Problem.UNAUTHENTICATED)
        actor = Actor(grant.key_id, channel_code=grant.channel_code)
        return Caller(grant, actor, ALLOWED[grant.role], self._allowance(grant), secret)

    def _allowance(self, grant: KeyGrant) -> Allowance | None:
        """One for both secrets of a key, and the same one after keys have changed."""
        if grant.rate_limit is None:
            return None
        known = self._allowances.get(grant.key_id) or Allowance(grant.rate_limit)
        if known.rate != grant.rate_limit:
            known = known.at(grant.rate_limit)
        self._allowances[grant.key_id] = known
        return known

    def _forget_allowances(self) -> None:
        """Those of keys that are gone or have no limit any more."""
        if self._allowances:
            limited = {grant.key_id for grant in self._keys.values() if grant.rate_limit is not None}
            self._allowances = {key_id: each for key_id, each in self._allowances.items() if key_id in limited}
