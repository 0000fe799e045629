"""Deduct: the order is paid (DESIGN section 4). A live lock's deduct never fails for quantity."""

from msgspec.structs import replace

from .availability import available
from .change import Kind
from .command import DeductStock
from .draft import Draft
from .invariant import invariant
from .outcome import BlockedBy, Code, LineRefusal, Refused
from .reservation import LineKey, Reservation, State
from .selection import Asked, asked, done, refused
from .shelf import Decision, Shelf
from .table import TABLE, Situation, Step, Verb, situation
from .take import consume, take


def deduct(command: DeductStock, shelf: Shelf) -> Decision:
    """Real falls by what is paid; the rest of each lock is freed and the line is closed."""
    draft = Draft(shelf, command.actor, command.order_id)
    held = draft.lines()
    wanted = asked(command.lines) if command.lines is not None else _whole(held)
    if not wanted:
        return Decision(_nothing_left(draft, held))
    refusals: list[LineRefusal] = []
    act: dict[LineKey, int] = {}
    dead: dict[LineKey, int] = {}
    for key, ask in wanted.items():
        before = held.get(key)
        if before is None:
            refusals.append(LineRefusal(*key, Code.ORDER_CANCELLED if draft.is_closed() else Code.ORDER_NOT_FOUND))
            continue
        where = situation(before, draft.now)
        quantity = before.quantity if ask.quantity is None else ask.quantity
        verdict = _verdict(command, before, where, quantity)
        if isinstance(verdict, Code):
            refusals.append(LineRefusal(*key, verdict, requested=quantity, available=before.quantity))
        elif verdict is Step.ACT:
            (dead if where is Situation.DEAD else act)[key] = quantity
    if refusals:
        return Decision(refused(refusals))
    short = [refusal for key, quantity in dead.items() if (refusal := _relock(draft, held[key], quantity))]
    if short:
        return Decision(refused(short))
    for key, quantity in act.items():
        deduct_line(draft, held[key], quantity)
    return draft.decision(done(draft, command.order_id, list(wanted), replayed=not (act or dead)))


def _verdict(command: DeductStock, before: Reservation, where: Situation, quantity: int) -> Step | Code:
    """The table's word on one line, and whether the quantity fits it."""
    verdict = TABLE[where][Verb.DEDUCT]
    if where is Situation.DEAD and command.relock:
        verdict = Step.ACT
    if verdict is Step.ACT and quantity > before.quantity:
        return Code.QUANTITY_EXCEEDS_LOCK
    if verdict is Step.REPLAY and quantity != before.quantity:
        return Code.IDEMPOTENCY_MISMATCH
    return verdict


def _whole(held: dict[LineKey, Reservation]) -> dict[LineKey, Asked]:
    """The whole order: lines that are unlocked or returned are left out; a deducted one replays."""
    left_out = (State.UNLOCKED, State.RETURNED)
    return {key: Asked(None) for key, each in held.items() if each.state not in left_out}


def _nothing_left(draft: Draft, held: dict[LineKey, Reservation]) -> Refused:
    """Why the whole order has nothing to deduct: unknown, closed, or every line has ended."""
    if not held:
        return Refused(Code.ORDER_CANCELLED if draft.is_closed() else Code.ORDER_NOT_FOUND)
    ended = {State.UNLOCKED: Code.ALREADY_UNLOCKED, State.RETURNED: Code.ALREADY_RETURNED}
    return refused([LineRefusal(*key, ended[each.state]) for key, each in held.items()])


def deduct_line(draft: Draft, reservation: Reservation, quantity: int) -> None:
    """Deduct `quantity` of a locked line, free the rest and close it."""
    consume(draft, reservation, quantity)
    draft.keep(replace(reservation, state=State.DEDUCTED, quantity=quantity))


def _relock(draft: Draft, reservation: Reservation, quantity: int) -> LineRefusal | None:
    """Lock a dead line anew as a new order would, and deduct it in the same step."""
    invariant(reservation.state is not State.LOCKED, "a dead lock must be released before it is renewed")
    key = reservation.line
    item = draft.catalogue.item(draft.store.brand_id, 2, reservation.sku_id)
    channel = draft.catalogue.channel(draft.store.brand_id, reservation.channel_code)
    if item is None or channel is None:
        by = BlockedBy.SKU if item is None else BlockedBy.CHANNEL
        return LineRefusal(*key, Code.LOCK_EXPIRED_NO_STOCK, quantity, 0, by)
    can = available(draft, item, channel)
    # a line of which a partial lock got nothing has nothing to lock again
    if quantity and (can.blocked_by is not None or (can.quantity is not None and can.quantity < quantity)):
        return LineRefusal(*key, Code.LOCK_EXPIRED_NO_STOCK, quantity, can.quantity, *can.obstacle(quantity))
    takes = take(draft, item, reservation.channel_code, quantity, Kind.RELOCK)
    relocked = replace(
        reservation, state=State.LOCKED, quantity=quantity, takes=takes, locked_at=draft.now, expires_at=draft.now
    )
    deduct_line(draft, relocked, quantity)
    return None
