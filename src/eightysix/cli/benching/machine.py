"""What the figures were measured on."""

import os
import platform
import shutil
import sqlite3
from importlib import metadata
from pathlib import Path

import msgspec

_PACKAGES = ("asyncpg", "granian", "litestar", "msgspec", "uvloop")


class Machine(msgspec.Struct, frozen=True):
    """One machine. `load_before` is the one-minute load average at the start: above 0.3 others were at work."""

    cpu: str
    cores: int
    memory_gb: float
    system: str
    filesystem: str
    python: str
    sqlite: str
    packages: dict[str, str]
    load_before: float


def this_machine(folder: Path) -> Machine:
    """The machine we run on; `folder` is where the measured databases keep their files."""
    return Machine(
        cpu=_cpu(),
        cores=len(os.sched_getaffinity(0)),
        memory_gb=round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        system=f"{_distribution()}, Linux {platform.release().split('-')[0]}",
        filesystem=_filesystem(folder),
        python=f"{platform.python_implementation()} {platform.python_version()}",
        sqlite=sqlite3.sqlite_version,
        packages={name: metadata.version(name) for name in _PACKAGES if _installed(name)},
        load_before=round(os.getloadavg()[0], 2),
    )


def _installed(name: str) -> bool:
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def _cpu() -> str:
    for line in _lines(Path("/proc/cpuinfo")):
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _distribution() -> str:
    for line in _lines(Path("/etc/os-release")):
        if line.startswith("PRETTY_NAME="):
            return line.split("=", 1)[1].strip('"')
    return platform.system()


def _filesystem(folder: Path) -> str:
    """The type of the file system that holds `folder`: a tmpfs would make every commit look free."""
    best, found = Path("/"), "unknown"
    resolved = folder.resolve()
    for line in _lines(Path("/proc/mounts")):
        fields = line.split()
        mounted = Path(fields[1])
        if resolved.is_relative_to(mounted) and len(mounted.parts) >= len(best.parts):
            best, found = mounted, fields[2]
    free_gb = shutil.disk_usage(folder).free / 2**30
    return f"{found}, {free_gb:.0f} GB free"


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []
