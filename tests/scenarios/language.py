"""The language of the scenario files: one command a line with its expected outcome, time passing as a line of its own.

    stock 1 limited real=5 [plan=5] [status=2] [manual] [share=guarantee] [POS: limit=2 guarantee=1 weight=3 status=2]
    release [1 spu30] [reason=...]  (without items: in the whole store)  -> 1.POS=4 spu30.KIOSK=1
    lock o1 POS 1x2 3.1x0.5 [partial] [force] [reason=...] [hold=60]   -> LOCKED
    deduct o1 [1x1] [relock]                                            -> DEDUCTED replayed
    return o1 r1 [1x1+]   (+ puts it back on sale)                      -> RETURNED
    amend o1 a1 [1x3] [hold=60]                                         -> LOCKED
    unlock o1 [1]                                                       -> UNLOCKED
    VERB ... for=KIOSK   (any order verb, from a caller who reaches that channel's orders only)
    pass 900s | pass 8h
    sweep
    close brand | close store | open brand | open store | forget 1 | day-start 12:30
    see 1 real=3 locked=0 [left=3] [status=2] [oversold=0] [POS.used=2] [version=moved, since it was last seen]
    line o1 1 state=DEDUCTED quantity=2 [returned=1]
    incident forced_sale 1 2

Expected: the order's state (or MIXED) with `replayed` where it was; a refusal's code, with `1:available=3,by=quantity`
for each line that must be named.
"""

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from eightysix.core.command import (
    Actor,
    AmendStock,
    ChannelSetting,
    Command,
    DeductStock,
    ExpireLocks,
    Line,
    LockStock,
    ReleaseGuarantees,
    ReturnStock,
    SetStock,
    Setting,
    UnlockStock,
)
from eightysix.core.key import StockKey, sku_key
from eightysix.core.outcome import GuaranteesReleased, LineRefusal, OrderDone, Outcome, Refused
from eightysix.core.quantity import as_number, thousandths
from eightysix.core.stock import Allocation
from tests.world.kitchen import Kitchen
from tests.world.menu import BRAND_ID, STORE

STAFF = Actor("staff")
_LINE = re.compile(r"^(\d+)(?:\.(\d+))?(?:x([\d.]+)(\+?))?$")


def play(text: str) -> Iterator[tuple[int, str]]:
    """Run a scenario, yielding each line as it is about to run, so that a failure can name it."""
    kitchen = Kitchen()
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.split("#")[0].strip()
        if line:
            yield number, line
            _step(kitchen, line)


def _step(kitchen: Kitchen, line: str) -> None:
    order, _, expected = (part.strip() for part in line.partition("->"))
    verb, *words = order.split()
    if verb == "pass":
        kitchen.now += int(words[0][:-1]) * {"s": 1000, "h": 3_600_000}[words[0][-1]]
    elif verb in ("close", "open"):
        _switch(kitchen, words[0], verb == "open")
    elif verb == "day-start":
        hours, minutes = words[0].split(":")
        stores = kitchen.menu.stores
        stores[BRAND_ID, "1"] = replace(stores[BRAND_ID, "1"], day_start_minute=int(hours) * 60 + int(minutes))
    elif verb == "forget":
        del kitchen.menu.items[2, int(words[0])]
    elif verb in ("see", "line", "incident"):
        {"see": _see, "line": _see_line, "incident": _see_incident}[verb](kitchen, words)
    else:
        settled = not kitchen.due_now()
        before = _rows(kitchen)
        outcome = kitchen.run(_of_channel(_command(verb, words), words))
        if expected:
            _compare(outcome, expected.split())
        if isinstance(outcome, Refused) and settled:
            assert _rows(kitchen) == before, "a refusal changed something"


def _of_channel(command: Command, words: list[str]) -> Command:
    """The same command from a caller of one channel, where a word such as `for=KIOSK` says so."""
    for word in words:
        if word.startswith("for=") and not isinstance(command, ExpireLocks):
            return replace(command, actor=Actor("partner", channel_code=word.removeprefix("for=")))
    return command


def _rows(kitchen: Kitchen) -> tuple[Any, ...]:
    return (kitchen.head, dict(kitchen.stocks), dict(kitchen.channels), dict(kitchen.reservations), len(kitchen.logs))


def _switch(kitchen: Kitchen, what: str, is_open: bool) -> None:
    menu = kitchen.menu
    if what == "brand":
        menu.brands[BRAND_ID] = replace(menu.brands[BRAND_ID], open=is_open)
    else:
        menu.stores[BRAND_ID, "1"] = replace(menu.stores[BRAND_ID, "1"], open=is_open)


def _command(verb: str, words: list[str]) -> Command:
    if verb == "sweep":
        return ExpireLocks(STORE)
    if verb == "stock":
        return _setting(words)
    if verb == "release":
        items = tuple(_key(word) for word in words if "=" not in word)
        reasons = [word.partition("=")[2] for word in words if "=" in word]
        return ReleaseGuarantees(STORE, items or None, STAFF, reasons[0] if reasons else None)
    flags, options, lines, names = _sort(words)
    chosen = tuple(lines) if lines else None
    reason = options.get("reason")
    hold = int(options["hold"]) if "hold" in options else None
    if verb == "lock":
        return LockStock(
            STORE, names[0], names[1], tuple(lines), STAFF, hold, "partial" in flags, "force" in flags, reason
        )
    if verb == "deduct":
        return DeductStock(STORE, names[0], chosen, STAFF, "relock" in flags)
    if verb == "unlock":
        return UnlockStock(STORE, names[0], chosen, STAFF)
    if verb == "return":
        return ReturnStock(STORE, names[0], chosen, names[1], STAFF, reason)
    if verb == "amend":
        return AmendStock(STORE, names[0], chosen, names[1], STAFF, hold, reason)
    raise ValueError(f"unknown verb {verb}")


def _sort(words: list[str]) -> tuple[set[str], dict[str, str], list[Line], list[str]]:
    flags: set[str] = set()
    options: dict[str, str] = {}
    lines: list[Line] = []
    names: list[str] = []
    for word in words:
        if word in ("partial", "force", "relock"):
            flags.add(word)
        elif "=" in word:
            name, value = word.split("=")
            options[name] = value
        elif found := _LINE.match(word):
            quantity = thousandths(Decimal(found[3])) if found[3] else None
            lines.append(Line(int(found[1]), int(found[2] or 0), quantity, found[4] == "+"))
        else:
            names.append(word)
    return flags, options, lines, names


def _setting(words: list[str]) -> SetStock:
    key = _key(words[0])
    fields: dict[str, Any] = {}
    channels: list[ChannelSetting] = []
    into = fields
    for word in words[1:]:
        if word.endswith(":"):
            into = {"channel_code": word[:-1]}
            channels.append(into)  # type: ignore[arg-type]  # filled below, built at the end
        elif word in ("limited", "unlimited"):
            into["type"] = 2 if word == "limited" else 1
        elif word in ("manual", "auto"):
            into["manual"] = word == "manual"
        elif word.startswith("share="):
            into["allocation"] = Allocation[word.removeprefix("share=").upper()]
        else:
            name, value = word.split("=")
            number = name in ("status", "weight")
            into[name] = None if value == "none" else int(value) if number else thousandths(Decimal(value))
    built = tuple(ChannelSetting(**each) for each in channels)  # type: ignore[arg-type]
    return SetStock(STORE, (Setting(key, channels=built, **fields),), STAFF)


def _key(word: str) -> StockKey:
    return StockKey(1, int(word[3:])) if word.startswith("spu") else sku_key(int(word))


def _word(key: StockKey) -> str:
    return f"spu{key.object_id}" if key.object_type == 1 else str(key.object_id)


def _compare(outcome: Outcome, expected: list[str]) -> None:
    if isinstance(outcome, OrderDone):
        state = outcome.state.name if outcome.state is not None else "MIXED"
        got = [state, *(["replayed"] if outcome.replayed else [])]
        assert got == expected, f"got {got}"
        return
    if isinstance(outcome, GuaranteesReleased):
        back = [f"{_word(each.key)}.{each.channel_code}={as_number(each.quantity)}" for each in outcome.released]
        assert (back or ["nothing"]) == expected, f"got {back}"
        return
    assert isinstance(outcome, Refused), f"got {outcome}"
    named = {_name(each): each for each in outcome.lines}
    assert str(outcome.code) == expected[0], f"got {outcome}"
    for word in expected[1:]:
        name, _, facts = word.partition(":")
        assert name in named, f"{name} isn't named in {outcome}"
        for fact in filter(None, facts.split(",")):
            field, _, value = fact.partition("=")
            _compare_fact(named[name], field, value)


def _name(refusal: LineRefusal) -> str:
    return f"{refusal.sku_id}.{refusal.line_no}" if refusal.line_no else str(refusal.sku_id)


def _compare_fact(refusal: LineRefusal, field: str, value: str) -> None:
    if field == "available":
        assert refusal.available == thousandths(Decimal(value)), f"got {refusal}"
    elif field == "by":
        assert refusal.blocked_by == value, f"got {refusal}"
    else:
        assert refusal.code == field, f"got {refusal}"


def _see(kitchen: Kitchen, words: list[str]) -> None:
    key = _key(words[0])
    stock = kitchen.stocks[key]
    for word in words[1:]:
        name, value = word.split("=")
        if value == "moved":
            assert stock.version > kitchen.seen.get(key, 0), f"version stayed {stock.version}"
            kitchen.seen[key] = stock.version
            continue
        code, _, field = name.rpartition(".")
        if code:
            row = kitchen.channels[key, code]
            got = getattr(row, field)
        else:
            got = getattr(stock, name)
        plain = name in ("status", "type", "version", "settings_version", "manual")
        if value == "none":
            assert got is None, f"{name} is {got}"
            continue
        sign = -1 if value.startswith("-") else 1
        want = int(value) if plain else sign * thousandths(Decimal(value.lstrip("-")))
        assert got == want, f"{name} is {got}, not {want}"


def _see_line(kitchen: Kitchen, words: list[str]) -> None:
    _, _, lines, names = _sort(words[:2])
    reservation = kitchen.reservations[names[0], (lines[0].sku_id, lines[0].line_no)]
    for word in words[2:]:
        name, value = word.split("=")
        got = reservation.state.name if name == "state" else getattr(reservation, name)
        want = value if name == "state" else thousandths(Decimal(value))
        assert got == want, f"{name} is {got}, not {want}"


def _see_incident(kitchen: Kitchen, words: list[str]) -> None:
    kind, item, quantity = words
    found = [(each.kind, each.key, each.quantity) for each in kitchen.incidents]
    assert (kind, _key(item), thousandths(Decimal(quantity))) in found, f"got {found}"
