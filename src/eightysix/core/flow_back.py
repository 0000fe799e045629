"""Flow back: what is guaranteed to channels and not taken yet goes to everybody (DESIGN section 8).

A row remembers when, and the guarantee is open again in the next period: the next business day, or after a restore.
Setting another guarantee, or other weights, opens it at once.
"""

from collections.abc import Iterable

import msgspec
from msgspec.structs import replace

from .availability import open_parts, period_start
from .change import Kind
from .command import ReleaseGuarantees
from .draft import Draft
from .key import StockKey
from .outcome import GuaranteesReleased, ReleasedGuarantee
from .shelf import Decision, Shelf


def release_guarantees(command: ReleaseGuarantees, shelf: Shelf) -> Decision:
    """Let them flow back now: of the named stocks, or of the whole store, which must be on the shelf then."""
    draft = Draft(shelf, command.actor)
    keys = shelf.channels if command.keys is None else command.keys
    return draft.decision(GuaranteesReleased(flow_back(draft, keys, draft.now, command.reason)))


def flow_back(
    draft: Draft, keys: Iterable[StockKey], at: int, reason: str | None = None
) -> tuple[ReleasedGuarantee, ...]:
    """Let the guarantees of these stocks flow back at `at`, for the rest of the period that it lies in.

    Those that flowed back before in that period stay as they are, as do those whose period began after `at`. The answer
    says how much was open of each; none of one that its channel has used up, or of a stock without a limit.
    """
    released: list[ReleasedGuarantee] = []
    for key in sorted(set(keys)):
        stock = draft.stock(key)
        period_at = period_start(draft.day, stock)
        rows = [
            row
            for _, row in sorted(draft.channel_rows(key).items())
            if row.guarantee > 0 and row.released_at < period_at <= at
        ]
        if not rows:
            continue
        parts = open_parts(draft, stock, draft.channel_rows(key), period_at) if stock.is_limited else {}
        freed = [ReleasedGuarantee(key, row.channel_code, parts.get(row.channel_code, 0)) for row in rows]
        changes = {
            row.channel_code: [
                {"open": each.quantity, "released_at": row.released_at},
                {"open": 0, "released_at": at},
            ]
            for row, each in zip(rows, freed, strict=True)
        }
        draft.note(key, Kind.FLOW_BACK, msgspec.json.encode({"channels": changes}).decode(), reason)
        for row in rows:
            draft.put_channel(replace(row, released_at=at))
        released += freed
    return tuple(released)
