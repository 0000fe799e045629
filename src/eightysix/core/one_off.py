"""A one-off: what is set of a single stock's own return, beside the rules (DESIGN section 8)."""

from msgspec import UNSET
from msgspec.structs import replace

from .command import Setting
from .stock import NEVER, ONE_OFF, RestoreTo, Stock


def wrong_one_off(before: Stock, setting: Setting) -> str | None:
    """The field that says something new of a one-off where none is asked for, or None. With 2, never, it is ignored."""
    kind = before.auto_restore_type if setting.auto_restore_type is UNSET else setting.auto_restore_type
    if kind in (ONE_OFF, NEVER):
        return None
    if setting.auto_restore_at not in (UNSET, None, before.auto_restore_at):
        return "auto_restore_at"
    return "restore_to" if setting.restore_to not in (UNSET, before.restore_to) else None


def dated(before: Stock, wanted: Stock, now: int) -> Stock:
    """`wanted` with when its return was asked for: "the next business day" counts from there, and what a rule brought
    round before it, while this stock was under another regime or had no row, is over. Without a one-off nothing of one
    stays; with 2, never, only `restore_to` does: it tells an 86 for good, which putting back on sale ends."""
    if wanted.auto_restore_type != ONE_OFF:
        kept = wanted.restore_to if wanted.auto_restore_type == NEVER else RestoreTo.PLAN
        wanted = replace(wanted, auto_restore_at=None, restore_to=kept)
    asked, was = ((each.auto_restore_type, each.auto_restore_at, each.restore_to) for each in (wanted, before))
    if asked != was or not before.is_set:
        wanted = replace(wanted, auto_restore_from=now)
    return wanted
