"""Where webhooks may be sent to: nowhere inside.

A URL is looked at when it is set up, and its host is resolved then and again for each connection. Every address it has
must be a public one, and the connection goes to exactly the address that was checked, so a name that changes its mind
in between gains nothing.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from ipaddress import IPv4Address, IPv6Address
from urllib.parse import urlsplit

import msgspec

_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_RESERVED_4 = (ipaddress.IPv4Network("192.0.0.0/24"), ipaddress.IPv4Network("192.88.99.0/24"))
_RESERVED_6 = (
    ipaddress.IPv6Network("2001::/23"),  # protocol assignments: Teredo, benchmarks, ORCHID
    ipaddress.IPv6Network("2001:db8::/32"),
    ipaddress.IPv6Network("3fff::/20"),
)
_LEAST_PORT = 1_024
"""Below it are the ports of other protocols, which a request might be mistaken by."""

RESOLVE_SECONDS = 4.0
_ASKING = ThreadPoolExecutor(16, "webhook-names")
"""The system's resolver blocks, for long where nobody answers: nobody else's threads must wait for it."""

_DEFAULT_PORTS = {"https": 443, "http": 80}

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""The addresses of a host; raises OSError where it has none."""


class AddressRefused(Exception):
    """This isn't called. `why` is one of a few phrases, and says nothing of what was found."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class Address(msgspec.Struct, frozen=True):
    """Where a URL leads to."""

    scheme: str
    host: str
    port: int


class Rules(msgspec.Struct, frozen=True):
    """What is allowed besides public addresses by https."""

    private: bool = False
    plain_http: bool = False


async def resolve(host: str, port: int) -> list[str]:
    """The addresses that the system knows of a host."""
    ask = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    found = await asyncio.get_running_loop().run_in_executor(_ASKING, ask)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class Addresses:
    """Says where to connect to, by the rules. `resolver` asks for the addresses of a host."""

    def __init__(self, rules: Rules, resolver: Resolve = resolve) -> None:
        self._rules = rules
        self._resolver = resolver

    def read(self, url: str) -> Address:
        """What a URL says, as far as it can be told without asking anybody. Raises AddressRefused."""
        if not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
            raise AddressRefused("not a URL")
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:
            raise AddressRefused("not a URL") from None
        if parts.scheme not in _DEFAULT_PORTS or not host or "%" in host:
            raise AddressRefused("not a URL")
        if parts.scheme == "http" and not self._rules.plain_http:
            raise AddressRefused("only https")
        if "@" in parts.netloc:
            raise AddressRefused("a URL without a user or password")
        if "#" in url:
            raise AddressRefused("a URL without a fragment")
        port = _DEFAULT_PORTS[parts.scheme] if port is None else port
        if port not in _DEFAULT_PORTS.values() and port < _LEAST_PORT:
            raise AddressRefused("this port isn't called")
        return Address(parts.scheme, host, port)

    async def check(self, url: str) -> None:
        """Raises AddressRefused unless the URL may be called as things are now."""
        address = self.read(url)
        await self.of(address.host, address.port)

    async def of(self, host: str, port: int) -> list[str]:
        """The addresses of a host, each one checked. Raises AddressRefused."""
        try:
            async with asyncio.timeout(RESOLVE_SECONDS):
                found = list(await self._resolver(host, port))
        except (OSError, UnicodeError):  # TimeoutError is an OSError
            raise AddressRefused("the host has no address") from None
        if not found:
            raise AddressRefused("the host has no address")
        if not self._rules.private and not all(map(is_public, found)):
            raise AddressRefused("not a public address")
        return found


def is_public(text: str) -> bool:
    """Whether an address is one of the public internet, also where it is an IPv4 address in the clothes of IPv6."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:  # with a zone: of one link
        return False
    if isinstance(address, IPv6Address):
        inner = _inner(address)
        if inner is None:
            return _is_public_6(address)
        address = inner
    return address.is_global and not address.is_multicast and not any(address in net for net in _RESERVED_4)


def _inner(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that a router or gateway would make of it."""
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour


def _is_public_6(address: IPv6Address) -> bool:
    return address in _GLOBAL_UNICAST and address.is_global and not any(address in net for net in _RESERVED_6)
