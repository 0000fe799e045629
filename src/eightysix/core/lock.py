"""Lock: hold portions for an order (DESIGN section 4)."""

from msgspec.structs import replace

from .availability import Availability, available
from .catalogue import Channel, Item
from .change import Kind
from .command import LockStock
from .draft import Draft
from .invariant import invariant
from .outcome import BlockedBy, Code, LineRefusal, Refused
from .quantity import floor_to
from .reservation import LineKey, Reservation, State
from .selection import asked, done, refused
from .shelf import Decision, Shelf
from .table import TABLE, Situation, Step, Verb, situation
from .take import take


def lock(command: LockStock, shelf: Shelf, *, forced: str | None = None) -> Decision:
    """All or nothing: held lines replay, new ones are locked together or refused with every shortage.

    `forced`: it has happened already, so nothing that is short or off sale, and no item or channel that is gone, stands
    in the way; the kind of incident where it exceeds what is there.
    """
    draft = Draft(shelf, command.actor, command.order_id)
    channel = shelf.catalogue.channel(command.store.brand_id, command.channel_code)
    if channel is None:
        if forced is None:
            return Decision(Refused(Code.CHANNEL_NOT_FOUND))
        channel = Channel(command.store.brand_id, command.channel_code, in_store=True)
    wanted = asked(command.lines)
    held = draft.lines()
    refusals: list[LineRefusal] = []
    fresh: dict[LineKey, int] = {}
    for key, ask in wanted.items():
        quantity = ask.quantity or 0
        before = held.get(key)
        same = before is not None and before.channel_code == command.channel_code and before.requested == quantity
        where = situation(before, draft.now)
        verdict = TABLE[where][Verb.LOCK_SAME if same else Verb.LOCK_OTHER]
        if where is Situation.NONE and draft.is_closed():
            verdict = Code.ORDER_CANCELLED
        if isinstance(verdict, Code):
            refusals.append(LineRefusal(*key, verdict, requested=quantity))
        elif verdict is Step.ACT:
            fresh[key] = quantity
    if refusals:
        return Decision(refused(refusals))
    if not fresh:
        return Decision(done(draft, command.order_id, list(wanted), replayed=True))
    shortages = _lock_fresh(draft, command, channel, fresh, held, forced=forced)
    if shortages:
        return Decision(refused(shortages))
    return draft.decision(done(draft, command.order_id, list(wanted), replayed=False))


def _lock_fresh(
    draft: Draft,
    command: LockStock,
    channel: Channel,
    fresh: dict[LineKey, int],
    held: dict[LineKey, Reservation],
    *,
    forced: str | None,
) -> list[LineRefusal]:
    """Take stock for every new line, each on top of the one before; the shortages if any line must refuse."""
    live = [each for each in held.values() if each.is_live(draft.now)]
    hold_seconds = command.expires_in if command.expires_in is not None else channel.expires_in
    expires_at = max(draft.now + hold_seconds * 1000, max((each.expires_at for each in live), default=0))
    incident = forced or _oversell(command, channel)
    shortages: list[LineRefusal] = []
    locked_any = bool(live)
    for key, quantity in fresh.items():
        item = draft.catalogue.item(command.store.brand_id, 2, key[0])
        if item is None:
            if forced is None:
                return [LineRefusal(*key, Code.ITEM_NOT_FOUND, requested=quantity)]
            item = Item(command.store.brand_id, 2, key[0])
        can = available(draft, item, channel)
        got: int | None = quantity
        if forced is None:
            got = _granted(can, item, quantity, partial=command.partial, beyond=incident is not None)
        if got is None:
            shortages.append(LineRefusal(*key, Code.OUT_OF_STOCK, quantity, can.quantity, *can.obstacle(quantity)))
            continue
        locked_any = locked_any or got > 0
        _hold(
            draft,
            command,
            item,
            key,
            requested=quantity,
            quantity=got,
            expires_at=expires_at,
            before=held.get(key),
            incident=incident,
        )
    if not shortages and not locked_any:
        # `partial` takes what there is; where there is nothing at all, that is a refusal like any other
        return [_nothing(draft, command, channel, key, quantity) for key, quantity in fresh.items()]
    if not shortages:
        for each in live:
            if each.expires_at < expires_at:
                draft.keep(replace(each, expires_at=expires_at))
    return shortages


def _granted(can: Availability, item: Item, quantity: int, *, partial: bool, beyond: bool) -> int | None:
    """How much of `quantity` is locked; None is a shortage."""
    if can.quantity is None or (can.quantity >= quantity and can.blocked_by is None):
        return quantity
    if beyond and can.soft:
        return quantity
    return floor_to(can.quantity, item.decimals) if partial else None


def _oversell(command: LockStock, channel: Channel) -> str | None:
    """The kind of incident under which this lock may exceed the count, or None. Online channels always deny."""
    if not channel.in_store:
        return None
    if command.force:
        return "forced_sale"
    if channel.oversell == "allow" or (channel.oversell == "warn" and command.reason):
        return "policy_sale"
    return None


def _nothing(draft: Draft, command: LockStock, channel: Channel, key: LineKey, quantity: int) -> LineRefusal:
    item = draft.catalogue.item(command.store.brand_id, 2, key[0])
    can = available(draft, item, channel) if item is not None else Availability(0, BlockedBy.SKU)
    return LineRefusal(*key, Code.OUT_OF_STOCK, quantity, 0, *can.obstacle(quantity))


def _hold(
    draft: Draft,
    command: LockStock,
    item: Item,
    key: LineKey,
    *,
    requested: int,
    quantity: int,
    expires_at: int,
    before: Reservation | None,
    incident: str | None,
) -> None:
    invariant(before is None or before.state is not State.LOCKED, "a dead lock must be released before it is renewed")
    takes = take(draft, item, command.channel_code, quantity, Kind.LOCK, oversell=incident, reason=command.reason)
    draft.keep(
        Reservation(
            command.order_id,
            key[0],
            key[1],
            command.channel_code,
            State.LOCKED,
            requested,
            quantity,
            draft.now,
            expires_at,
            takes,
            revision=before.revision if before else 0,
            log_seq=before.log_seq if before else 0,
        )
    )
