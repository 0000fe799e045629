"""What a hub takes over of the cloud's rows (DESIGN section 7).

A row tells two things: how much there is besides what the hub holds, and what has been set. What the hub holds is its
own to know: a row changes it only where it begins an epoch, before which the cloud couldn't know all of it (`untold`).
What the store has set itself stands until the cloud has decided on it.
"""

from typing import Any

import msgspec
from msgspec.structs import replace

from .availability import period_start, used_since
from .change import Kind
from .command import MirrorStock
from .draft import Draft, turned
from .hub import HubBooks, Mirror, MirrorRow, held
from .hub_books import ITSELF, books_of, kept
from .key import StockKey
from .restore import plan_earlier
from .sharing import channel_changes
from .shelf import Decision, Shelf
from .stock import ONE_OFF, ChannelStock, Stock
from .untold import let_go

SKEW_MS = 300_000
"""So far the clocks of hub and cloud may be apart: epochs that began within it of one another are the same one, where
no rule's occurrence tells."""

BELOW_PROMISED = "mirrored_below_promised"
"""The kind of incident where the cloud limits a stock of which the hub has promised more than it holds, or has restored
one of which it has promised more than the cloud knew."""

_ONE_OFF = ("auto_restore_type", "auto_restore_at", "restore_to")
_SETTINGS = ("status", "type", "manual", "plan", *_ONE_OFF, "allocation", "low")
_CHANNEL_SETTINGS = ("status", "type", "limit", "guarantee", "weight", "low")


def mirror(command: MirrorStock, shelf: Shelf) -> Decision:
    """Take over rows of the cloud; one that is older than what was taken over is ignored.

    Of the very one that was taken over last nothing is news but what wasn't taken over then: settings that the cloud
    had not decided on as far as the hub knew, and how much it has, where the hub couldn't tell if a grant was in it.
    """
    books = books_of(shelf)
    draft = Draft(shelf, ITSELF)
    mirrors = {key: _forgotten(known) for key, known in books.mirrors.items()} if command.anew else dict(books.mirrors)
    set_anew: list[StockKey] = []
    changed = 0
    for row in command.rows:
        key = row.stock.key
        known = mirrors.get(key) or Mirror(key)
        if row.stock.version < known.version:
            continue
        is_decided = _is_decided(row, known, books)
        before = draft.stock(key)
        changed += _take_over(draft, row, known, books, is_decided=is_decided)
        if draft.stock(key).settings_version != before.settings_version:
            set_anew.append(key)
        mirrors[key] = _seen(row, known, is_decided=is_decided)
    plan_earlier(draft, set_anew)
    return kept(draft, replace(books, mirrors=mirrors), changed)


def _forgotten(known: Mirror) -> Mirror:
    """What is left of a mirror where the cloud's database is another: what the store has done that isn't told."""
    return replace(known, version=0, settings_version=0, settled_version=0)


def _is_decided(row: MirrorRow, known: Mirror, books: HubBooks) -> bool:
    """Whether the cloud has decided on all that the store has set of the stock, and the row has it and is news."""
    if row.stock.version == known.version and not known.pending_seq and not known.settled_version:
        return False
    return known.pending_seq <= books.acked_seq and row.stock.version >= known.settled_version


def _seen(row: MirrorRow, known: Mirror, *, is_decided: bool) -> Mirror:
    stock = row.stock
    if not is_decided:
        return replace(known, version=stock.version, epoch_at=stock.epoch_at)
    return replace(
        known,
        version=stock.version,
        settings_version=stock.settings_version,
        epoch_at=stock.epoch_at,
        pending_seq=0,
        settled_version=0,
    )


def _take_over(draft: Draft, row: MirrorRow, known: Mirror, books: HubBooks, *, is_decided: bool) -> bool:
    """Write what is new of it; whether anything was."""
    theirs, before = row.stock, draft.stock(row.stock.key)
    after = _parts(before, theirs)
    content: dict[str, Any] = {}
    beyond = 0
    if _begins_epoch(before, theirs, known):
        given_back, beyond = let_go(before, books, draft.given_back)
        slot = max(before.restored_slot, theirs.restored_slot)
        epoch_at = _epoch_at(draft, before, theirs, known)
        after = replace(after, real=after.real - given_back, epoch_at=epoch_at, restored_slot=slot)
        content["epoch_at"] = [before.epoch_at, after.epoch_at]
    if is_decided:
        after = _settings(after, theirs, draft.now)
    after = _covered(turned(after), theirs)
    rows = _channel_rows(draft, row, after, is_decided=is_decided)
    content |= _settings_changed(before, after)
    if any(_word(each) != _word(draft.channel_rows(each.key).get(each.channel_code)) for each in rows):
        content["channels"] = channel_changes(draft, rows)
    if content or (is_decided and theirs.is_set and not before.is_set):
        updated_at = max(theirs.updated_at, before.updated_at + 1)
        after = replace(
            after, settings_version=before.settings_version + 1, updated_at=updated_at, settings_real=after.real
        )
    rise = _uncovered(after) - after.oversold
    if rise > 0:  # it is limited now, and wasn't when the hub locked
        after = replace(after, oversold=after.oversold + rise)
        beyond += rise
    if after == before and not rows:
        return False
    told = msgspec.json.encode(content).decode() if content else None
    draft.restate(after, Kind.MIRROR, after.real - before.real, told)
    for each in rows:
        draft.put_channel(each)
    if beyond:
        draft.open_incident(before.key, BELOW_PROMISED, beyond, None)
    return True


def _parts(before: Stock, theirs: Stock) -> Stock:
    """The stock with the cloud's part as it is now; what the hub has sold beyond all there was, the cloud settles."""
    part, mine = max(0, theirs.real - theirs.grant), held(before)
    return replace(before, grant=part, real=mine + part)


def _covered(after: Stock, theirs: Stock) -> Stock:
    """The stock with no more oversold than the cloud says, but for what the hub promises now."""
    return replace(after, oversold=min(after.oversold, max(_uncovered(after), theirs.oversold)))


def _uncovered(stock: Stock) -> int:
    return max(0, -stock.left) if stock.is_limited else 0


def _begins_epoch(before: Stock, theirs: Stock, known: Mirror) -> bool:
    """Whether the cloud has begun an epoch that the hub hasn't begun itself.

    A rule's occurrence tells; of a one-off, which has none, only that both have begun one at about the same time.
    """
    if theirs.epoch_at <= known.epoch_at:
        return False
    if theirs.restored_slot > before.restored_slot:
        return True
    return theirs.epoch_at - SKEW_MS > before.epoch_at


def _epoch_at(draft: Draft, before: Stock, theirs: Stock, known: Mirror) -> int:
    """When the cloud's epoch begins here: now, but later than any lock of before, which may have been taken in this
    very millisecond. One that began before the hub knew the stock began when it did."""
    next_at = draft.now + 1
    return next_at if known.version or before.epoch_at else min(theirs.epoch_at, next_at)


def _settings(mine: Stock, theirs: Stock, now: int) -> Stock:
    """The stock with what is set of it in the cloud. The hub's timer has not looked at it under that before now, and
    what a rule brought round there before it was set is over here too, whatever this clock says; only "the next
    business day" counts from when it was asked for."""
    fields = {name: getattr(theirs, name) for name in _SETTINGS}
    is_news = theirs.is_set and not mine.is_set
    is_asked_anew = is_news or any(getattr(mine, name) != getattr(theirs, name) for name in _ONE_OFF)
    is_tomorrow = theirs.auto_restore_type == ONE_OFF and theirs.auto_restore_at is None
    since = mine.auto_restore_from
    if is_asked_anew:
        since = theirs.auto_restore_from if is_tomorrow else now
    if theirs.is_set and not is_tomorrow:
        since = max(since, theirs.updated_at)
    return replace(mine, auto_restore_from=since, **fields)


def _settings_changed(before: Stock, after: Stock) -> dict[str, Any]:
    """What is set otherwise: `{field: [before, after]}`. Of the status only an 86 by hand is set."""
    return {
        name: [getattr(before, name), getattr(after, name)]
        for name in _SETTINGS
        if name != "status" and getattr(before, name) != getattr(after, name)
    }


def _word(row: ChannelStock | None) -> tuple[Any, ...]:
    """What is set of a channel; without a row nothing is."""
    row = row or ChannelStock(StockKey(0, 0), "")
    return tuple(getattr(row, name) for name in _CHANNEL_SETTINGS)


def _channel_rows(draft: Draft, row: MirrorRow, after: Stock, *, is_decided: bool) -> list[ChannelStock]:
    """The channel rows that change with the stock."""
    theirs = {each.channel_code: each for each in row.channels}
    mine = draft.channel_rows(after.key)
    since = max(draft.day.starts_at, row.stock.epoch_at)
    changed: list[ChannelStock] = []
    for code in sorted(theirs.keys() | mine.keys()):
        nothing = ChannelStock(after.key, code)
        was, their = mine.get(code, nothing), theirs.get(code, nothing)
        now = _set(draft, was, their, after, since) if is_decided else was
        now = _counted(draft, was, now, used_since(their, since), after)
        if now != was:
            changed.append(now)
    return changed


def _set(draft: Draft, was: ChannelStock, their: ChannelStock, after: Stock, since: int) -> ChannelStock:
    """The row with what is set of it in the cloud. What flowed back there in its period has flowed back here too."""
    now = replace(was, **{name: getattr(their, name) for name in _CHANNEL_SETTINGS})
    if (was.guarantee, was.weight) != (now.guarantee, now.weight):
        now = replace(now, released_at=0)
    period_at = period_start(draft.day, after)
    if now.guarantee > 0 and their.released_at >= since and now.released_at < period_at:
        now = replace(now, released_at=max(draft.now, period_at))
    return now


def _counted(draft: Draft, was: ChannelStock, now: ChannelStock, their_used: int, after: Stock) -> ChannelStock:
    """The row with what its channel has used: what is sold online the cloud counts, what is sold in the store the hub
    does, anew where a cap or a guarantee makes it count from now on."""
    if not now.counts:
        return now
    period_at = period_start(draft.day, after)
    if draft.is_told(now.channel_code):
        if was.counts and their_used == used_since(was, period_at):
            return now
        return replace(now, used=their_used, period_at=max(was.period_at, period_at))
    if was.counts:
        return now
    return replace(now, period_at=period_at, used=draft.taken_since(now.key, now.channel_code, period_at))
