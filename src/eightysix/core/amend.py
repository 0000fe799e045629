"""Amend: a live order changes its mind (DESIGN section 4). More is checked like a lock, less is freed, 0 unlocks."""

from msgspec.structs import replace

from .availability import available
from .change import Kind
from .command import AmendStock
from .draft import Draft
from .outcome import BlockedBy, Code, LineRefusal, Refused
from .request import recall, remember
from .reservation import LineKey, Reservation, State
from .selection import asked, done, refused
from .shelf import Decision, Shelf
from .table import TABLE, Verb, situation
from .take import give_back, raise_to


def amend(command: AmendStock, shelf: Shelf, *, forced: str | None = None) -> Decision:
    """Set live lines to new quantities, and move the order's expiry. Without lines only the expiry moves.

    `forced`: as for a lock, nothing that is short stands in the way.
    """
    known = recall(command, shelf)
    if known is not None:
        return Decision(known)
    draft = Draft(shelf, command.actor, command.order_id)
    held = draft.lines()
    wanted = _wanted(command, held, draft.now)
    refusals: list[LineRefusal] = []
    for key in wanted:
        verdict = TABLE[situation(held.get(key), draft.now)][Verb.AMEND]
        if isinstance(verdict, Code):
            refusals.append(LineRefusal(*key, verdict))
    if not wanted:
        return Decision(Refused(Code.ORDER_NOT_FOUND))
    if refusals:
        return Decision(refused(refusals))
    # what is freed first can serve what grows in the same call; without lines nothing changes but the expiry
    by_growth = sorted(wanted, key=lambda key: wanted[key] - held[key].quantity) if command.lines is not None else []
    short = [each for key in by_growth if (each := _amend_line(draft, held[key], wanted[key], forced)) is not None]
    if short:
        return Decision(refused(short))
    _extend(command, draft)
    outcome = done(draft, command.order_id, list(wanted), replayed=False)
    remember(command, draft, outcome)
    return draft.decision(outcome)


def _wanted(command: AmendStock, held: dict[LineKey, Reservation], now: int) -> dict[LineKey, int]:
    """The new quantity of each line; without lines, what is live as it is, or every line so that each can refuse."""
    if command.lines is not None:
        return {key: ask.quantity or 0 for key, ask in asked(command.lines).items()}
    live = {key: each.quantity for key, each in held.items() if each.is_live(now)}
    return live or {key: each.quantity for key, each in held.items()}


def _amend_line(draft: Draft, reservation: Reservation, quantity: int, forced: str | None) -> LineRefusal | None:
    """Change one line; its shortage if there isn't enough to grow."""
    if quantity == reservation.quantity and quantity > 0:
        return None
    if quantity < reservation.quantity or quantity == 0:
        freed = reservation.quantity - quantity
        give_back(draft, reservation, freed, Kind.AMEND if quantity else Kind.UNLOCK)
        state = State.LOCKED if quantity else State.UNLOCKED
        # an ended line keeps what it held, as unlock leaves it
        draft.keep(replace(reservation, state=state, quantity=quantity or reservation.quantity))
        return None
    short = None if forced else _shortage(draft, reservation, quantity)
    if short is None:
        draft.keep(raise_to(draft, reservation, quantity, oversell=forced))
    return short


def _shortage(draft: Draft, reservation: Reservation, quantity: int) -> LineRefusal | None:
    key = reservation.line
    item = draft.catalogue.item(draft.store.brand_id, 2, reservation.sku_id)
    channel = draft.catalogue.channel(draft.store.brand_id, reservation.channel_code)
    if item is None or channel is None:
        by = BlockedBy.SKU if item is None else BlockedBy.CHANNEL
        return LineRefusal(*key, Code.OUT_OF_STOCK, quantity - reservation.quantity, 0, by)
    more = quantity - reservation.quantity
    can = available(draft, item, channel, [(each.key, each.ratio) for each in reservation.takes])
    if can.blocked_by is not None or (can.quantity is not None and can.quantity < more):
        return LineRefusal(*key, Code.OUT_OF_STOCK, more, can.quantity, *can.obstacle(more))
    # a stock that wasn't counted at the lock and is limited now must have room for the whole line; caps have counted it
    anew = [each for each in reservation.takes if not each.counted and draft.stock(each.key).is_limited]
    can = available(draft, item, channel, [(each.key, each.ratio) for each in anew])
    if can.total is None or can.total >= quantity:
        return None
    return LineRefusal(*key, Code.OUT_OF_STOCK, quantity, can.total, *can.obstacle(quantity))


def _extend(command: AmendStock, draft: Draft) -> None:
    """Move all live lines of the order, together, to max(old, now + expires_in).

    Without `expires_in` the longest default of the channels that the order's lines came over holds for all of them.
    """
    live = [each for each in draft.lines().values() if each.state is State.LOCKED]
    seconds = command.expires_in
    if seconds is None:
        channels = (draft.catalogue.channel(draft.store.brand_id, each.channel_code) for each in live)
        seconds = max((channel.expires_in for channel in channels if channel is not None), default=0)
    expires_at = max((draft.now + seconds * 1000, *(each.expires_at for each in live)))
    for each in live:
        if each.expires_at < expires_at:
            draft.keep(replace(each, expires_at=expires_at))
