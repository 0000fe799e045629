"""SQLite: the embedded default, for one process at a time.

WAL with synchronous=FULL: what was acknowledged survives a power cut. There is one writer, so begin takes the database's
write lock and no head row needs one of its own. Each connection lives in a thread of its own and does each step of a batch
in one trip there. Rows travel as JSON, one `json_each` or `json_group_array` statement a table: fetching row by row would
hand Python's global lock back and forth once a row.
"""

from .database import connect

__all__ = ["connect"]
