"""The language of the scenario files: one command a line with its expected outcome, time passing as a line of its own.

    stock 1 limited real=5 [plan=5] [status=2] [manual] [share=guarantee] [low=2] [POS: limit=2 guarantee=1 weight=3]
    add 1 3 | add 1 -3 | count 1 3 [version=2] [request=r1]              -> DONE
    86 1 [until=next | until=never | until=2h]                          -> DONE
    back 1              (puts it back on sale after an 86)              -> SAME (it was on sale)
    dry stock … | dry add … | dry count … | dry 86 …                    (decided, nothing written)
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
    can POS 6 possible=3 [guaranteed=1] [by=component at=2]     (possible=none: without a limit)
    see 1 real=3 locked=0 [left=3] [status=2] [oversold=0] [POS.used=2] [version=moved, since it was last seen]
    line o1 1 state=DEDUCTED quantity=2 [returned=1]
    incident forced_sale 1 2
    resolve 1 cancel | resolve 1 accept | resolve 1 recount 7   (the first incident that was opened)
                        -> DONE [o1.1 (a line that was cancelled)] [opened=2 (what is left of it)] [replayed]
    log 1 ADD 3 [reason=…]  (the last row of the log)
    flips 6 8               (the other items that the last batch told of, because they can be sold now, or no longer)
    alerts [1=2 1.POS=0]        (all since the line before of this kind: what was left)

    look, report, event     (what a POS says: see `pos_words`)

Expected: the order's state (or MIXED) with `replayed` where it was; of a setting DONE, or SAME where nothing had to be
changed; a refusal's code, with `@field` where that matters, with `1:available=3,by=quantity,at=2` for each line that
must be named (`at`: the stock in the way).
"""

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from eightysix.core.audit import findings
from eightysix.core.availability import available, guaranteed
from eightysix.core.change import Kind
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
    ResolveIncident,
    ReturnStock,
    SetStock,
    Setting,
    UnlockStock,
)
from eightysix.core.draft import Draft
from eightysix.core.key import StockKey, sku_key
from eightysix.core.outcome import (
    GuaranteesReleased,
    IncidentResolved,
    LineRefusal,
    OrderDone,
    Outcome,
    Refused,
    StocksSet,
)
from eightysix.core.quantity import as_number, thousandths
from eightysix.core.stock import NEVER, ON_SALE, ONE_OFF, SOLD_OUT, Allocation, RestoreTo, Stock
from tests.world.kitchen import Kitchen
from tests.world.menu import BRAND_ID, STORE

from . import pos_words

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
    elif verb in _SIGHTS:
        _SIGHTS[verb](kitchen, words)
    else:
        settled = not kitchen.due_now()
        before = _rows(kitchen)
        is_dry = verb == "dry"
        if verb in _POS:
            command: Command = _POS[verb](kitchen, words, _command)
        elif verb == "resolve":
            command = _resolution(kitchen, words)
        else:
            command = _command(*((words[0], words[1:]) if is_dry else (verb, words)), kitchen.now)
        if is_dry:
            assert isinstance(command, SetStock)
            command = replace(command, dry_run=True)
        outcome = kitchen.run(_of_channel(command, words))
        if expected:
            _compare(outcome, expected.split())
        if (is_dry or _is_refusal(outcome)) and settled:
            assert _rows(kitchen) == before, "a refusal or a dry run changed something"
        if verb == "resolve":
            assert not findings(kitchen.books())


def _is_refusal(outcome: Outcome) -> bool:
    results = outcome.results if isinstance(outcome, StocksSet) else [outcome]
    return all(isinstance(result, Refused) for result in results)


def _of_channel(command: Command, words: list[str]) -> Command:
    """The same command from a caller of one channel, where a word such as `for=KIOSK` says so."""
    for word in words:
        if word.startswith("for=") and not isinstance(command, ExpireLocks):
            return replace(command, actor=Actor("partner", channel_code=word.removeprefix("for=")))
    return command


def _rows(kitchen: Kitchen) -> tuple[Any, ...]:
    rows = (kitchen.stocks, kitchen.channels, kitchen.reservations, kitchen.requests)
    return (kitchen.head, *map(dict, rows), len(kitchen.logs), len(kitchen.incidents))


def _switch(kitchen: Kitchen, what: str, is_open: bool) -> None:
    menu = kitchen.menu
    if what == "brand":
        menu.brands[BRAND_ID] = replace(menu.brands[BRAND_ID], open=is_open)
    else:
        menu.stores[BRAND_ID, "1"] = replace(menu.stores[BRAND_ID, "1"], open=is_open)


def _command(verb: str, words: list[str], now: int) -> Command:
    if verb == "sweep":
        return ExpireLocks(STORE)
    if verb == "stock":
        return _setting(words)
    if verb == "release":
        items = tuple(_key(word) for word in words if "=" not in word)
        reasons = [word.partition("=")[2] for word in words if "=" in word]
        return ReleaseGuarantees(STORE, items or None, STAFF, reasons[0] if reasons else None)
    if verb in ("add", "count"):
        return _counting(verb, words)
    if verb in ("86", "back"):
        return _eighty_six(words, now, sold_out=verb == "86")
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


def _resolution(kitchen: Kitchen, words: list[str]) -> ResolveIncident:
    at, how, *counted = words
    seq = kitchen.incidents[int(at) - 1].seq if int(at) <= len(kitchen.incidents) else 0
    return ResolveIncident(STORE, seq, how, STAFF, "because", _signed(counted[0]) if counted else None)


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


def _counting(verb: str, words: list[str]) -> SetStock:
    options = dict(word.split("=") for word in words[2:])
    version = int(options["version"]) if "version" in options else None
    kind = Kind.ADD if verb == "add" else Kind.COUNT
    setting = Setting(_key(words[0]), expected_version=version, kind=kind, quantity=_signed(words[1]))
    return SetStock(STORE, (setting,), STAFF, options.get("reason"), options.get("request"))


def _eighty_six(words: list[str], now: int, *, sold_out: bool) -> SetStock:
    options = dict(word.split("=") for word in words[1:])
    fields: dict[str, Any] = {"status": SOLD_OUT, "manual": True} if sold_out else {"status": ON_SALE}
    if "until" in options:
        until = options["until"]
        at = now + int(until[:-1]) * 3_600_000 if until.endswith("h") else None
        restore = NEVER if until == "never" else ONE_OFF
        fields |= {"auto_restore_type": restore, "auto_restore_at": at, "restore_to": RestoreTo.KEEP}
    setting = Setting(_key(words[0]), kind=Kind.EIGHTY_SIX, **fields)
    return SetStock(STORE, (setting,), STAFF, options.get("reason"))


def _signed(word: str) -> int:
    return (-1 if word.startswith("-") else 1) * thousandths(Decimal(word.lstrip("-")))


def _key(word: str) -> StockKey:
    return StockKey(1, int(word[3:])) if word.startswith("spu") else sku_key(int(word))


def _word(key: StockKey) -> str:
    return f"spu{key.object_id}" if key.object_type == 1 else str(key.object_id)


def _compare(outcome: Outcome, expected: list[str]) -> None:
    if (of_pos := pos_words.said(outcome)) is not None:
        assert of_pos == expected, f"got {of_pos}"
        return
    if isinstance(outcome, OrderDone):
        state = outcome.state.name if outcome.state is not None else "MIXED"
        got = [state, *(["replayed"] if outcome.replayed else [])]
        assert got == expected, f"got {got}"
        return
    if isinstance(outcome, GuaranteesReleased):
        back = [f"{_word(each.key)}.{each.channel_code}={as_number(each.quantity)}" for each in outcome.released]
        assert (back or ["nothing"]) == expected, f"got {back}"
        return
    if isinstance(outcome, IncidentResolved):
        got = ["DONE", *(f"{each.order_id}.{each.sku_id}" for each in outcome.cancelled)]
        if outcome.opened is not None:
            got.append(f"opened={as_number(outcome.opened.quantity)}")
        got += ["replayed"] if outcome.replayed else []
        assert got == expected, f"got {got}"
        return
    if isinstance(outcome, StocksSet):
        [result] = outcome.results
        if not isinstance(result, Refused):
            assert ["SAME" if result.replayed else "DONE"] == expected, f"got {result}"
            return
        outcome = result
    assert isinstance(outcome, Refused), f"got {outcome}"
    if expected[-1].startswith("@"):
        assert outcome.field == expected.pop()[1:], f"got {outcome}"
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
    elif field == "at":
        assert refusal.blocker == _key(value), f"got {refusal}"
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
        plain = field in (
            "status", "type", "version", "settings_version", "manual", "auto_restore_type", "restore_to", "is_low",
        )  # fmt: skip
        if value == "none":
            assert got is None, f"{name} is {got}"
            continue
        want = int(value) if plain else _signed(value)
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


def _see_log(kitchen: Kitchen, words: list[str]) -> None:
    row = next(row for row in reversed(kitchen.logs) if row.kind is not Kind.FLIP)
    options = dict(word.split("=") for word in words[3:])
    got = (row.key, row.kind.name, row.quantity, row.reason)
    assert got == (_key(words[0]), words[1], _signed(words[2]), options.get("reason")), f"got {got}"


def _flips(kitchen: Kitchen, words: list[str]) -> None:
    assert kitchen.flipped == sorted(map(_key, words)), f"got {kitchen.flipped}"


def _can(kitchen: Kitchen, words: list[str]) -> None:
    """What a channel can sell of a SKU, as a list shows it."""
    draft, item = Draft(kitchen.shelf(), STAFF), kitchen.menu.item(BRAND_ID, 2, int(words[1]))
    assert item is not None
    channel = kitchen.menu.codes[words[0]]
    can = available(draft, item, channel)
    got = {
        "possible": _number(can.quantity),
        "guaranteed": _number(guaranteed(draft, item, channel, can)),
        "by": can.blocked_by,
        "at": None if can.in_the_way is None else _word(can.in_the_way),
    }
    wanted = {"by": None, "at": None, **dict(word.split("=") for word in words[2:])}
    assert {name: got[name] for name in wanted} == wanted, f"got {got}"


def _number(quantity: int | None) -> str:
    return "none" if quantity is None else str(as_number(quantity))


def _alerts(kitchen: Kitchen, words: list[str]) -> None:
    new, kitchen.told = kitchen.alerts[kitchen.told :], len(kitchen.alerts)
    got = [
        f"{_word(each.key)}{'.' if each.channel_code else ''}{each.channel_code}={_number(each.quantity)}"
        for each in new
    ]
    assert got == words, f"got {got}"


def _look(kitchen: Kitchen, words: list[str]) -> None:
    kitchen.looks[_key(words[0])] = kitchen.stocks.get(_key(words[0]), Stock(_key(words[0])))


_POS = {"report": pos_words.report, "event": pos_words.event}
_SIGHTS = {
    "look": _look,
    "alerts": _alerts,
    "see": _see,
    "line": _see_line,
    "incident": _see_incident,
    "log": _see_log,
    "can": _can,
    "flips": _flips,
}
