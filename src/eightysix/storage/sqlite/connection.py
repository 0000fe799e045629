"""A connection in a thread of its own: SQLite blocks, the event loop must not."""

import asyncio
import sqlite3
from collections import deque
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeVar

from eightysix.storage.port import LostConnection, Unavailable

from .fault import fault

T = TypeVar("T")
_Job = tuple[Callable[[], Any], asyncio.AbstractEventLoop, "asyncio.Future[Any]", bool]

LOCK_TIMEOUT_MS = 500
"""How long a statement waits for the write lock."""

_WAL_PAGES = 16_000  # about 64 MB between checkpoints: a page that many orders change is copied back once for them
_CACHE_KIB = 32_000  # the stocks and heads of a brand's stores fit


class ConnectionThread:
    """Runs functions of a connection one after the other, in the order they were asked for."""

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self._path = path
        self._read_only = read_only
        self._connection: sqlite3.Connection | None = None
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._between: deque[_Job] = deque()
        self._thread: Thread | None = None

    async def open(self) -> None:
        """Connect, or connect anew: what was open is closed, its transaction forgotten. Raises Unavailable."""
        await self._do(self._reopen)

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """What `work` returns. SQLite's errors come as the port's faults; LostConnection when nothing is open.

        A caller that is cancelled stops waiting; `work` is run to its end, and what is asked next comes after it.
        """
        return await self._do(lambda: work(self._opened()))

    async def run_between(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """The same between two transactions: while one is open on this connection, `work` waits for its end."""
        return await self._do(lambda: work(self._opened()), between=True)

    async def close(self) -> None:
        """Close, and end the thread; closing twice does nothing."""
        thread = self._thread
        if thread is None:
            return
        await self._do(self._shut)
        self._thread = None
        self._jobs.put(None)

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            raise LostConnection("the connection is closed")
        return self._connection

    async def _do(self, work: Callable[[], T], *, between: bool = False) -> T:
        if self._thread is None:
            self._thread = Thread(target=self._serve, name=f"sqlite {self._path.name}", daemon=True)
            self._thread.start()
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._jobs.put((work, loop, future, between))
        return await future

    def _serve(self) -> None:
        while (job := self._jobs.get()) is not None:
            if job[3]:
                self._between.append(job)
            else:
                _serve_one(job)
            while self._between and not self._in_transaction:
                _serve_one(self._between.popleft())

    @property
    def _in_transaction(self) -> bool:
        return self._connection is not None and self._connection.in_transaction

    def _reopen(self) -> None:
        self._shut()
        try:
            self._connection = connect_file(self._path, read_only=self._read_only)
        except sqlite3.Error as error:
            raise Unavailable(f"can't open {self._path}: {error}") from error

    def _shut(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def connect_file(path: Path, *, read_only: bool) -> sqlite3.Connection:
    """A connection whose transactions are begun and ended by hand."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=256)
    connection.execute(f"PRAGMA busy_timeout = {LOCK_TIMEOUT_MS}")
    if read_only:
        connection.execute("PRAGMA query_only = ON")
    else:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA wal_autocheckpoint = {_WAL_PAGES}")
        connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
    return connection


def _serve_one(job: _Job) -> None:
    work, loop, future, _ = job
    try:
        answer = work()
    except sqlite3.Error as error:
        told = fault(error)
        told.__cause__ = error
        _tell(loop, future, _fail, told)
    except Exception as error:  # noqa: BLE001 - whatever it is belongs to the caller
        _tell(loop, future, _fail, error)
    else:
        _tell(loop, future, _answer, answer)


def _answer(future: "asyncio.Future[Any]", answer: object) -> None:
    if not future.done():
        future.set_result(answer)


def _fail(future: "asyncio.Future[Any]", error: Exception) -> None:
    if not future.done():
        future.set_exception(error)


def _tell(
    loop: asyncio.AbstractEventLoop, future: "asyncio.Future[Any]", how: Callable[..., None], what: object
) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(how, future, what)
