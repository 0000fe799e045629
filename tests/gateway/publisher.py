"""Publishes what a store's outbox holds when a test says so: the messages that the relay makes by itself."""

from eightysix.app import Service
from eightysix.core.key import StoreKey
from eightysix.sync.bus import BusMessage
from eightysix.sync.rendering import Renderer

_MOST = 1_000


class Publisher:
    """Of a service that has no relay."""

    def __init__(self, service: Service) -> None:
        self._outbox = service.database.outbox
        self._bus = service.bus
        self._renderer = Renderer(self._outbox, service.catalog)

    async def publish(self, store: StoreKey) -> None:
        """Everything of this store that wasn't published yet."""
        for each in await self.messages(store):
            await self._bus.publish(each)

    async def messages(self, store: StoreKey) -> list[BusMessage]:
        """What is to be published next of this store; it counts as published."""
        pending = await self._outbox.pending([store], _MOST)
        rendered = (await self._renderer.render(pending.rows, pending.now)).get(store, [])
        await self._outbox.remove({store: [each.row.seq for each in rendered]})
        return [each.message for each in rendered if each.message is not None]
