"""Webhooks in one process, put together: taken in from the bus, sent, tested, replayed, cleaned up after."""

from collections.abc import Sequence

from eightysix.catalog.catalog import Catalog
from eightysix.catalog.clock import now_ms
from eightysix.catalog.subscriptions import Subscriptions
from eightysix.catalog.webhook import Webhook
from eightysix.core.instant import to_iso
from eightysix.storage.port import Database
from eightysix.storage.webhook_attempt import Attempt, Place
from eightysix.storage.webhook_queue import HEALTH, WebhookKey
from eightysix.sync.bus import Bus, Subscription
from eightysix.sync.lease import Leases
from eightysix.wire.message import STOCK_TOPIC
from eightysix.wire.webhook import PING, WebhookBody, WebhookMade, WebhookShown
from eightysix.wire.webhook_event import Pinged, WebhookPing, encode_event

from .address import Addresses
from .cleaning import Cleaning
from .courier import Answer
from .desk import Desk, fresh_id
from .endpoint import CONTENT
from .figures import Figures
from .intake import CONSUMERS, Intake
from .ledger import Entry, Ledger
from .replay import Replay
from .sender import Pace, Sender
from .signature import headers
from .state import States

LOOK_ALONE_SECONDS = 5.0
"""How often a process that has the database to itself looks for rows that nobody told of."""


class Webhooks:
    """See the parts. `figures` are plain numbers for whoever shows them."""

    def __init__(
        self,
        database: Database,
        catalog: Catalog,
        addresses: Addresses,
        *,
        leases: Leases | None = None,
        retention_days: int = 14,
        pace: Pace | None = None,
        desk: Desk | None = None,
    ) -> None:
        leases = leases or Leases(None, "alone")
        if pace is None:
            pace = Pace() if database.capabilities.several_processes else Pace(look=LOOK_ALONE_SECONDS)
        self.addresses = addresses
        self.subscriptions = Subscriptions(catalog)
        self.attempts = database.webhook_attempts
        self.desk = desk or self.a_desk(database, catalog, addresses)
        self.figures = self.desk.figures
        self.sender = Sender(self.desk, lambda: catalog.current, leases, pace)
        self.intake = Intake(database.webhook_queue, catalog, self.desk.states, self.sender.offer, self.figures)
        self.replay = Replay(database.reader, database.webhook_attempts, self.intake)
        self.cleaning = Cleaning(
            (database.webhook_queue, database.webhook_attempts),
            lambda: catalog.current,
            leases,
            retention_days,
            self.desk.clock,
        )
        self._subscription: Subscription | None = None

    @staticmethod
    def a_desk(database: Database, catalog: Catalog, addresses: Addresses) -> Desk:
        """What the endpoints share, on the clocks of this machine."""
        return Desk(
            queue=database.webhook_queue,
            ledger=Ledger(database.webhook_queue, database.webhook_attempts),
            states=States(database.reader, database.incidents, catalog),
            addresses=addresses,
            figures=Figures(),
            stop=Subscriptions(catalog).stop,
            current=lambda key: catalog.current.webhooks(key.brand_id).get(key.webhook_id),
            clock=now_ms,
        )

    async def start(self, bus: Bus | None) -> None:
        """Send what is queued, and take in what the bus has from now on."""
        self.sender.start()
        self.cleaning.start()
        if bus is not None:
            self._subscription = await bus.subscribe(STOCK_TOPIC, CONSUMERS, self.intake.handle)

    async def stop(self) -> None:
        """Take nothing more in, and end what is on its way."""
        if self._subscription is not None:
            await self._subscription.close()
        await self.cleaning.stop()
        await self.intake.close()
        await self.sender.stop()
        await self.desk.ledger.close()
        await self.desk.states.close()

    async def write(self, bodies: Sequence[WebhookBody], actor: str, *, replace: bool) -> list[WebhookMade]:
        """Make or replace these; what becomes active makes a new start. See `Subscriptions.write`."""
        await self._forget_health([WebhookKey.of(each.brand_id, each.webhook_id) for each in bodies])
        return await self.subscriptions.write(bodies, actor, replace=replace)

    async def resume(self, brand_id: str, webhook_id: str, actor: str) -> WebhookShown:
        """Active again, from a new start. See `Subscriptions.resume`."""
        await self._forget_health([WebhookKey.of(brand_id, webhook_id)])
        return await self.subscriptions.resume(brand_id, webhook_id, actor)

    async def ping(self, webhook: Webhook) -> tuple[str, Answer]:
        """Ask the endpoint now, whatever it is like and whatever waits for it; (the message id, what it said)."""
        desk = self.desk
        now = desk.clock()
        told = WebhookPing(brand_id=webhook.key.brand_id, webhook_id=webhook.key.webhook_id)
        body, message_id = encode_event(Pinged(to_iso(now), told)), fresh_id("msg_")
        signed = headers(webhook.signing(now), message_id, now // 1000, body)
        courier = desk.courier()
        try:
            answer = await courier.post(webhook.url, [*CONTENT, *signed], body)
        finally:
            await courier.close()
        place = Place(now, fresh_id("try_"))
        said = (answer.status, answer.reason, answer.took_ms, answer.is_delivered)
        attempt = Attempt(webhook.key, place, message_id, PING, None, None, *said)
        await desk.ledger.write(Entry(attempt))
        return message_id, answer

    async def _forget_health(self, webhooks: Sequence[WebhookKey]) -> None:
        """Of those that aren't active: how their endpoints failed before says nothing of what they do from now on."""
        current, queue = self.desk.current, self.desk.queue
        ended = [key for key in webhooks if (known := current(key)) is None or known.status != "active"]
        for key in await queue.waiting(ended):
            await queue.delivered([row for row in await queue.load(key, None, 1) if row.subject == HEALTH])
