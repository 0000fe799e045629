"""SQLite: the embedded default, for one process at a time.

WAL with synchronous=FULL: what was acknowledged survives a power cut. There is one writer, so begin takes the
database's write lock and no head row needs one of its own. Each connection lives in a thread of its own and does each
step of a batch in one trip there.
"""

from .database import connect

__all__ = ["connect"]
