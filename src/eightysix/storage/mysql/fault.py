"""What a server's error number means for a batch."""

from eightysix.storage.port import (
    Conflict,
    GuardFailed,
    LockTimeout,
    LostConnection,
    Rejected,
    StorageFault,
    Unavailable,
)

_LOST = {
    0,  # the proxy: its connection to the database is gone
    1815,  # the proxy: an internal error, which a lost backend shows as
    1053,  # the server shuts down
    1152, 1154, 1158, 1159, 1160, 1161, 1184,  # packets or the connection broke
    1927,  # MariaDB: the connection was killed
    2006, 2013, 2014, 2055,  # the client's own words
    3169, 4031,  # MySQL: the session was killed, or disconnected for being idle
    4150,  # MariaDB: killed for an idle transaction
}  # fmt: skip
_CONFLICT = {
    1020,  # MariaDB: the record has changed since it was read
    1213,  # deadlock
    1317, 1969, 3024,  # the statement was interrupted or took too long
    1614, 3101,  # rolled back: deadlock of branches, or by group replication
}  # fmt: skip
_LOCK_TIMEOUT = {1205, 3572}
_DUPLICATE = {1062, 1586}
_UNAVAILABLE = {1040, 1044, 1045, 1049, 1129, 1130, 1203, 1226, 1290, 1698, 1836, 2002, 2003}


def fault_of(number: int, message: str) -> StorageFault:
    """The port's fault for a server's error. What isn't known is refused: running it again won't help."""
    text = f"{number}: {message}"
    if number in _LOST:
        return LostConnection(text)
    if number in _LOCK_TIMEOUT:
        return LockTimeout(text)
    if number in _CONFLICT:
        return Conflict(text)
    if number in _DUPLICATE:
        return GuardFailed(text)
    if number in _UNAVAILABLE:
        return Unavailable(text)
    return Rejected(text)
