"""The bus that a setting names: none, or `rocketmq://host:port[;host:port]` with RocketMQ's name servers."""

from urllib.parse import urlsplit

from .bus import Bus
from .local_bus import LocalBus


class BadBusUrl(ValueError):
    """The setting names no bus that there is; the message says why."""


async def open_bus(url: str) -> Bus:
    """The bus: within this process for an empty `url`. A RocketMQ needn't be up yet. Raises BadBusUrl."""
    if not url:
        return LocalBus()
    name_servers = addresses(url)
    from .rocketmq.rocketmq import RocketMQ  # noqa: PLC0415 - only where it is asked for

    return RocketMQ(name_servers)


def set_up_bus(url: str) -> list[str]:
    """Make what the bus must have before it is used: names of the topics. Raises BadBusUrl, ConnectionError."""
    if not url:
        return []
    name_servers = addresses(url)
    from .rocketmq.administration import Administration  # noqa: PLC0415 - only where it is asked for
    from .topics import TOPICS  # noqa: PLC0415 - as above

    Administration(name_servers).set_up(TOPICS)
    return [topic.name for topic in TOPICS]


def addresses(url: str) -> str:
    """The name servers. Raises BadBusUrl."""
    parts = urlsplit(url)
    if parts.scheme != "rocketmq":
        raise BadBusUrl(f"there is no bus {parts.scheme}:// (没有这种消息总线)")
    if parts.query or parts.path.strip("/"):
        raise BadBusUrl(f"{url} has more than host:port (地址中有多余的部分)")
    for address in parts.netloc.split(";"):
        host, _, port = address.rpartition(":")
        if not host or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65_536:
            raise BadBusUrl(f"{address!r} is not host:port (应为 主机:端口)")
    return parts.netloc
