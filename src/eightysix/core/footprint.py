"""Which rows a command may touch, so that a batch can load them before anything is decided."""

from collections.abc import Iterable

import msgspec
from msgspec import UNSET

from .availability import chain
from .catalogue import Catalogue
from .command import (
    AmendStock,
    AskGrants,
    ChangeStock,
    ChannelSetting,
    Command,
    CountStock,
    DeductStock,
    ExpireLocks,
    HubCommand,
    LockStock,
    MirrorStock,
    MoveGrants,
    OrderCommand,
    ReconcileStock,
    ReleaseGuarantees,
    ReplayEvent,
    ReportStock,
    ResolveIncident,
    ReturnStock,
    RunTimers,
    SellStock,
    SetStock,
    SettleGrants,
    TellHubEvent,
    TellVerb,
    WriteOffHub,
    settings_of,
)
from .hold import holds
from .hub import MirrorRow
from .journal import result_id
from .key import StockKey, StoreKey, sku_key
from .pos_report import report_ids
from .reservation import Reservation
from .resolving import resolution_id
from .shelf import Shelf
from .stock import Allocation


class Footprint(msgspec.Struct, frozen=True, gc=False):
    """What to load for a command before its orders are known."""

    order_id: str | None = None
    request_ids: tuple[str, ...] = ()
    stocks: tuple[StockKey, ...] = ()
    sets: bool = False
    """Whether it sets something, so that the stocks decide with it what else is needed: see `counts_anew`."""
    whole: bool = False
    """Whether every stock of the store and its timer are needed."""
    hub_ids: tuple[str, ...] = ()
    """Of which hubs the cloud's row is needed."""
    incident_seqs: tuple[int, ...] = ()
    """Which incidents are needed, and with each its stock and its order."""


def footprint(command: Command, catalogue: Catalogue) -> Footprint:
    """What `command` may touch, as far as the command itself tells."""
    if isinstance(command, (TellHubEvent, MoveGrants, WriteOffHub)):
        return _of_hub(command, catalogue)
    if isinstance(command, HubCommand):
        return _at_hub(command)
    return _of_command(command, catalogue)


def _of_command(command: Command, catalogue: Catalogue) -> Footprint:
    if isinstance(command, LockStock):
        stocks = chains(command.store, (line.sku_id for line in command.lines), catalogue)
        return Footprint(order_id=command.order_id, stocks=stocks)
    if isinstance(command, (ExpireLocks, RunTimers)):
        return Footprint()
    if isinstance(command, ReconcileStock):
        return Footprint(sets=True, whole=True)
    if isinstance(command, ReleaseGuarantees):
        return Footprint(stocks=command.keys or (), whole=command.keys is None)
    if isinstance(command, SetStock):
        stocks = tuple(setting.key for setting in command.settings)
        return Footprint(request_ids=_known(command.request_id), stocks=stocks, sets=True)
    if isinstance(command, ReportStock):
        return Footprint(request_ids=report_ids(command), stocks=(command.setting.key,), sets=True)
    if isinstance(command, ReplayEvent):
        return _of_event(command, catalogue)
    if isinstance(command, ResolveIncident):
        return Footprint(request_ids=(resolution_id(command.seq),), sets=True, incident_seqs=(command.seq,))
    if not isinstance(command, OrderCommand):
        return Footprint()
    request_id = command.request_id if isinstance(command, (ReturnStock, AmendStock)) else None
    return Footprint(order_id=command.order_id, request_ids=_known(request_id))


def _of_hub(command: TellHubEvent | MoveGrants | WriteOffHub, catalogue: Catalogue) -> Footprint:
    """What the cloud needs to hear a hub out."""
    if isinstance(command, WriteOffHub):
        return Footprint(sets=True, whole=True, hub_ids=(command.hub_id,))
    if isinstance(command, MoveGrants):
        asked = tuple(change.key for change in command.changes)
        return Footprint(request_ids=(command.request_id,), stocks=asked, whole=not asked, hub_ids=(command.hub_id,))
    event = command.event
    keys = [*(move.key for move in event.moves), *(told.key for told in event.incidents)]
    keys += (take.key for line in event.lines for take in line.takes)
    keys += (sku_key(line.sku_id) for line in event.lines)
    order_id = event.order_id
    if event.setting is not None:
        keys.append(event.setting.setting.key)
    if event.verb is not None:
        order_id = event.verb.order_id
        keys += chains(command.store, (line.sku_id for line in event.verb.lines or ()), catalogue)
    sets, hub_ids = event.setting is not None, (command.side.hub_id,)
    return Footprint(order_id=order_id, stocks=tuple(dict.fromkeys(keys)), sets=sets, hub_ids=hub_ids)


def _at_hub(command: HubCommand) -> Footprint:
    """What a hub needs for its own books; its mirrors come with the stocks."""
    if isinstance(command, TellVerb):
        return Footprint(order_id=command.verb.order_id)
    if isinstance(command, AskGrants):
        return Footprint(stocks=tuple(change.key for change in command.request.changes))
    if isinstance(command, SettleGrants):
        return Footprint(stocks=tuple(change.key for change in command.given))
    if isinstance(command, MirrorStock):
        return Footprint(stocks=tuple(row.stock.key for row in command.rows), sets=True, whole=command.anew)
    return Footprint(stocks=tuple(key for key, _ in command.settled))


def _of_event(command: ReplayEvent, catalogue: Catalogue) -> Footprint:
    """What the event itself needs, what it may sell without a lock, and its result if it has one."""
    event = command.event
    ids: tuple[str, ...] = (result_id(command),)
    if isinstance(event, (CountStock, ChangeStock)):
        stocks = tuple(setting.key for setting in settings_of(command))
        return Footprint(request_ids=ids, stocks=stocks, sets=True)
    if isinstance(event, (ReturnStock, AmendStock)):
        ids = (*ids, event.request_id)
    lines = event.lines if isinstance(event, (LockStock, SellStock, DeductStock)) else None
    stocks = chains(command.store, (line.sku_id for line in lines or ()), catalogue)
    return Footprint(order_id=event.order_id, request_ids=ids, stocks=stocks)


def _known(request_id: str | None) -> tuple[str, ...]:
    return () if request_id is None else (request_id,)


def counts_anew(command: Command, shelf: Shelf) -> bool:
    """Whether `command` may give a channel its first cap or guarantee, so that the day's reservations are needed.

    It may by name, or because a stock whose channels share it is set: they did when it was loaded, or will by then.
    """
    if isinstance(command, (ReconcileStock, WriteOffHub, ResolveIncident)):
        return True
    if isinstance(command, MirrorStock):
        return any(_counts_otherwise(shelf, row) for row in command.rows)
    at_hub = shelf.catalogue.at_hub
    return any(
        setting.allocation not in (Allocation.NONE, UNSET)
        or any(_may_count(channel) or (at_hub and _may_end(channel)) for channel in setting.channels)
        or _shares(shelf, setting.key)
        for setting in settings_of(command)
    )


def _counts_otherwise(shelf: Shelf, row: MirrorRow) -> bool:
    """Whether other channels have a cap or a guarantee in the cloud's row than in the hub's. One that ends may begin
    again with the next row of the same batch."""
    mine = shelf.channels.get(row.stock.key, {}).values()
    return {each.channel_code for each in mine if each.counts} != {
        each.channel_code for each in row.channels if each.counts
    }


def _may_end(channel: ChannelSetting) -> bool:
    """Whether it may end a cap or a guarantee, which a row of the cloud in the same batch may begin again."""
    return channel.limit is None or channel.guarantee == 0


def _may_count(channel: ChannelSetting) -> bool:
    return channel.limit not in (None, UNSET) or channel.guarantee not in (0, UNSET) or channel.weight not in (0, UNSET)


def _shares(shelf: Shelf, key: StockKey) -> bool:
    stock = shelf.stocks.get(key)
    rows = shelf.channels.get(key, {})
    return stock is not None and stock.allocation != Allocation.NONE and any(row.weight > 0 for row in rows.values())


def stocks_held(reservations: Iterable[Reservation]) -> set[StockKey]:
    """Every stock that these reservations took from."""
    return {take.key for reservation in reservations for take in reservation.takes}


def orders_behind(command: Command, shelf: Shelf) -> set[str]:
    """The orders that only the loaded incident and the day's reservations tell: those with a live line that holds the
    stock, which may be cancelled to settle it."""
    incident = shelf.incidents.get(command.seq) if isinstance(command, ResolveIncident) else None
    if incident is None or shelf.taken is None:
        return set()
    return {hold.line.order_id for hold in holds(shelf.taken, incident.key, shelf.now)}


def takes_anew(command: Command) -> str | None:
    """The order for lines of which, where it has them already, the command may take stock, so that today's chain is
    needed too."""
    if isinstance(command, AmendStock) or (isinstance(command, DeductStock) and command.relock):
        return command.order_id
    if isinstance(command, TellHubEvent):
        return None if command.event.verb is None else command.event.verb.order_id
    event = command.event if isinstance(command, ReplayEvent) else None
    return None if event is None or isinstance(event, (CountStock, ChangeStock)) else event.order_id


def chains(store: StoreKey, sku_ids: Iterable[int], catalogue: Catalogue) -> tuple[StockKey, ...]:
    """The stocks that selling these SKUs depends on: of an unknown one its own alone."""
    keys: dict[StockKey, None] = {}
    for sku_id in sku_ids:
        item = catalogue.item(store.brand_id, 2, sku_id)
        if item is None:
            keys[sku_key(sku_id)] = None
        else:
            keys.update(dict.fromkeys(key for key, _ in chain(item, catalogue)))
    return tuple(keys)
