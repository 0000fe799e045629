"""Commands: what somebody wants of one store. Every field is already parsed; rules judge the rest.

A request, a hub event, a timer and an operator all become one of these and go through `engine.submit`.
"""

from typing import TYPE_CHECKING

import msgspec

from .change import JournalKey, Kind
from .hub import GrantChange, GrantRequest, MirrorRow, Side
from .key import StockKey, StoreKey

if TYPE_CHECKING:
    from .hub_event import HubEvent


class Line(msgspec.Struct, frozen=True, gc=False):
    """One line of a verb. `quantity` in thousandths; None where the verb allows to leave it out (the whole line)."""

    sku_id: int
    line_no: int = 0
    quantity: int | None = None
    restock: bool = False


class Actor(msgspec.Struct, frozen=True, gc=False):
    """Who asks, and through what: `source` is api, pos, replay, hub, timer, operator, import or bus.

    An event that is told later has an `event_id` and the instant at which it happened, in milliseconds.
    `channel_code`: the one channel whose orders they reach, None for all of them (see `core.scope`).
    """

    name: str
    source: str = "api"
    event_id: str | None = None
    happened_at: int | None = None
    channel_code: str | None = None


class LockStock(msgspec.Struct, frozen=True, gc=False, tag=True):
    """Hold portions for an order. `expires_in` in seconds, None for the channel's default."""

    store: StoreKey
    order_id: str
    channel_code: str
    lines: tuple[Line, ...]
    actor: Actor
    expires_in: int | None = None
    partial: bool = False
    force: bool = False
    reason: str | None = None


class DeductStock(msgspec.Struct, frozen=True, gc=False, tag=True):
    """The order is paid. No lines: the whole order. `relock` revives dead lines in the same step if stock allows."""

    store: StoreKey
    order_id: str
    lines: tuple[Line, ...] | None
    actor: Actor
    relock: bool = False
    reason: str | None = None


class UnlockStock(msgspec.Struct, frozen=True, gc=False, tag=True):
    """The order, or some of its lines, are cancelled before payment. No lines: closes the order."""

    store: StoreKey
    order_id: str
    lines: tuple[Line, ...] | None
    actor: Actor
    reason: str | None = None


class ReturnStock(msgspec.Struct, frozen=True, gc=False, tag=True):
    """Paid portions come back; each line says whether the food goes on sale again."""

    store: StoreKey
    order_id: str
    lines: tuple[Line, ...] | None
    request_id: str
    actor: Actor
    reason: str | None = None


class AmendStock(msgspec.Struct, frozen=True, gc=False, tag=True):
    """Set live lines to new quantities (0 unlocks the line). Without lines, `expires_in` extends what is live."""

    store: StoreKey
    order_id: str
    lines: tuple[Line, ...] | None
    request_id: str
    actor: Actor
    expires_in: int | None = None
    reason: str | None = None


class ExpireLocks(msgspec.Struct, frozen=True, gc=False, tag=True):
    """Release the store's locks whose time has passed. Every batch does so for its stores; the sweep asks for it."""

    store: StoreKey


class ReleaseGuarantees(msgspec.Struct, frozen=True, gc=False, tag=True):
    """Let what is guaranteed and not taken flow back, for the rest of the period. `keys` None: in the whole store."""

    store: StoreKey
    keys: tuple[StockKey, ...] | None
    actor: Actor
    reason: str | None = None


class RunTimers(msgspec.Struct, frozen=True, gc=False, tag=True):
    """Run what is due in the store by the clock: restores, guarantees that flow back. Every batch that sets something
    does so first; the timer worker asks for it. `stocks`: about how many it may change, so that a batch stays bounded.
    """

    store: StoreKey
    stocks: int = 1


class ChannelSetting(msgspec.Struct, frozen=True, gc=False):
    """What to set for one channel of a stock; UNSET fields stay as they are."""

    channel_code: str
    status: int | msgspec.UnsetType = msgspec.UNSET
    type: int | msgspec.UnsetType = msgspec.UNSET
    limit: int | msgspec.UnsetType | None = msgspec.UNSET
    guarantee: int | msgspec.UnsetType = msgspec.UNSET
    weight: int | msgspec.UnsetType = msgspec.UNSET
    low: int | msgspec.UnsetType | None = msgspec.UNSET


class Setting(msgspec.Struct, frozen=True, gc=False):
    """What to set for one stock; UNSET fields stay as they are. `expected_version` is a settings version.

    `kind` is SET, or one of three others: ADD adds `quantity` (which may be negative) to what is there; COUNT says that
    `quantity` was counted; EIGHTY_SIX takes off sale or puts back on sale, whatever is there.
    """

    key: StockKey
    status: int | msgspec.UnsetType = msgspec.UNSET
    type: int | msgspec.UnsetType = msgspec.UNSET
    plan: int | msgspec.UnsetType = msgspec.UNSET
    real: int | msgspec.UnsetType = msgspec.UNSET
    manual: bool | msgspec.UnsetType = msgspec.UNSET
    auto_restore_type: int | msgspec.UnsetType = msgspec.UNSET
    auto_restore_at: int | msgspec.UnsetType | None = msgspec.UNSET
    restore_to: int | msgspec.UnsetType = msgspec.UNSET
    expected_version: int | None = None
    channels: tuple[ChannelSetting, ...] = ()
    allocation: int | msgspec.UnsetType = msgspec.UNSET
    low: int | msgspec.UnsetType | None = msgspec.UNSET
    kind: Kind = Kind.SET
    quantity: int | msgspec.UnsetType = msgspec.UNSET


class SetStock(msgspec.Struct, frozen=True, gc=False, tag=True):
    """Set stocks of one store; each item has its own result. With `dry_run` it is decided, and nothing is written."""

    store: StoreKey
    settings: tuple[Setting, ...]
    actor: Actor
    reason: str | None = None
    request_id: str | None = None
    dry_run: bool = False


class DeviceRow(msgspec.Struct, frozen=True, gc=False):
    """What a device has of one stock: its version, and the digest of its row (see `core.digest`)."""

    key: StockKey
    version: int
    digest: str


class ReconcileStock(msgspec.Struct, frozen=True, gc=False, tag=True):
    """Compare the store's counters with its reservations, and with `rows` what a device has with what there is.

    With `apply` what differs is repaired, else nothing is written.
    """

    store: StoreKey
    actor: Actor
    rows: tuple[DeviceRow, ...] | None = None
    device_id: str | None = None
    apply: bool = False
    reason: str | None = None


class ReportStock(msgspec.Struct, frozen=True, gc=False, tag=True):
    """What a store's POS has made of one stock, based on the row it last saw, whose `updated_at` is `base_at` (None: it
    saw none). `base_real` is what it believed to be there before it counted. `setting` is of kind SET."""

    store: StoreKey
    setting: Setting
    base_at: int | None
    actor: Actor
    base_real: int | None = None


class SellStock(msgspec.Struct, frozen=True, gc=False, tag=True):
    """Sold and paid over the counter, without a lock before."""

    store: StoreKey
    order_id: str
    channel_code: str
    lines: tuple[Line, ...]
    actor: Actor
    reason: str | None = None


class CountStock(msgspec.Struct, frozen=True, gc=False, tag=True):
    """Counted where somebody else's sales aren't known: only the difference to what was `expected` there tells."""

    store: StoreKey
    key: StockKey
    counted: int
    expected: int
    actor: Actor
    base_version: int | None = None
    base_at: int | None = None
    reason: str | None = None


class ChangeStock(msgspec.Struct, frozen=True, gc=False, tag=True):
    """Set in a store while it was cut off, based on a row with this settings version or `updated_at`."""

    store: StoreKey
    setting: Setting
    actor: Actor
    base_version: int | None = None
    base_at: int | None = None
    base_real: int | None = None
    reason: str | None = None


Event = LockStock | DeductStock | UnlockStock | ReturnStock | AmendStock | SellStock | CountStock | ChangeStock


class ReplayEvent(msgspec.Struct, frozen=True, gc=False, tag=True):
    """The event `seq` of a device's journal: what happened while its store was cut off. The event's actor has the
    instant at which it happened."""

    store: StoreKey
    device_id: str
    journal_id: str
    seq: int
    event: Event
    actor: Actor

    @property
    def journal(self) -> JournalKey:
        return self.device_id, self.journal_id


class TellHubEvent(msgspec.Struct, frozen=True, gc=False, tag=True):
    """The event `seq` of a hub's journal. `chain` is the journal's digest before it, `body` the event as it came."""

    store: StoreKey
    side: Side
    seq: int
    chain: str
    event: "HubEvent"
    body: bytes
    actor: Actor

    @property
    def journal(self) -> JournalKey:
        return self.side.hub_id, self.side.journal_id


class MoveGrants(msgspec.Struct, frozen=True, gc=False, tag=True):
    """A hub asks for more of its store's stocks, or gives back. Nothing asked: only the totals are told."""

    store: StoreKey
    hub_id: str
    request_id: str
    changes: tuple[GrantChange, ...]
    actor: Actor


class WriteOffHub(msgspec.Struct, frozen=True, gc=False, tag=True):
    """A hub is gone: its grants are written off, and it is fenced."""

    store: StoreKey
    hub_id: str
    actor: Actor
    reason: str


class ResolveIncident(msgspec.Struct, frozen=True, gc=False, tag=True):
    """Settle the incident `seq`: `how` is cancel, accept or recount, with what was counted in thousandths."""

    store: StoreKey
    seq: int
    how: str
    actor: Actor
    reason: str
    counted: int | None = None


class AskGrants(msgspec.Struct, frozen=True, gc=False, tag=True):
    """At a hub: journal a request before it is sent. What it gives back leaves the hub's hands now."""

    store: StoreKey
    request: GrantRequest


class SettleGrants(msgspec.Struct, frozen=True, gc=False, tag=True):
    """At a hub: the cloud has answered the request; `given` is what was asked for and got."""

    store: StoreKey
    request_id: str
    given: tuple[GrantChange, ...]


class MirrorStock(msgspec.Struct, frozen=True, gc=False, tag=True):
    """At a hub: rows as the cloud has them. `anew`: its database is another than before, restored from a backup for
    instance, so that no version of before says anything of what comes."""

    store: StoreKey
    rows: tuple[MirrorRow, ...]
    anew: bool = False


class AckEvents(msgspec.Struct, frozen=True, gc=False, tag=True):
    """At a hub: the cloud has stored the journal up to `last_seq`; what it set has these versions."""

    store: StoreKey
    last_seq: int
    settled: tuple[tuple[StockKey, int], ...] = ()


class TellVerb(msgspec.Struct, frozen=True, gc=False, tag=True):
    """At a hub that is cut off: journal a deduct or unlock of an order whose home is the cloud."""

    store: StoreKey
    verb: DeductStock | UnlockStock


HubCommand = AskGrants | SettleGrants | MirrorStock | AckEvents | TellVerb
"""What only a hub asks of itself."""

OrderCommand = LockStock | DeductStock | UnlockStock | ReturnStock | AmendStock
Command = (
    OrderCommand
    | ExpireLocks
    | SetStock
    | ReleaseGuarantees
    | RunTimers
    | ReconcileStock
    | ReportStock
    | ReplayEvent
    | TellHubEvent
    | MoveGrants
    | WriteOffHub
    | ResolveIncident
    | HubCommand
)


def settings_of(command: Command) -> tuple[Setting, ...]:
    """What the command sets, stock by stock."""
    if isinstance(command, SetStock):
        return command.settings
    told: Command | Event | None = command
    if isinstance(command, (ReplayEvent, TellHubEvent)):
        told = command.event if isinstance(command, ReplayEvent) else command.event.setting
    if isinstance(told, (ReportStock, ChangeStock)):
        return (told.setting,)
    if isinstance(told, CountStock):
        return (Setting(told.key, kind=Kind.COUNT, quantity=told.counted - told.expected),)
    return ()
