"""What can be refused before any row is read: what doesn't exist (404) and values that are wrong (422)."""

from collections.abc import Iterable

from .catalogue import Catalogue, Item
from .command import (
    AmendStock,
    ChangeStock,
    ChannelSetting,
    Command,
    CountStock,
    Line,
    LockStock,
    OrderCommand,
    ReleaseGuarantees,
    ReplayEvent,
    ReportStock,
    ResolveIncident,
    Setting,
)
from .key import StoreKey
from .outcome import Code, LineRefusal, Refused
from .quantity import MAX_QUANTITY, UNIT, is_whole


def admit(command: Command, catalogue: Catalogue) -> Refused | None:
    """The refusal that needs no rows, or None.

    Only a lock needs its items to exist: a deleted dish must not stand in the way of paying for it.
    """
    store = command.store
    if catalogue.brand(store.brand_id) is None:
        return Refused(Code.BRAND_NOT_FOUND, field="brandId")
    if catalogue.store(store.brand_id, store.poi_id) is None:
        return Refused(Code.STORE_NOT_FOUND, field="poiId")
    if isinstance(command, LockStock):
        return _admit_lock(command, catalogue)
    if isinstance(command, ReleaseGuarantees):
        return _admit_release(command, catalogue)
    if isinstance(command, ReportStock):
        return _admit_report(store, command.setting, command.base_real, catalogue)
    if isinstance(command, ReplayEvent):
        return _admit_event(command, catalogue)
    if isinstance(command, ResolveIncident):
        return _admit_resolution(command)
    if not isinstance(command, OrderCommand) or command.lines is None:
        return None
    return _admit_quantities(store, command.lines, catalogue, zero=isinstance(command, AmendStock))


def _admit_lock(command: LockStock, catalogue: Catalogue) -> Refused | None:
    store = command.store
    channel = catalogue.channel(store.brand_id, command.channel_code)
    if channel is None or command.actor.channel_code not in (None, command.channel_code):
        return Refused(Code.CHANNEL_NOT_FOUND, field="channel_code")
    for at, line in enumerate(command.lines):
        if catalogue.item(store.brand_id, 2, line.sku_id) is None:
            return Refused(
                Code.ITEM_NOT_FOUND,
                (LineRefusal(line.sku_id, line.line_no, Code.ITEM_NOT_FOUND),),
                field=f"lines[{at}].sku_id",
            )
    refusal = _admit_quantities(store, command.lines, catalogue, zero=False)
    if refusal is not None:
        return refusal
    if command.force and not channel.in_store:
        return Refused(Code.FORCE_NOT_ALLOWED, field="force")
    if command.force and not command.reason:
        return Refused(Code.REASON_REQUIRED, field="reason")
    return None


def _admit_release(command: ReleaseGuarantees, catalogue: Catalogue) -> Refused | None:
    for at, key in enumerate(command.keys or ()):
        if catalogue.item(command.store.brand_id, *key) is None:
            return Refused(Code.ITEM_NOT_FOUND, field=f"object_ids[{at}]")
    return None


def _admit_resolution(command: ResolveIncident) -> Refused | None:
    """A recount says what was counted, nothing else does; each has its reason."""
    counted = command.counted
    if (counted is not None) != (command.how == "recount"):
        return Refused(Code.SETTING_INVALID, field="counted_quantity")
    if counted is not None and not 0 <= counted <= MAX_QUANTITY:
        return Refused(Code.QUANTITY_OUT_OF_RANGE, field="counted_quantity")
    return None if command.reason else Refused(Code.REASON_REQUIRED, field="reason")


def _admit_report(store: StoreKey, setting: Setting, base_real: int | None, catalogue: Catalogue) -> Refused | None:
    refusal = admit_setting(store.brand_id, setting, catalogue)
    if refusal is not None or base_real is None:
        return refusal
    item = catalogue.item(store.brand_id, *setting.key)
    too_fine = item is not None and not is_whole(base_real, item.decimals)
    return Refused(Code.QUANTITY_TOO_FINE, field="base_real_quantity") if too_fine else None


def _admit_event(command: ReplayEvent, catalogue: Catalogue) -> Refused | None:
    """What has happened can't be refused for what is gone since; only quantities that can't be are."""
    event = command.event
    if isinstance(event, ChangeStock):
        refusal = _admit_report(command.store, event.setting, event.base_real, catalogue)
        return refusal if refusal is not None and refusal.code not in _GONE else None
    if isinstance(event, CountStock):
        item = catalogue.item(command.store.brand_id, *event.key)
        for name, quantity in (("counted", event.counted), ("expected", event.expected)):
            if item is not None and not is_whole(quantity, item.decimals):
                return Refused(Code.QUANTITY_TOO_FINE, field=name)
        return None
    zero = isinstance(event, AmendStock)
    return None if event.lines is None else _admit_quantities(command.store, event.lines, catalogue, zero=zero)


_GONE = (Code.ITEM_NOT_FOUND, Code.CHANNEL_NOT_FOUND)


def _admit_quantities(store: StoreKey, lines: Iterable[Line], catalogue: Catalogue, *, zero: bool) -> Refused | None:
    """Every quantity in range and no finer than its item; the sum of a line named twice too."""
    sums: dict[tuple[int, int], int] = {}
    for at, line in enumerate(lines):
        quantity = line.quantity
        if quantity is None:
            continue
        field = f"lines[{at}].quantity"
        key = (line.sku_id, line.line_no)
        total = sums[key] = sums.get(key, 0) + quantity
        if quantity < 0 or (quantity == 0 and not zero) or total > MAX_QUANTITY:
            return Refused(Code.QUANTITY_OUT_OF_RANGE, field=field)
        item = catalogue.item(store.brand_id, 2, line.sku_id)
        if item is not None and not _is_exact(quantity, item):
            return Refused(Code.QUANTITY_TOO_FINE, field=field)
    return None


def _is_exact(quantity: int, item: Item) -> bool:
    """Whether the quantity is whole units of the item, and whole thousandths of each of its components."""
    return is_whole(quantity, item.decimals) and all(
        quantity * component.quantity % UNIT == 0 for component in item.components
    )


def admit_setting(brand_id: str, setting: Setting, catalogue: Catalogue) -> Refused | None:
    """The refusal of one setting that needs no rows, or None. Settings of one command are refused each on its own."""
    item = catalogue.item(brand_id, *setting.key)
    if item is None:
        return Refused(Code.ITEM_NOT_FOUND, field="object_id")
    field = _wrong_setting(setting, item)
    if field is not None:
        return Refused(Code.QUANTITY_TOO_FINE, field=field)
    named: set[str] = set()
    for at, channel in enumerate(setting.channels):
        where = f"channel_stocks[{at}]"
        if channel.channel_code in named:
            return Refused(Code.SETTING_INVALID, field=f"{where}.channel_code")
        named.add(channel.channel_code)
        if catalogue.channel(brand_id, channel.channel_code) is None:
            return Refused(Code.CHANNEL_NOT_FOUND, field=f"{where}.channel_code")
        field = _wrong_channel(channel, item)
        if field is not None:
            return Refused(Code.QUANTITY_TOO_FINE, field=f"{where}.{field}")
    return None


def _wrong_setting(setting: Setting, item: Item) -> str | None:
    quantities = (
        ("plan_quantity", setting.plan),
        ("real_quantity", setting.real),
        ("quantity", setting.quantity),
        ("low_quantity", setting.low),
    )
    for name, quantity in quantities:
        if isinstance(quantity, int) and not is_whole(quantity, item.decimals):
            return name
    return None


def _wrong_channel(setting: ChannelSetting, item: Item) -> str | None:
    for name, quantity in (
        ("limit_quantity", setting.limit),
        ("guarantee_quantity", setting.guarantee),
        ("low_quantity", setting.low),
    ):
        if isinstance(quantity, int) and not is_whole(quantity, item.decimals):
            return name
    return None
