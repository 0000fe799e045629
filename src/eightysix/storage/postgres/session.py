"""One PostgreSQL connection: its settings, and what a server must be like before it is trusted with stock."""

import logging
import socket

import asyncpg

from eightysix.storage.port import Rejected, Unavailable
from eightysix.storage.url import DatabaseUrl

from .fault import CLIENT_ERRORS, connect_fault

_log = logging.getLogger(__name__)

CONNECT_SECONDS = 5
_UNHEARD_MS = 10_000
"""How long sent bytes may go unconfirmed by the other machine before the connection counts as lost."""

SETTINGS = {
    "lock_timeout": "500ms",
    "idle_in_transaction_session_timeout": "5s",
    "default_transaction_isolation": "read committed",
    # The hot statements join short arrays with tables by their whole key. The planner doesn't know how short, and on
    # a table without statistics it likes to read all of it; so the one good plan is made once and the rest forbidden.
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "enable_bitmapscan": "off",
    "max_parallel_workers_per_gather": "0",
    "jit": "off",
}

_FITNESS = """
SELECT current_setting('transaction_isolation'), current_setting('synchronous_commit'), current_setting('fsync'),
       current_setting('full_page_writes'), pg_is_in_recovery(), current_setting('server_encoding')
"""


def arguments(target: DatabaseUrl, name: str) -> dict[str, object]:
    """What to give `asyncpg.connect` or `create_pool` for this database; `name` shows up in pg_stat_activity."""
    return {
        "host": target.host,
        "port": target.port,
        "user": target.user,
        "password": target.password,
        "database": target.database,
        "timeout": CONNECT_SECONDS,
        "statement_cache_size": 200,
        "max_cached_statement_lifetime": 0,
        "max_cacheable_statement_size": 0,
        "server_settings": {**SETTINGS, "application_name": name[:63]},
    }


async def open_session(target: DatabaseUrl, name: str) -> asyncpg.Connection:
    """A checked connection. Raises Unavailable, or Rejected for a server that would not keep what it acknowledges."""
    try:
        connection = await asyncpg.connect(**arguments(target, name))
    except CLIENT_ERRORS as error:
        raise connect_fault(error) from error
    try:
        await check_fitness(connection)
    except BaseException:
        connection.terminate()
        raise
    return connection


async def check_fitness(connection: asyncpg.Connection) -> None:
    """Raises Unavailable for a standby and Rejected where an acknowledged order could be lost."""
    try:
        row = await connection.fetchrow(_FITNESS)
    except CLIENT_ERRORS as error:
        raise connect_fault(error) from error
    isolation, synchronous, fsync, full_pages, standby, encoding = row
    if standby:
        raise Unavailable("this PostgreSQL is a standby; it can't be written to (这是只读备库,无法写入)")
    if isolation != "read committed":
        raise Rejected(f"transactions are {isolation} here, not read committed (事务隔离级别不是 read committed)")
    if synchronous == "off":
        raise Rejected(
            "synchronous_commit is off: PostgreSQL would acknowledge orders before they are durable "
            "(synchronous_commit 为 off,订单可能在落盘前就被确认)"
        )
    if encoding != "UTF8":
        raise Rejected(f"the database's encoding is {encoding}, not UTF8 (数据库编码不是 UTF8)")
    for name, value in (("fsync", fsync), ("full_page_writes", full_pages)):
        if value != "on":
            _log.warning(
                "%s is %s on this PostgreSQL: a crash of the machine may lose acknowledged orders", name, value
            )
    _notice_dead_peers(connection)


def _notice_dead_peers(connection: asyncpg.Connection) -> None:
    """A machine that vanished without a word is noticed within seconds instead of after the system's hours."""
    # asyncpg hands out neither its transport nor a way to give it a socket.
    transport = getattr(connection, "_transport", None)
    peer = transport.get_extra_info("socket") if transport is not None else None
    if peer is None or peer.family not in {socket.AF_INET, socket.AF_INET6}:
        return
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (
        ("TCP_KEEPIDLE", 5),
        ("TCP_KEEPINTVL", 2),
        ("TCP_KEEPCNT", 3),
        ("TCP_USER_TIMEOUT", _UNHEARD_MS),
    ):
        if hasattr(socket, option):
            peer.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
