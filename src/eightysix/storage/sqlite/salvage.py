"""What can still be read of a hub's journal in a file, without a service and without writing anything to it."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from eightysix.storage.port import StorageFault

_BOOKS = "SELECT hub_id, journal_id, product_shard_id, brand_id, poi_id, last_seq, acked_seq FROM poi_hub_books"
_OF_STORE = "SELECT seq, at, body FROM poi_hub_event WHERE product_shard_id = ?1 AND brand_id = ?2 AND poi_id = ?3"
_NEXT = f"{_OF_STORE} AND seq > ?4 ORDER BY seq LIMIT 1"
_LAST = f"{_OF_STORE} AND seq > ?4 AND seq < ?5 ORDER BY seq DESC LIMIT 1"
_MAX_SEQ = 2**63 - 1


class Book(NamedTuple):
    """Whose journal it is, up to where it was written, and up to where the cloud has said to have it."""

    hub_id: str
    journal_id: str
    bucket: int
    brand_id: str
    poi_id: str
    last_seq: int
    acked_seq: int


class Salvaged(NamedTuple):
    """An event that could be read."""

    seq: int
    at: int
    body: bytes


class Salvage:
    """Reads a file from its beginning as far as it goes, then from its end. `why` says what stood in the way, if
    anything did."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.why: str | None = None

    def book(self) -> Book:
        """Raises StorageFault where there is no such file, or not even this can be read."""
        if not self._path.is_file():
            raise StorageFault(f"there is no file {self._path}")
        try:
            with closing(self._open()) as connection:
                row = connection.execute(_BOOKS).fetchone()
        except sqlite3.Error as error:
            raise StorageFault(f"the file {self._path} can't be read: {error}") from error
        if row is None:
            raise StorageFault(f"the file {self._path} keeps no hub's journal")
        return Book(*row)

    def events(self, book: Book) -> Iterator[Salvaged]:
        """The events that the cloud hasn't acknowledged, in order, without those that can't be read."""
        store = (book.bucket, book.brand_id, book.poi_id)
        with closing(self._open()) as connection:
            seq = 0
            while True:
                try:
                    row = connection.execute(_NEXT, (*store, seq)).fetchone()
                except sqlite3.Error as error:
                    self.why = str(error)
                    yield from reversed(_from_the_end(connection, store, seq))
                    return
                if row is None:
                    return
                seq = row[0]
                yield Salvaged(seq, row[1], row[2].encode())

    def _open(self) -> sqlite3.Connection:
        return sqlite3.connect(f"{self._path.absolute().as_uri()}?mode=ro", uri=True)


def _from_the_end(connection: sqlite3.Connection, store: tuple[int, str, str], after: int) -> list[Salvaged]:
    """What can be read behind what can't, the last first."""
    found: list[Salvaged] = []
    before = _MAX_SEQ
    while True:
        try:
            row = connection.execute(_LAST, (*store, after, before)).fetchone()
        except sqlite3.Error:
            return found
        if row is None:
            return found
        before = row[0]
        found.append(Salvaged(before, row[1], row[2].encode()))
