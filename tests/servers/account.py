"""The unprivileged account that a database server runs under when the tests run as root (servers refuse root)."""

import os
import pwd
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.servers.server import ServerFailed


class Account:
    """Who runs a server: the caller itself, or, for root, the first of `names` that the machine has."""

    def __init__(self, *names: str) -> None:
        self._entry = _first_known((*names, "nobody")) if os.geteuid() == 0 else None

    def popen_arguments(self) -> dict[str, Any]:
        """What to hand to subprocess so that the child runs under this account."""
        if self._entry is None:
            return {}
        return {"user": self._entry.pw_uid, "group": self._entry.pw_gid, "extra_groups": []}

    def own(self, folder: Path) -> None:
        """Hand `folder` itself (not what is in it) to the account. Raises ServerFailed where it can't get there."""
        if not self.can_reach(folder):
            message = f"the account that runs the server can't enter a folder above {folder}; choose one under /tmp"
            raise ServerFailed(message)
        if self._entry is not None:
            os.chown(folder, self._entry.pw_uid, self._entry.pw_gid)

    def can_reach(self, path: Path) -> bool:
        """Whether every folder above `path` lets the account through."""
        if self._entry is None:
            return True
        return all(self._may_enter(folder) for folder in path.resolve().parents)

    def _may_enter(self, folder: Path) -> bool:
        assert self._entry is not None
        status = folder.stat()
        if status.st_uid == self._entry.pw_uid:
            return bool(status.st_mode & 0o100)
        if status.st_gid == self._entry.pw_gid:
            return bool(status.st_mode & 0o010)
        return bool(status.st_mode & 0o001)


def _first_known(names: Sequence[str]) -> pwd.struct_passwd:
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    for name in names:
        if name in known:
            return known[name]
    message = f"none of the accounts {', '.join(names)} exists"
    raise LookupError(message)


def find_program(name: str) -> Path | None:
    """Where a program is, also in the folders of system programs that a user's PATH leaves out."""
    found = shutil.which(name, path=os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin")))
    return Path(found) if found else None
