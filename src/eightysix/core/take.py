"""Taking stock for a line and giving it back: what a reservation adds to counters, and exactly that back again."""

from msgspec.structs import replace

from .availability import StockView, chain, left_for
from .catalogue import Item
from .change import Kind
from .draft import Draft
from .key import StockKey
from .reservation import Reservation, Take


def take(
    draft: Draft,
    item: Item,
    channel_code: str,
    quantity: int,
    kind: Kind,
    *,
    oversell: str | None = None,
    reason: str | None = None,
) -> tuple[Take, ...]:
    """Add `quantity` of `item` to the counters of every stock in its chain; the takes to freeze in the reservation.

    An unlimited stock without caps is not counted: its take says so, and later verbs leave it alone.
    """
    takes: list[Take] = []
    for key, ratio in chain(item, draft.catalogue):
        counted = is_counted(draft, key)
        each = Take(key.object_type, key.object_id, ratio, counted)
        takes.append(each)
        amount = each.amount(quantity)
        if counted and amount:
            beyond = 0 if oversell is None else _beyond(draft, key, channel_code, amount)
            draft.move(
                key,
                kind,
                amount,
                locked=amount,
                channel_code=channel_code,
                oversell=oversell,
                beyond=beyond,
                reason=reason,
            )
        draft.use(key, channel_code, amount, draft.now)
    return tuple(takes)


def _beyond(view: StockView, key: StockKey, channel_code: str, amount: int) -> int:
    """How much of `amount` is more than the channel may take of the stock."""
    channel = view.catalogue.channel(view.store.brand_id, channel_code)
    left = None if channel is None else left_for(view, view.stock(key), view.channel_rows(key), channel)
    return 0 if left is None else max(0, amount - max(0, left))


def is_counted(view: StockView, key: StockKey) -> bool:
    """Whether a lock adds to the stock's `locked`: it is limited, or some channel of it has a cap or a guarantee."""
    if view.stock(key).is_limited:
        return True
    rows = view.channel_rows(key)
    return bool(rows) and any(row.counts for row in rows.values())


def give_back(draft: Draft, reservation: Reservation, quantity: int, kind: Kind, *, reason: str | None = None) -> None:
    """Free `quantity` of what the reservation has locked."""
    for each in reservation.takes:
        amount = each.amount(quantity)
        if not amount:
            continue
        key, code = each.key, reservation.channel_code
        freed = draft.free_used(key, code, amount, reservation.locked_at)
        if each.counted:
            told = -amount if kind is Kind.AMEND else amount
            draft.move(key, kind, told, locked=-amount, channel_code=code, reason=reason)
        elif freed:
            # what the channel may sell has changed, so the store's sequence must move
            draft.move(key, kind, 0, channel_code=code, reason=reason)


def consume(draft: Draft, reservation: Reservation, quantity: int) -> None:
    """Deduct `quantity` of what the reservation has locked and free the rest. Never fails for quantity."""
    for each in reservation.takes:
        held = each.amount(reservation.quantity)
        gone = each.amount(quantity)
        if not held:
            continue
        key, code = each.key, reservation.channel_code
        freed = draft.free_used(key, code, held - gone, reservation.locked_at)
        if each.counted:
            draft.move(key, Kind.DEDUCT, gone, locked=-held, real=-gone, channel_code=code)
        elif freed:
            draft.move(key, Kind.DEDUCT, 0, channel_code=code)


def put_back(draft: Draft, reservation: Reservation, quantity: int) -> None:
    """Put `quantity` of returned food on sale again: real rises where it once fell."""
    for each in reservation.takes:
        amount = each.amount(quantity)
        if not amount:
            continue
        key, code = each.key, reservation.channel_code
        freed = draft.free_used(key, code, amount, reservation.locked_at)
        raised = amount if each.counted and draft.stock(key).is_limited else 0
        if raised or freed:
            draft.move(key, Kind.RETURN, raised, real=raised, channel_code=code)


def raise_to(draft: Draft, reservation: Reservation, quantity: int, *, oversell: str | None = None) -> Reservation:
    """Lock more of what the reservation already holds, from the stocks it took from, at today's counting.

    A take that was not counted because its stock was unlimited then, and would be now, is counted in whole.
    """
    takes: list[Take] = []
    more = quantity - reservation.quantity
    for each in reservation.takes:
        key = each.key
        counted = each.counted or is_counted(draft, key)
        add = each.amount(quantity) - (each.amount(reservation.quantity) if each.counted else 0)
        if counted and add:
            code = reservation.channel_code
            beyond = 0 if oversell is None else _beyond(draft, key, code, add)
            draft.move(key, Kind.AMEND, add, locked=add, channel_code=code, oversell=oversell, beyond=beyond)
        draft.use(key, reservation.channel_code, each.amount(more), reservation.locked_at)
        takes.append(replace(each, counted=counted) if counted != each.counted else each)
    return replace(reservation, quantity=quantity, takes=tuple(takes))
