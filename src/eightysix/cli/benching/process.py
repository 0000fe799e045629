"""What processes use, read from /proc: CPU time and memory of a process and everything it started."""

import os
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_PROC = Path("/proc")


def cpu_seconds(root: int | None) -> float | None:
    """CPU seconds of `root`, its living descendants and those that were waited for. None if unknown."""
    if root is None or not _PROC.is_dir():
        return None
    ticks = 0
    for pid in tree(root):
        fields = _stat(pid)
        if fields is not None:
            ticks += sum(int(value) for value in fields[11:15])
    return ticks / _TICKS


def memory_mb(root: int) -> float | None:
    """Resident megabytes (10^6 bytes) of `root` and its descendants; shared pages are divided among their users."""
    kilobytes = 0
    for pid in tree(root):
        try:
            rollup = (_PROC / str(pid) / "smaps_rollup").read_text()
        except OSError:
            return None
        for line in rollup.splitlines():
            if line.startswith("Pss:"):
                kilobytes += int(line.split()[1])
    return kilobytes * 1024 / 1e6


def tree(root: int) -> list[int]:
    """`root` and its living descendants."""
    children: dict[int, list[int]] = {}
    for entry in _PROC.iterdir():
        if entry.name.isdigit():
            fields = _stat(int(entry.name))
            if fields is not None:
                children.setdefault(int(fields[1]), []).append(int(entry.name))
    found = [root]
    for pid in found:
        found.extend(children.get(pid, ()))
    return found


def parent_of(pid: int) -> int | None:
    """The parent of a process of this machine, None if there is no such process."""
    fields = _stat(pid)
    return None if fields is None else int(fields[1])


def _stat(pid: int) -> list[str] | None:
    """The fields of /proc/PID/stat from the state on; None for a process that is gone."""
    try:
        text = (_PROC / str(pid) / "stat").read_text()
    except OSError:
        return None
    return text[text.rindex(")") + 2 :].split()
