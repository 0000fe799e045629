"""A hub's own rows: its journal, its mirrors, its open requests, and how far they are. Only a hub's file has any."""

import sqlite3
from collections.abc import Collection

import msgspec

from eightysix.core.hub import GrantChange, GrantRequest, HubBooks, Mirror, Side
from eightysix.core.key import StockKey, StoreKey
from eightysix.storage.hub_books import Entry

from . import rows, statements
from .each import delete, insert, update

_THIS_STORE = "product_shard_id = ?1 AND brand_id = ?2 AND poi_id = ?3"
_STORE = "product_shard_id, brand_id, poi_id"
_MIRRORED = ("version", "settings_version", "epoch_at", "pending_seq", "settled_version", "untold", "untold_seq")
_MIRROR = f"t.object_type, t.object_id, {', '.join(f't.{name}' for name in _MIRRORED)}"

BOOKS = (
    "SELECT hub_id, journal_id, last_seq, chain, acked_seq, (SELECT json_group_array(json_array(request_id, changes, "  # noqa: S608 - names, no values
    f"asked_at)) FROM poi_hub_request WHERE {_THIS_STORE}) FROM poi_hub_books WHERE {_THIS_STORE}"
)
ALL_MIRRORS = f"SELECT {_MIRROR} FROM poi_hub_mirror t WHERE {_THIS_STORE}"  # noqa: S608 - as above
MIRRORS = (
    f"SELECT {_MIRROR} FROM json_each(?4) j CROSS JOIN poi_hub_mirror t WHERE {_THIS_STORE} "  # noqa: S608 - as above
    "AND t.object_type = json_extract(j.value, '$[0]') AND t.object_id = json_extract(j.value, '$[1]')"
)
EVENTS = f"SELECT seq, at, body FROM poi_hub_event WHERE {_THIS_STORE} AND seq > ?4 ORDER BY seq LIMIT ?5"  # noqa: S608 - as above

WAITING = (
    "SELECT last_seq - acked_seq, (SELECT t.at FROM poi_hub_event t WHERE t.product_shard_id = ?1 AND t.brand_id = ?2 "  # noqa: S608 - as above
    f"AND t.poi_id = ?3 AND t.seq > acked_seq ORDER BY t.seq LIMIT 1) FROM poi_hub_books WHERE {_THIS_STORE}"
)

START_BOOKS = (
    f"INSERT INTO poi_hub_books ({_STORE}, hub_id, journal_id, chain) VALUES (?, ?, ?, ?, ?, '') "  # noqa: S608 - as above
    f"ON CONFLICT ({_STORE}) DO NOTHING"
)
SAVE_BOOKS = update("poi_hub_books", (), ("last_seq", "chain", "acked_seq"), ("last_seq", "acked_seq"))
ADD_EVENTS = insert("poi_hub_event", ("seq", "at", "body"))
REMOVE_EVENTS = delete("poi_hub_event", (), "seq > ? AND seq <= ?")
SAVE_MIRRORS = insert(
    "poi_hub_mirror",
    ("object_type", "object_id", *_MIRRORED),
    f" ON CONFLICT ({_STORE}, object_type, object_id) DO UPDATE SET "
    f"{', '.join(f'{name} = excluded.{name}' for name in _MIRRORED)}",
)
ADD_REQUESTS = insert("poi_hub_request", ("request_id", "changes", "asked_at"))
REMOVE_REQUESTS = delete("poi_hub_request", ("request_id",))

HOT_STATEMENTS = statements.hot(globals())
"""Every statement of this page by its name."""

_decode_changes = msgspec.json.Decoder(tuple[GrantChange, ...]).decode


def load(connection: sqlite3.Connection, store: StoreKey, keys: Collection[StockKey] | None) -> HubBooks | None:
    """A store's books with the mirrors of `keys`, or all. None where none were begun."""
    row = connection.execute(BOOKS, store).fetchone()
    if row is None:
        return None
    if keys is None:
        found = connection.execute(ALL_MIRRORS, store)
    else:
        found = connection.execute(MIRRORS, (*store, rows.encode(list(keys)).decode()))
    loaded = books(row)
    loaded.mirrors = {each.key: each for each in map(mirror, found)}
    return loaded


def books(row: rows.Found) -> HubBooks:
    """Books without mirrors."""
    hub_id, journal_id, last_seq, chain, acked_seq, requests = row
    opened = {each.request_id: each for each in map(request, rows.decode(requests))}
    return HubBooks(Side(hub_id, journal_id), last_seq, chain, acked_seq, opened)


def event_row(event: tuple[int, int, bytes]) -> rows.Row:
    seq, at, body = event
    return (seq, at, body.decode())


def event(row: rows.Found) -> Entry:
    seq, at, body = row
    return Entry(seq, at, body.encode())


def mirror_row(mirror: Mirror) -> rows.Row:
    key = mirror.key
    return (
        key[0], key[1], mirror.version, mirror.settings_version, mirror.epoch_at, mirror.pending_seq,
        mirror.settled_version, mirror.untold, mirror.untold_seq,
    )  # fmt: skip


def mirror(row: rows.Found) -> Mirror:
    return Mirror(StockKey(row[0], row[1]), *row[2:])


def request_row(request: GrantRequest) -> rows.Row:
    return (request.request_id, rows.encode(request.changes).decode(), request.asked_at)


def request(row: rows.Found) -> GrantRequest:
    request_id, changes, asked_at = row
    return GrantRequest(request_id, _decode_changes(changes), asked_at)
