"""What was sold while a store was cut off counts, whatever the stock says by now (DESIGN section 7).

Lines that the order still holds are deducted; others, dead, cancelled or never seen, are taken anew in the same step.
What isn't there is sold nevertheless, with an incident.
"""

from collections.abc import Mapping

from msgspec.structs import replace

from .catalogue import Item
from .change import Kind
from .command import AmendStock, LockStock
from .deduct import deduct_line
from .draft import Draft
from .outcome import Code, Refused
from .reservation import LineKey, Reservation, State
from .selection import asked
from .shelf import Decision, Shelf
from .table import Situation, situation
from .take import give_back, take

REPLAYED_SALE = "replayed_sale"
"""The kind of incident of a sale that was told later and exceeds what is there."""


def sell(
    draft: Draft, order_id: str, wanted: Mapping[LineKey, int | None], channel_code: str, reason: str | None
) -> tuple[bool, list[Code]]:
    """(whether anything was sold, or had been; why lines were left out). A quantity of None is all that was held."""
    held = draft.lines()
    codes: list[Code] = []
    counted = False
    for key, quantity in wanted.items():
        before = held.get(key)
        code = _left_out(before, quantity, draft.now)
        if code is not None:
            codes.append(code)
            continue
        counted = True
        if before is None or situation(before, draft.now) in (Situation.DEAD, Situation.UNLOCKED):
            known = before or _unseen(draft, order_id, key, channel_code)
            _sell_anew(draft, known, quantity or known.quantity, known.channel_code or channel_code, reason)
        elif before.state is State.LOCKED:
            _sell_held(draft, before, before.quantity if quantity is None else quantity, reason)
    return counted, codes


def whole(held: Mapping[LineKey, Reservation]) -> dict[LineKey, int | None]:
    """What a sale of the whole order is about: what was neither cancelled nor returned, or else all that was cancelled
    while the store sold it."""
    open_ = [key for key, each in held.items() if each.state not in (State.UNLOCKED, State.RETURNED)]
    cancelled = [key for key, each in held.items() if each.state is State.UNLOCKED and each.quantity]
    return dict.fromkeys(open_ or cancelled)


def remember_cancelled(event: LockStock | AmendStock, shelf: Shelf, refusal: Refused) -> Decision:
    """What a store still asked of an order that was cancelled meanwhile: nothing is held for it, but should the whole
    of it be sold after all, it is so much."""
    draft = Draft(shelf, event.actor, event.order_id)
    held = draft.lines()
    for key, ask in asked(event.lines or ()).items():
        before = held.get(key)
        if before is None and draft.is_closed() and isinstance(event, LockStock):
            before = _unseen(draft, event.order_id, key, event.channel_code)
            before = replace(before, state=State.UNLOCKED, requested=ask.quantity or 0)
        if before is not None and before.state is State.UNLOCKED and ask.quantity not in (None, 0, before.quantity):
            draft.keep(replace(before, quantity=ask.quantity))
    return draft.decision(refusal)


def _left_out(before: Reservation | None, quantity: int | None, now: int) -> Code | None:
    """Why nothing is sold of the line; None where it is, or has been just so."""
    where = situation(before, now)
    if before is None:
        return None if quantity else Code.ORDER_NOT_FOUND
    if where is Situation.RETURNED:
        return Code.ALREADY_RETURNED
    if where is Situation.DEDUCTED and quantity not in (None, before.quantity):
        return Code.IDEMPOTENCY_MISMATCH
    if where is Situation.UNLOCKED and not (quantity or before.quantity):
        return Code.ALREADY_UNLOCKED
    return None


def _sell_held(draft: Draft, before: Reservation, quantity: int, reason: str | None) -> None:
    """Deduct what is locked; more than that is taken anew."""
    if quantity <= before.quantity:
        deduct_line(draft, before, quantity)
        return
    give_back(draft, before, before.quantity, Kind.UNLOCK)
    _sell_anew(draft, before, quantity, before.channel_code, reason)


def _unseen(draft: Draft, order_id: str, key: LineKey, channel_code: str) -> Reservation:
    """A line of which nothing was known so far."""
    return Reservation(order_id, *key, channel_code, State.LOCKED, 0, 0, draft.now, draft.now, ())


def _sell_anew(draft: Draft, known: Reservation, quantity: int, channel_code: str, reason: str | None) -> None:
    """Take what the line doesn't hold any more, or never did, and deduct it."""
    brand_id, now = draft.store.brand_id, draft.now
    item = draft.catalogue.item(brand_id, 2, known.sku_id) or Item(brand_id, 2, known.sku_id)
    kind = Kind.RELOCK if known.revision else Kind.LOCK
    takes = take(draft, item, channel_code, quantity, kind, oversell=REPLAYED_SALE, reason=reason)
    locked = replace(
        known,
        channel_code=channel_code,
        state=State.LOCKED,
        requested=known.requested or quantity,
        quantity=quantity,
        locked_at=now,
        expires_at=now,
        takes=takes,
    )
    deduct_line(draft, locked, quantity)
