"""What an SQLite error means to the storage port."""

import sqlite3

from eightysix.storage.port import GuardFailed, LockTimeout, LostConnection, Rejected, StorageFault

_ROW_IS_THERE = {
    sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY,
    sqlite3.SQLITE_CONSTRAINT_UNIQUE,
    sqlite3.SQLITE_CONSTRAINT_ROWID,
}
_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_FILE_TROUBLE = {
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_INTERRUPT,
    sqlite3.SQLITE_PROTOCOL,
}
_NOT_OUR_FILE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


def fault(error: sqlite3.Error) -> StorageFault:
    """The port's fault for `error`.

    Trouble with the file (disk full, I/O) counts as a lost connection: only a look at the marker row tells whether a
    COMMIT that failed so has happened.
    """
    code: int | None = getattr(error, "sqlite_errorcode", None)
    if code is None:
        # Python's own: the connection is closed, or a value can't be bound.
        return LostConnection(str(error)) if "closed database" in str(error) else Rejected(str(error))
    if code in _ROW_IS_THERE:
        return GuardFailed(str(error))
    primary = code & 0xFF
    if primary in _BUSY:
        return LockTimeout(str(error))
    if primary in _FILE_TROUBLE:
        return LostConnection(f"{error} ({error.sqlite_errorname})")
    if primary in _NOT_OUR_FILE:
        return StorageFault(f"the database file is damaged: {error}")
    return Rejected(str(error))
