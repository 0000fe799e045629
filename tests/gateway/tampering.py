"""A bus between the publisher and the gateway that loses, doubles and shuffles messages."""

import random
from collections.abc import Callable, Sequence

from eightysix.app import Service
from eightysix.sync.bus import BusMessage
from eightysix.wire.message import STOCK_TOPIC

Tamper = Callable[[BusMessage], Sequence[BusMessage]]
"""What becomes of a message: itself, nothing, others."""


async def tampered(service: Service, tamper: Tamper) -> None:
    """From now on the gateway gets what `tamper` makes of each message."""
    await service.followers.gateway.deafen()

    async def handle(messages: Sequence[BusMessage]) -> None:
        for message in messages:
            await service.followers.gateway.handle(tamper(message))

    await service.bus.subscribe(STOCK_TOPIC, "tampering", handle)


class Shuffler:
    """Holds a few messages back, hands them on in any order, doubles some, and loses some."""

    def __init__(self, seed: int, lost: float = 0.0) -> None:
        self._random = random.Random(seed)
        self._lost = lost
        self._held: list[BusMessage] = []

    def __call__(self, message: BusMessage) -> list[BusMessage]:
        if self._random.random() >= self._lost:
            self._held.append(message)
        if len(self._held) < 4:
            return []
        out, self._held = self._held, []
        out += self._random.sample(out, 2)
        self._random.shuffle(out)
        return out


def padded(message: BusMessage, size: int) -> BusMessage:
    """The same message with so many bytes more, which nobody reads."""
    body = message.body[:-1] + b',"padding":"' + b"x" * size + b'"}'
    return BusMessage(message.topic, body, message.group)
