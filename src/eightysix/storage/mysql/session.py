"""One connection: statements one at a time, faults in the port's words, never a statement cut short.

Cancelling a caller doesn't cancel its statement: the server would go on with it while the next one is sent. It runs to
its end (the lock timeout sees to that) and the next use of the connection waits for it.

An error that isn't the server's own answer leaves the stream in an unknown place, where a later statement could get an
earlier one's result; so the connection is closed at once and counts as lost.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

import asyncmy
from asyncmy import converters
from asyncmy.constants.CLIENT import FOUND_ROWS
from asyncmy.constants.FIELD_TYPE import DECIMAL, NEWDECIMAL
from asyncmy.errors import MySQLError

from eightysix.storage.port import LostConnection, Rejected, StorageFault, Unavailable
from eightysix.storage.url import DatabaseUrl

from .fault import fault_of
from .literal import thousandths

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 30.0
"""How long a reply may take before the server counts as gone; far above the lock timeout."""

PACKET_BYTES_MIN = 4_194_304

_PROXY = "ShardingSphere"

_OWN_SETTINGS = (
    "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
    "SET SESSION sql_mode = 'STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION'",
    "SET SESSION innodb_lock_wait_timeout = 1",
)
"""Sent to a database of our own connection only. Through the proxy they would stay on a pooled connection for its next
user; there they stand in the proxy's configuration."""

_IDLE_TRANSACTION = "SET SESSION idle_transaction_timeout = 5"  # MariaDB only; MySQL has nothing like it

_CONVERSIONS = {**converters.conversions, DECIMAL: thousandths, NEWDECIMAL: thousandths}

Row = Sequence[Any]


class Session:
    """A connection that can be replaced. Not safe for concurrent use."""

    def __init__(self, url: DatabaseUrl) -> None:
        self._url = url
        self._connection: asyncmy.Connection | None = None
        self._running: asyncio.Task[tuple[int, Sequence[Row]]] | None = None

    async def open(self) -> None:
        """Connect and check that the server keeps what we count on. Raises Unavailable, or Rejected for a server that
        is set up otherwise."""
        try:
            self._connection = await asyncmy.connect(**self._arguments())
            await self._settle()
        except LostConnection as fault:
            self.drop()
            raise Unavailable(str(fault)) from fault
        except StorageFault:
            self.drop()
            raise
        except MySQLError as error:
            self.drop()
            raise Unavailable(f"can't connect: {_message(error)}") from error
        except (OSError, EOFError, RuntimeError) as error:
            self.drop()
            raise Unavailable(f"can't connect: {error!r}") from error

    async def reopen(self) -> None:
        """Drop the connection, once a statement that still runs there has ended, and open a new one."""
        await self.idle()
        self.drop()
        await self.open()

    async def rows(self, sql: str) -> Sequence[Row]:
        """What a query selects. DECIMALs come as integers of thousandths."""
        return (await self._send(sql))[1]

    async def change(self, sql: str) -> int:
        """How many rows a statement found (not: changed), as the proxy counts as well."""
        return (await self._send(sql))[0]

    async def idle(self) -> None:
        """Wait until no statement runs; its outcome is nobody's any more."""
        running = self._running
        if running is not None and not running.done():
            await asyncio.wait({running})

    def drop(self) -> None:
        """Close the connection without a word to the server, which then rolls back."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    async def close(self) -> None:
        """End the connection in good order."""
        await self.idle()
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                await asyncio.wait_for(connection.ensure_closed(), CONNECT_SECONDS)
            except (OSError, MySQLError):  # gone already; nothing was pending on it
                connection.close()

    @property
    def is_open(self) -> bool:
        """Whether there is a connection, as far as is known."""
        return self._connection is not None

    async def _send(self, sql: str) -> tuple[int, Sequence[Row]]:
        await self.idle()
        task = asyncio.create_task(self._talk(sql))
        task.add_done_callback(_look_at)
        self._running = task
        return await asyncio.shield(task)

    async def _talk(self, sql: str) -> tuple[int, Sequence[Row]]:
        connection = self._connection
        if connection is None:
            raise LostConnection("no connection")
        try:
            async with connection.cursor() as cursor:
                found = await cursor.execute(sql)
                return found, (await cursor.fetchall() if cursor.description else ())
        except MySQLError as error:
            fault = _fault(error)
            if isinstance(fault, LostConnection):
                self.drop()
            raise fault from error
        except Exception as error:
            self.drop()
            raise LostConnection(f"the connection broke: {error!r}") from error
        except BaseException:
            self.drop()
            raise

    async def _settle(self) -> None:
        connection = self._connection
        if connection is None or _PROXY in connection.get_server_info():
            return await self._check()
        for statement in _OWN_SETTINGS:
            await self.change(statement)
        if await self.rows("SHOW VARIABLES LIKE 'idle_transaction_timeout'"):
            await self.change(_IDLE_TRANSACTION)
        return await self._check()

    async def _check(self) -> None:
        names = "'tx_isolation','transaction_isolation','sql_mode','max_allowed_packet','check_constraint_checks'"
        found = {
            str(name).lower(): str(value)
            for name, value in await self.rows(f"SHOW VARIABLES WHERE Variable_name IN ({names})")
        }
        isolation = found.get("transaction_isolation", found.get("tx_isolation", ""))
        modes = set(found.get("sql_mode", "").split(","))
        _require(isolation == "READ-COMMITTED", f"the isolation level must be READ-COMMITTED, it is {isolation!r}")
        _require("NO_BACKSLASH_ESCAPES" not in modes, "sql_mode must not hold NO_BACKSLASH_ESCAPES")
        _require(
            bool(modes & {"STRICT_TRANS_TABLES", "STRICT_ALL_TABLES"}),
            "sql_mode must be strict (STRICT_ALL_TABLES), or wrong values would be stored as others",
        )
        _require(
            int(found.get("max_allowed_packet", "0")) >= PACKET_BYTES_MIN,
            f"max_allowed_packet must be {PACKET_BYTES_MIN} or more",
        )
        _require(found.get("check_constraint_checks", "ON") == "ON", "check_constraint_checks must be ON")

    def _arguments(self) -> dict[str, Any]:
        host = self._url.host or "127.0.0.1"
        place: dict[str, Any] = {"unix_socket": host} if host.startswith("/") else {"host": host}
        return {
            **place,
            "port": self._url.port or 3306,
            "user": self._url.user or "",
            "password": self._url.password or "",
            "database": self._url.database,
            "charset": "utf8mb4",
            "autocommit": True,
            "client_flag": FOUND_ROWS,
            "connect_timeout": CONNECT_SECONDS,
            "read_timeout": ANSWER_SECONDS,
            "conv": _CONVERSIONS,
        }


def _require(holds: bool, what: str) -> None:  # noqa: FBT001 - reads like `assert`
    if not holds:
        raise Rejected(f"this database server can't be used: {what}")


def _message(error: MySQLError) -> str:
    return " ".join(str(part) for part in error.args)


def _fault(error: MySQLError) -> StorageFault:
    """A server's answer has a number; anything else from the driver means that the stream can't be trusted."""
    if len(error.args) >= 2 and isinstance(error.args[0], int):
        return fault_of(error.args[0], str(error.args[1]))
    return LostConnection(_message(error))


def _look_at(task: asyncio.Task[tuple[int, Sequence[Row]]]) -> None:
    """The caller may have left; its statement's fault is then known to the next user by the connection's state."""
    if not task.cancelled():
        task.exception()
