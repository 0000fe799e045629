"""What a POS says in a scenario: the words behind `look`, `report` and `event`.

look 1                              (the POS sees the row; what it says next of the stock is based on that)
report 1 real=3 [base_real=5] [status=2] [manual] [limited] [event=e1] [POS: limit=2]   -> DONE
report …                            -> ECHO (its count was left out), AGAIN (it had been processed), or a code
event 4 sale o1 POS 1x2 | event 4 lock|deduct|unlock|return|amend …       -> APPLIED
event 4 count 1 counted=3 expected=5                                      -> INCIDENT
event 4 setting 1 status=2 manual [ago=60s] [reason=…]                    -> SUPERSEDED STALE_REPORT
event …  [journal=j2] [device=till2]   (an order of its own for each)     -> APPLIED again
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from eightysix.core.command import (
    Actor,
    ChangeStock,
    Command,
    CountStock,
    LockStock,
    ReplayEvent,
    ReportStock,
    SellStock,
    SetStock,
)
from eightysix.core.outcome import EventReplayed, StockReported
from eightysix.core.quantity import thousandths
from eightysix.core.stock import Stock
from tests.world.kitchen import Kitchen
from tests.world.menu import STORE

TILL = Actor("till", "pos")
Read = Callable[[str, list[str], int], Command]
"""How any other line is read."""


def report(kitchen: Kitchen, words: list[str], read: Read) -> ReportStock:
    """A report, based on the row that was looked at last."""
    options, rest = _options(words, "base_real", "event")
    command = read("stock", rest, kitchen.now)
    assert isinstance(command, SetStock)
    [setting] = command.settings
    seen: Stock | None = kitchen.looks.get(setting.key)
    base_at = None if seen is None or not seen.settings_version else seen.updated_at
    actor = replace(TILL, event_id=options.get("event"))
    return ReportStock(STORE, setting, base_at, actor, _quantity(options.get("base_real")))


def event(kitchen: Kitchen, words: list[str], read: Read) -> ReplayEvent:
    """An event of a journal; it happened just now unless `ago` says otherwise."""
    number, verb, *rest = words
    options, rest = _options(rest, "journal", "device", "ago", "reason", "counted", "expected", "base_real")
    ago = int(options.get("ago", "0s")[:-1]) * (3_600_000 if options.get("ago", "0s")[-1] == "h" else 1000)
    actor = replace(TILL, source="replay", happened_at=kitchen.now - ago, event_id=f"j#{number}")
    told = _told(kitchen, verb, rest, options, read)
    device, journal = options.get("device", "till"), options.get("journal", "j")
    return ReplayEvent(STORE, device, journal, int(number), replace(told, actor=actor), actor)


def _told(kitchen: Kitchen, verb: str, words: list[str], options: dict[str, str], read: Read) -> Any:
    reason = options.get("reason")
    if verb == "sale":
        lock = read("lock", words, kitchen.now)
        assert isinstance(lock, LockStock)
        return SellStock(STORE, lock.order_id, lock.channel_code, lock.lines, TILL, reason)
    if verb not in ("count", "setting"):
        return read(verb, words, kitchen.now)
    command = read("stock", words, kitchen.now)
    assert isinstance(command, SetStock)
    [setting] = command.settings
    seen: Stock | None = kitchen.looks.get(setting.key)
    base = (None, None) if seen is None else (seen.settings_version, seen.updated_at)
    if verb == "count":
        counted, expected = (_quantity(options[name]) or 0 for name in ("counted", "expected"))
        return CountStock(STORE, setting.key, counted, expected, TILL, *base, reason)
    return ChangeStock(STORE, setting, TILL, *base, _quantity(options.get("base_real")), reason)


def said(outcome: object) -> list[str] | None:
    """The outcome in words; None for one that isn't of here."""
    if isinstance(outcome, StockReported):
        return ["AGAIN" if outcome.row.replayed else "DONE" if outcome.real_applied else "ECHO"]
    if isinstance(outcome, EventReplayed):
        code = [] if outcome.code is None else [outcome.code.value]
        return [outcome.result.name, *code, *(["again"] if outcome.replayed else [])]
    return None


def _options(words: list[str], *names: str) -> tuple[dict[str, str], list[str]]:
    """(those of these names, the other words)."""
    found = {word.partition("=")[0]: word.partition("=")[2] for word in words if word.partition("=")[0] in names}
    return found, [word for word in words if word.partition("=")[0] not in found]


def _quantity(word: str | None) -> int | None:
    return None if word is None else thousandths(Decimal(word))
