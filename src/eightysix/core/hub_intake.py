"""What the cloud makes of a hub's journal (DESIGN section 7): facts, taken over as they are.

The hub has decided already. Its lines are kept as it tells them, and its counters move the cloud's by as much: a sale
lowers `real` and `grant` together, so what is left for the cloud to promise stays the same. Every well-formed event is
stored, and the journal moves on; only a gap, a journal that isn't the one that was told so far, or a sale of what the
hub never held stops it: such a hub was put back to an earlier state.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec.structs import replace

from .change import LATE_SALE, LEAVE_OVERSOLD, Journal, Kind, OrderFact
from .command import Actor, ChangeStock, DeductStock, TellHubEvent, UnlockStock
from .draft import Draft
from .home import has_home_at_hub
from .hub import Hub, at_risk_of, with_at_risk
from .hub_event import HubEvent, Move, ToldIncident, chained
from .invariant import invariant
from .journal import event_id
from .key import StockKey, sku_key
from .outcome import Code, HubEventTold, Outcome, Refused
from .replay import change_told, deduct_told, superseded, unlock_told
from .reservation import Reservation, State
from .shelf import Decision, Shelf
from .stock import Stock
from .take import give_back

HUB_SALE = "hub_sale"
"""The kind of incident where what a hub tells leaves the cloud with less than it has promised, and the hub couldn't
know."""

_KIND = {
    State.LOCKED: Kind.LOCK,
    State.DEDUCTED: Kind.DEDUCT,
    State.UNLOCKED: Kind.UNLOCK,
    State.RETURNED: Kind.RETURN,
    State.EXPIRED: Kind.EXPIRE,
}


def tell(command: TellHubEvent, shelf: Shelf) -> Decision:
    """Take over the journal's next event; one that is stored already is told so."""
    journal = shelf.journals.get(command.journal) or Journal(*command.journal)
    chain = chained(command.chain, command.body)
    if command.seq <= journal.last_seq:
        return Decision(_again(command, journal, chain, shelf))
    expected = journal.last_seq + 1
    if command.seq > expected:
        return Decision(Refused(Code.JOURNAL_GAP, field="seq", expected_seq=expected))
    if command.chain != (journal.chain or ""):
        return Decision(Refused(Code.JOURNAL_MISMATCH, field="chain", expected_seq=expected))
    beyond = _beyond_grant(command, shelf)
    if beyond is not None:
        return Decision(beyond)
    intake = _Intake(command, shelf)
    decision = intake.decision(journal)
    marked = decision.journal or journal
    decision.journal = replace(marked, last_seq=command.seq, last_at=shelf.now, chain=chain)
    decision.outcome = HubEventTold(command.seq, command.seq + 1, _settled(command.event, decision.stocks, shelf))
    return decision


def _beyond_grant(command: TellHubEvent, shelf: Shelf) -> Refused | None:
    """The refusal of what a hub has sold that it didn't hold. Of a hub by the rules there is no such event: its file
    was put back to a copy from before it gave something back. Nobody knows what it sold twice: a person has to look."""
    hub = shelf.hubs.get(command.side.hub_id)
    if command.event.verb is not None or (hub is not None and hub.is_fenced):
        return None
    left: dict[StockKey, int] = {}
    for at, move in enumerate(command.event.moves):
        stock = shelf.stocks.get(move.key) or Stock(move.key)
        left[move.key] = left.get(move.key, stock.grant) + move.held
        if left[move.key] < 0:
            return Refused(Code.GRANT_EXCEEDED, field=f"moves[{at}].held", stock=stock)
    return None


def _again(command: TellHubEvent, journal: Journal, chain: str, shelf: Shelf) -> Outcome:
    """Only the newest event's body can still be compared: a journal that was put back and went on is noticed there."""
    expected = journal.last_seq + 1
    if command.seq == journal.last_seq and chain != journal.chain:
        return Refused(Code.JOURNAL_MISMATCH, field="events", expected_seq=expected)
    return HubEventTold(command.seq, expected, _settled(command.event, {}, shelf), replayed=True)


def _settled(event: HubEvent, changed: dict[StockKey, Stock], shelf: Shelf) -> tuple[tuple[StockKey, int], ...]:
    """From which version on the cloud's row holds what became of the setting."""
    if event.setting is None:
        return ()
    key = event.setting.setting.key
    stock = changed.get(key) or shelf.stocks.get(key) or Stock(key)
    return ((key, stock.version),)


class _Intake:
    """One event, taken over on one draft."""

    def __init__(self, command: TellHubEvent, shelf: Shelf) -> None:
        event = command.event
        self._command, self._event, self._shelf = command, event, shelf
        self._hub_id = command.side.hub_id
        self._hub = shelf.hubs.get(self._hub_id) or Hub(self._hub_id)
        self._hub_after = self._hub
        self._actor = Actor(event.actor, "hub", event_id(command.side.journal_id, command.seq), event.at)
        self._draft = Draft(shelf, self._actor, event.order_id, self._hub_id)
        self._told = _by_kind(event.incidents)

    def decision(self, journal: Journal) -> Decision:
        """The event's changes; the outcome is the caller's."""
        event = self._event
        if event.verb is not None:
            return self._verb(event.verb)
        marked = journal if event.setting is None else self._setting(event.setting, journal)
        for move in event.moves:
            self._move(move)
        for key, kinds in self._told.items():
            self._open(key, kinds)
        self._lines(event.lines)
        if event.closed and not self._draft.is_closed():
            self._close(event.order_id or "")
        decision = self._draft.decision(HubEventTold(event.seq, event.seq + 1))
        decision.journal = marked
        if self._hub_after is not self._hub or (event.moves and not self._hub.revision):
            decision.hub = self._hub_after
        return decision

    def _close(self, order_id: str) -> None:
        """The order was cancelled at the hub, which may not have known that the cloud holds some of it: a late cancel
        wins there too. What was paid stays. A hub that was replaced has no say in what others hold."""
        draft = self._draft
        others = [each for each in draft.lines().values() if each.state is State.LOCKED and self._is_foreign(each)]
        if others and self._hub.is_fenced:
            return
        for before in others:
            give_back(draft, before, before.quantity, Kind.UNLOCK, reason=self._event.reason)
            draft.keep(replace(before, state=State.UNLOCKED))
        draft.facts.append(OrderFact(order_id, draft.now))

    def _verb(self, verb: DeductStock | UnlockStock) -> Decision:
        """What was asked of an order of the cloud while it couldn't be reached: a sale counts. It is the cloud's own
        decision, as on what a POS replays, and its log rows say so."""
        asked: Any = replace(verb, store=self._shelf.store, actor=replace(self._actor, source="replay"))
        if has_home_at_hub(verb.order_id, self._shelf):
            return Decision(Refused(Code.ORDER_AT_HUB))
        told = deduct_told if isinstance(verb, DeductStock) else unlock_told
        decision = told(asked, self._shelf).decision
        decision.incidents = [replace(each, hub_id=self._hub_id) for each in decision.incidents]
        return decision

    def _setting(self, told: ChangeStock, journal: Journal) -> Journal:
        """What staff have set, unless somebody else has meanwhile; a hub that was replaced has no say any more."""
        draft, setting = self._draft, replace(told, store=self._shelf.store, actor=self._actor)
        if self._hub.is_fenced:
            superseded(draft, setting, setting.setting, Code.HUB_FENCED)
            return journal
        key = setting.setting.key
        before = draft.stock(key).oversold
        journal = change_told(setting, draft, journal).journal or journal
        opened = draft.stock(key).oversold - before
        for kind in self._told.get(key, {}):  # the cloud has its own incident of that now
            if kind not in LEAVE_OVERSOLD:
                self._told[key][kind] = max(0, self._told[key][kind] - opened)
        return journal

    def _move(self, move: Move) -> None:
        draft, event = self._draft, self._event
        kinds = self._told.pop(move.key, {})
        if self._hub.is_fenced:
            self._open_one(move.key, kinds, self._late(move), LATE_SALE)
        else:
            # what the hub took or sold beyond what it held: of the cloud's part, or of nothing at all
            beyond = move.held - move.real
            told = kinds.get(_of_promise(kinds) or "", 0)
            rise = draft.hand_over(
                move.key,
                move.kind,
                move.quantity,
                grant=move.held,
                real=0 if _is_of_older_epoch(move, draft.stock(move.key)) else move.real,
                known=0 if told else max(0, beyond),
                promised=max(0, told - max(0, beyond)),
                channel_code=move.channel_code,
                reason=event.reason,
            )
            self._open_one(move.key, kinds, rise, HUB_SALE)
        self._open(move.key, kinds)

    def _late(self, move: Move) -> int:
        """What a hub tells that was replaced settles what was written off, and never moves what is there. By how much
        it is more than was written off."""
        before = at_risk_of(self._hub_after, move.key)
        after = before + move.held
        self._hub_after = with_at_risk(self._hub_after, move.key, max(0, after))
        told = {"kind": move.kind.name.lower(), "quantity": move.quantity, "at_risk": [before, max(0, after)]}
        content = msgspec.json.encode({"late": told}).decode()
        self._draft.hand_over(
            move.key,
            Kind.WRITE_OFF,
            0,
            grant=0,
            channel_code=move.channel_code,
            reason=self._event.reason,
            content=content,
        )
        return max(0, -after)

    def _open_one(self, key: StockKey, kinds: dict[str, int], at_least: int, otherwise: str) -> None:
        """Open one incident about the row that was just logged, as the hub has told it if it has."""
        kind = _of_promise(kinds) or (None if at_least else next(iter(kinds), None))
        quantity = max(at_least, 0 if kind is None else kinds.pop(kind))
        if quantity:
            self._draft.open_incident(key, kind or otherwise, quantity, self._event.reason)

    def _open(self, key: StockKey, kinds: dict[str, int]) -> None:
        """Open what the hub has told besides, each about a row of its own: by that an incident is named."""
        for kind, quantity in kinds.items():
            if quantity:
                promised = 0 if self._hub.is_fenced or kind in LEAVE_OVERSOLD else quantity
                self._draft.hand_over(key, Kind.LOCK, 0, grant=0, promised=promised, reason=self._event.reason)
                self._draft.open_incident(key, kind, quantity, self._event.reason)

    def _lines(self, lines: Iterable[Reservation]) -> None:
        draft = self._draft
        held = draft.lines()
        logged = {move.key for move in self._event.moves}
        kept: list[Reservation] = []
        for told in lines:
            invariant(told.order_id == self._event.order_id, "a line of another order")
            before = held.get(told.line)
            if before is not None and self._is_foreign(before):
                self._supersede(before, told)
                kept.append(before)
                continue
            after = self._taken_over(before, told)
            for key in _use(draft, before, after):
                if key not in logged:  # what the channel may sell has changed, so the store's sequence must move
                    logged.add(key)
                    draft.hand_over(key, _KIND[after.state], 0, grant=0, channel_code=after.channel_code)
            kept.append(after)
        for line in kept:
            draft.keep(line)

    def _is_foreign(self, before: Reservation) -> bool:
        """Whether somebody else has the line: the cloud, or another hub. One that only remembers an unlock holds
        nothing, and what has died with a hub that is gone may be sold by the one that came after it."""
        if before.hub_id is not None and before.state is State.EXPIRED:
            return False
        return before.hub_id != self._hub_id and bool(before.takes or before.requested)

    def _taken_over(self, before: Reservation | None, told: Reservation) -> Reservation:
        """The line as it is kept here. What a replaced hub still holds, the cloud doesn't keep for it. An instant of a
        clock that is ahead counts as now: the periods of `used` are the cloud's."""
        dead = self._hub.is_fenced and told.state is State.LOCKED
        return replace(
            told,
            state=State.EXPIRED if dead else told.state,
            locked_at=min(told.locked_at, self._draft.now),
            revision=0 if before is None else before.revision,
            log_seq=0 if before is None else before.log_seq,
            hub_id=self._hub_id,
        )

    def _supersede(self, before: Reservation, told: Reservation) -> None:
        """The line stays as it is; the log has both sides."""
        states = [before.state.name.lower(), told.state.name.lower()]
        content = msgspec.json.encode({"superseded": {f"line {told.sku_id}/{told.line_no}": states}}).decode()
        self._draft.note(sku_key(told.sku_id), Kind.SUPERSEDED, content, self._event.reason)


def _by_kind(incidents: Iterable[ToldIncident]) -> dict[StockKey, dict[str, int]]:
    """What the hub has opened, summed: of one event and one stock an incident of each kind."""
    told: defaultdict[StockKey, dict[str, int]] = defaultdict(dict)
    for each in incidents:
        told[each.key][each.kind] = told[each.key].get(each.kind, 0) + each.quantity
    return dict(told)


def _of_promise(kinds: dict[str, int]) -> str | None:
    """The kind of incident that says that more was promised than is there."""
    return next((kind for kind in kinds if kind not in LEAVE_OVERSOLD), None)


def _is_of_older_epoch(move: Move, stock: Stock) -> bool:
    """Whether a restore since has said how much there is, of which the hub neither knew nor had run it itself: what it
    sold or added then isn't part of what is there now. Of a one-off nobody can tell whether the hub had run it: a sale
    counts, and what was added doesn't, so that there may be too little and never too much."""
    if move.epoch_at < stock.epoch_at and move.slot < stock.filled_slot:
        return True
    return move.real > 0 and move.epoch_at < stock.refilled_at


def _use(draft: Draft, before: Reservation | None, after: Reservation) -> list[StockKey]:
    """Count in the channels' `used` what the line keeps now instead of before; of which stocks that changed it."""
    if before is not None and _counts_alike(before, after):
        return []
    keys = {take.key: None for line in (before, after) if line is not None for take in line.takes}
    was = {key: dict(draft.channel_rows(key)) for key in keys}
    if before is not None:
        for take in before.takes:
            draft.free_used(take.key, before.channel_code, take.amount(before.kept), before.locked_at)
    for take in after.takes:
        draft.use(take.key, after.channel_code, take.amount(after.kept), after.locked_at)
    return [key for key in keys if dict(draft.channel_rows(key)) != was[key]]


def _counts_alike(one: Reservation, other: Reservation) -> bool:
    return (one.channel_code, one.takes, one.kept, one.locked_at) == (
        other.channel_code,
        other.takes,
        other.kept,
        other.locked_at,
    )
