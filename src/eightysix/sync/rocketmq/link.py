"""A broker's channel, opened when somebody wants it and again after it was lost, ever more slowly while that fails."""

import asyncio

from .channel import Channel
from .remoting import RemotingFailed

_PAUSE_FIRST, _PAUSE_MAX = 0.1, 2.0


class Link:
    """To the broker at an address."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._loop = asyncio.get_running_loop()
        self._channel: Channel | None = None
        self._opening: asyncio.Task[Channel] | None = None
        self._not_before = 0.0
        self._pause = 0.0
        self._reason = ""

    @property
    def channel(self) -> Channel | None:
        """The channel, where it is open."""
        return self._channel if self._channel is not None and self._channel.is_open else None

    async def opened(self) -> Channel:
        """The channel; who comes while it is being opened waits for the same. Raises RemotingFailed."""
        if self.channel is not None:
            return self.channel
        if self._opening is None:
            if self._loop.time() < self._not_before:
                raise RemotingFailed(self._reason)
            self._opening = asyncio.create_task(self._open(), name=f"to {self._address}")
            self._opening.add_done_callback(lambda done: done.cancelled() or done.exception())  # perhaps nobody waits
        return await asyncio.shield(self._opening)

    def close(self) -> None:
        """End it."""
        if self._opening is not None:
            self._opening.cancel()
        if self._channel is not None:
            self._channel.close()

    async def _open(self) -> Channel:
        try:
            self._channel = await Channel.opened(self._address)
        except RemotingFailed as fault:
            self._reason = str(fault)
            self._pause = min(_PAUSE_MAX, self._pause * 2 or _PAUSE_FIRST)
            self._not_before = self._loop.time() + self._pause
            raise
        else:
            self._pause = 0.0
            return self._channel
        finally:
            self._opening = None
