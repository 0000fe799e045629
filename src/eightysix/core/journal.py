"""A device's journal: which of its events have a result, and what it was itself that set a stock last.

A device that is cut off can't know the settings versions that its own events will make. So its journal remembers, stock
by stock, from which version on nobody else has set anything: what the device sets next is based on that.
"""

from collections.abc import Mapping

import msgspec
from msgspec.structs import replace

from .change import Journal
from .command import Actor, ChangeStock, CountStock, ReplayEvent
from .key import StockKey
from .request import digest_of, own_id
from .stock import Stock

MARKS_MOST = 2_000
"""Stocks of which a journal remembers its last word; what it said of others before is nobody's."""

_NOBODY = Actor("")
_ID_LENGTH = 64


class Mark(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """The journal's last word on a stock made settings version `version`. Nobody else has set anything since version
    `since`, whose `updated_at` was `since_at`. `is_86`: what it said was a manual 86. `knows_real`: the device knows
    what was there then; it doesn't where others have sold of it since the row that it saw."""

    version: int
    since: int
    since_at: int
    is_86: bool = False
    knows_real: bool = False


_decode = msgspec.json.Decoder(dict[str, Mark]).decode


def result_id(command: ReplayEvent) -> str:
    """Under what the event's result is remembered."""
    return own_id("replay", command.device_id, command.journal_id, command.seq)


def event_digest(command: ReplayEvent) -> bytes:
    """Equal for equal events, whoever's key they come with."""
    event = command.event
    return digest_of(type(event).__name__, event.actor.happened_at, replace(event, actor=_NOBODY))


def event_id(journal_id: str, seq: int) -> str:
    """What the change log calls the event: `journal#seq`, or a digest where that is too long."""
    text = f"{journal_id}#{seq}"
    return text if len(text) <= _ID_LENGTH else own_id("event", journal_id, seq).strip()


def marks(journal: Journal) -> Mapping[str, Mark]:
    """What the journal itself has set, by stock."""
    return {} if journal.marks is None else _decode(journal.marks)


def own_mark(journal: Journal, before: Stock) -> Mark | None:
    """The journal's mark of the stock, where nobody else has set it since."""
    mark = marks(journal).get(_name(before.key))
    return mark if mark is not None and mark.version == before.settings_version else None


def is_current(event: ChangeStock | CountStock, before: Stock, mark: Mark | None) -> bool:
    """Whether nobody but this journal has set the stock since the row that the event is based on."""
    if not before.settings_version:
        return True
    version, at = event.base_version, event.base_at
    if version is None and at is None:
        return False
    if _is_seen(event, before):
        return True
    return mark is not None and (version is None or version >= mark.since) and (at is None or at >= mark.since_at)


def knows_real(event: ChangeStock, before: Stock, mark: Mark | None) -> bool:
    """Whether the device knows what was there when the stock, on which its event is current, was set last: it saw that
    row, or set it itself and knew."""
    return not before.is_set or _is_seen(event, before) or (mark is not None and mark.knows_real)


def _is_seen(event: ChangeStock | CountStock, before: Stock) -> bool:
    """Whether the event is based on the row as it was set last."""
    version, at = event.base_version, event.base_at
    if version is None and at is None:
        return False
    return version in (None, before.settings_version) and at in (None, before.updated_at)


def marked(
    journal: Journal, before: Stock, after: Stock, mark: Mark | None, *, is_86: bool, knows_real: bool
) -> Journal:
    """The journal after it has set the stock; `mark` is its own one of before, if nobody else came between."""
    since = (before.settings_version, before.updated_at) if mark is None else (mark.since, mark.since_at)
    known = dict(marks(journal))
    known.pop(_name(after.key), None)
    known[_name(after.key)] = Mark(after.settings_version, *since, is_86, knows_real)
    for name in list(known)[:-MARKS_MOST]:
        del known[name]
    return replace(journal, marks=msgspec.json.encode(known).decode())


def _name(key: StockKey) -> str:
    return f"{key.object_type}/{key.object_id}"
