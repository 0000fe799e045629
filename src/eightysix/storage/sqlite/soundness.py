"""Whether a file is a database that can be used, before anything is written to it."""

import sqlite3
from contextlib import closing
from pathlib import Path

from eightysix.storage.port import StorageFault

_SHOWN = 3


def require_sound(path: Path) -> None:
    """Raises StorageFault for a damaged file, or one that is no database; a file that isn't there yet is sound."""
    if not path.exists():
        return
    try:
        with closing(sqlite3.connect(path)) as connection:
            found = [str(row[0]) for row in connection.execute(f"PRAGMA quick_check({_SHOWN})")]
    except sqlite3.Error as error:
        raise StorageFault(f"the file {path} can't be used: {error}") from error
    if found != ["ok"]:
        raise StorageFault(f"the file {path} is damaged: {'; '.join(found)}")
