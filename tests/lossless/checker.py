"""Whether what subscribers saw is what there is: nothing lost, nothing back, nothing out of order.

Shares no code with the product: it reads lines that subscribers wrote (record.py says how) and rows as SQL gives them.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

Store = str
Object = tuple[int, int]


class State(NamedTuple):
    """What a stock's row says; quantities in thousandths."""

    version: int
    real: int
    locked: int
    status: int


class Truth(NamedTuple):
    """The database at the end: each store's stocks, the seq of its last message, messages that are still to be sent."""

    stocks: dict[Store, dict[Object, State]]
    last_message: dict[Store, int]
    unpublished: int
    parked: int


class Seen(NamedTuple):
    """One message as a subscriber got it; `connection` is a number of the subscriber's own."""

    store: Store
    connection: int
    seq: int
    prev_seq: int
    key: Object
    state: State
    at: int = 0


def read(file: Path) -> list[Seen]:
    """The lines of one subscriber; a line that a kill cut short is the last one and no message."""
    seen = []
    for line in file.read_text().splitlines():
        try:
            store, connection, seq, prev_seq, kind, object_id, version, real, locked, status, at = json.loads(line)
        except ValueError:
            break
        seen.append(Seen(store, connection, seq, prev_seq, (kind, object_id), State(version, real, locked, status), at))
    return seen


def complaints(truth: Truth, streams: Iterable[Seen], bus: Iterable[Seen], *, most: int = 20) -> list[str]:
    """What is wrong, the first of each kind; nothing where all is well."""
    found = []
    if truth.unpublished or truth.parked:
        found.append(f"{truth.unpublished} messages are unpublished, {truth.parked} parked")
    streams, bus = list(streams), sorted(bus, key=lambda each: each.at)  # several may have listened, in turns
    found += _final(truth, streams, "stream")
    found += _along_connections(streams)
    if bus:
        found += _final(truth, bus, "bus")
        found += _whole_chain(truth, bus)
        found += _first_in_order(bus)
    return found[:most]


def _final(truth: Truth, seen: Iterable[Seen], who: str) -> list[str]:
    """A receiver that ignores every version that isn't above what it has ends with what there is."""
    have: dict[Store, dict[Object, State]] = {}
    for each in seen:
        mine = have.setdefault(each.store, {})
        if each.key not in mine or each.state.version > mine[each.key].version:
            mine[each.key] = each.state
    return [
        f"{who}: store {store} object {key}: last seen {have.get(store, {}).get(key)}, there is {state}"
        for store, stocks in truth.stocks.items()
        for key, state in stocks.items()
        if have.get(store, {}).get(key) != state
    ]


def _along_connections(streams: Iterable[Seen]) -> list[str]:
    """Within one connection the sequence rises, and no message starts after a place that wasn't reached."""
    places: dict[tuple[Store, int], int] = {}
    found = []
    for each in streams:
        place = places.get((each.store, each.connection))
        if place is not None and each.seq <= place:
            found.append(f"stream: store {each.store} stepped back from {place} to {each.seq} within a connection")
        elif place is not None and each.prev_seq > place:
            found.append(f"stream: store {each.store} jumped from {place} to {each.seq}, which follows {each.prev_seq}")
        places[each.store, each.connection] = max(place or 0, each.seq)
    return found


def _whole_chain(truth: Truth, bus: Iterable[Seen]) -> list[str]:
    """Every message names the one before it, so the chain says whether one is missing."""
    follows: dict[Store, dict[int, int]] = {}
    for each in bus:
        follows.setdefault(each.store, {})[each.seq] = each.prev_seq
    found = []
    for store, last in truth.last_message.items():
        chain = follows.get(store, {})
        at = last
        while at:
            if at not in chain:
                found.append(f"bus: store {store}: message {at} of {last} was never seen")
                break
            at = chain[at]
    return found


def _first_in_order(bus: Iterable[Seen]) -> list[str]:
    """Repeats may step back; what comes for the first time may not."""
    known: dict[Store, set[int]] = {}
    highest: dict[Store, int] = {}
    found = []
    for each in bus:
        mine = known.setdefault(each.store, set())
        if each.seq in mine:
            continue
        mine.add(each.seq)
        if each.seq < highest.get(each.store, 0):
            found.append(f"bus: store {each.store}: {each.seq} came first after {highest[each.store]}")
        highest[each.store] = max(each.seq, highest.get(each.store, 0))
    return found
