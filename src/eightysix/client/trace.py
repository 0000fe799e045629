"""How far a request came, as httpcore tells while it works."""

import httpx

from .request import Arrived, Broken

_NEVER_CONNECTED = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)


class Trace:
    """Of one request."""

    __slots__ = ("_connected", "_told", "_whole")

    def __init__(self) -> None:
        self._connected = self._told = self._whole = False

    def __call__(self, event: str, _info: object) -> None:
        self._told = True
        if event.endswith(".send_request_body.complete"):
            self._whole = True
        elif event.startswith("connection.connect_") and event.endswith(".complete"):
            self._connected = True

    def broken(self, fault: Exception) -> Broken:
        """What the fault comes to. Without a word of how far it came, it may have arrived."""
        why = f"{type(fault).__name__}: {fault}" if str(fault) else type(fault).__name__
        if isinstance(fault, _NEVER_CONNECTED):
            return Broken(Arrived.NOT_AS_A_WHOLE, why)
        if self._told and not self._whole:
            return Broken(Arrived.NOT_AS_A_WHOLE, why, stale=not self._connected)
        return Broken(Arrived.PERHAPS, why)
