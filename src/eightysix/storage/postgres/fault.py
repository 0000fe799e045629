"""Errors of asyncpg and PostgreSQL, as the port's faults. Owns which SQLSTATE means what; decides no retry itself."""

import asyncpg

from eightysix.storage.port import (
    Conflict,
    GuardFailed,
    LockTimeout,
    LostConnection,
    Rejected,
    StorageFault,
    Unavailable,
)

LOCK_NOT_AVAILABLE = "55P03"

_GONE = frozenset({"57P01", "57P02", "57P04", "57P05", "25P03", "25P04", "25006"})
"""The server ended the session, or became a standby (25006): only a new connection can help."""

_CONFLICTS = frozenset({"40001", "40P01", LOCK_NOT_AVAILABLE, "57014", "25P02"})
_UNIQUE_VIOLATION = "23505"
_RESOURCES = ("53", "57P03")
_CONNECTION = "08"

CLIENT_ERRORS = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)
"""Everything that asyncpg raises for a statement that did not succeed (TimeoutError is an OSError)."""


def statement_fault(error: BaseException) -> StorageFault:
    """The fault of a statement that failed on an open connection."""
    if isinstance(error, (asyncpg.InvalidCachedStatementError, asyncpg.OutdatedSchemaCacheError)):
        return Conflict(str(error))
    if isinstance(error, asyncpg.DataError):  # before InterfaceError: asyncpg's own DataError is one
        return Rejected(str(error))
    if isinstance(error, asyncpg.PostgresError):
        return _by_state(error)
    if isinstance(error, asyncpg.InterfaceError) and isinstance(error, ValueError):
        return Rejected(str(error))
    return LostConnection(f"the connection to PostgreSQL is gone: {error}")


def begin_fault(error: BaseException) -> StorageFault:
    """The same while head rows are being locked, where a lock wait that ran out has its own name."""
    if isinstance(error, asyncpg.PostgresError) and error.sqlstate == LOCK_NOT_AVAILABLE:
        return LockTimeout(str(error))
    return statement_fault(error)


def connect_fault(error: BaseException) -> StorageFault:
    """The fault of a connection that could not be opened."""
    if isinstance(error, asyncpg.PostgresError):
        state = error.sqlstate or ""
        if not (state.startswith((*_RESOURCES, _CONNECTION)) or state in _GONE):
            return Rejected(f"PostgreSQL refuses the connection: {error}")
    return Unavailable(f"PostgreSQL can't be reached: {error}")


def _by_state(error: asyncpg.PostgresError) -> StorageFault:
    state = error.sqlstate or ""
    if state in _GONE or state.startswith(_CONNECTION):
        return LostConnection(f"PostgreSQL ended the connection: {error}")
    if state in _CONFLICTS:
        return Conflict(str(error))
    if state == _UNIQUE_VIOLATION:
        return GuardFailed(f"a row that should be new is already there: {error}")
    if state.startswith(_RESOURCES):
        return Unavailable(str(error))
    return Rejected(str(error))
