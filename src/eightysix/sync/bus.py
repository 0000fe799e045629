"""The port of a message bus: what a relay hands its messages to, and gateways and other consumers get them from.

Messages of one group arrive in the order in which they were published, the first time at least: a repeat may step back,
so handlers are idempotent. A message counts as consumed once its handler has returned.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import msgspec


class BusMessage(msgspec.Struct, frozen=True, gc=False):
    """`key` names what it is about, for people who look for it. `deliver_at`, in milliseconds since 1970: not before
    that; such a message has no group."""

    topic: str
    body: bytes
    group: str = ""
    key: str = ""
    deliver_at: int | None = None


class BusUnavailable(Exception):
    """The bus can't be had now; nothing is wrong with the message, and it may have been published all the same."""


class MessageRefused(Exception):
    """The bus will never take this message (its size, its characters): trying again won't help."""


Handler = Callable[[Sequence[BusMessage]], Awaitable[None]]
"""Consumes messages of one group in their order, all or none; an exception has them delivered again, after a while. One
group's messages are handed over one call at a time, several groups' side by side. MessageRefused says that it will
never take one of them; that one is given up then, or its publisher hears of it, and the others go on."""


class Subscription(Protocol):
    """One consumer's end of a topic."""

    async def close(self) -> None:
        """No more calls of the handler; those running come to their end."""
        ...


class Bus(Protocol):
    """A message bus in use by this process."""

    at_once: int
    """As many messages of one group are best published by one call."""

    async def publish(self, *messages: BusMessage) -> None:
        """Return once the bus has the message for good, or several of one group in this order. Publish the next of a
        group only then.

        Raises BusUnavailable or MessageRefused; of several it may have some then.
        """
        ...

    async def subscribe(self, topic: str, consumers: str, handle: Handler) -> Subscription:
        """Have the messages of a topic handled. Each goes to one subscription of each group of `consumers`."""
        ...

    async def close(self) -> None:
        """Everything published is out, no handler runs any more."""
        ...
