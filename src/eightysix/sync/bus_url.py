"""The bus that a setting names."""

from .bus import Bus
from .local_bus import LocalBus


class BadBusUrl(ValueError):
    """The setting names no bus that there is."""


async def open_bus(url: str) -> Bus:
    """The bus: within this process for an empty `url`. Raises BadBusUrl."""
    if not url:
        return LocalBus()
    scheme = url.partition("://")[0]
    raise BadBusUrl(f"there is no bus {scheme}:// (没有这种消息总线)")
