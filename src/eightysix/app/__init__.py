"""The one composition root: settings in, a running service out."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import cast

import msgspec

from eightysix.api.administration import Administration
from eightysix.api.auth import Doorkeeper
from eightysix.api.availability import Availability
from eightysix.api.change_log import Log
from eightysix.api.channels import Channels
from eightysix.api.endpoints import Rooms, endpoints
from eightysix.api.following import DeviceList, Following
from eightysix.api.health import Health
from eightysix.api.hub import HubLine
from eightysix.api.hubs import HubDesk
from eightysix.api.incidents import IncidentDesk
from eightysix.api.keys import Audit, Keys
from eightysix.api.lean import Asgi, Lean
from eightysix.api.metrics import MetricsPage
from eightysix.api.orders import Orders
from eightysix.api.parked import ParkedMessages
from eightysix.api.parked_events import ParkedEvents
from eightysix.api.pos import Pos
from eightysix.api.reconciliation import Reconciliation
from eightysix.api.setting import StockSetting
from eightysix.api.site import site
from eightysix.api.stock import Stocks
from eightysix.api.stock_file import StockFiles
from eightysix.api.stream import Streams
from eightysix.api.webhooks import WebhookDesk
from eightysix.catalog.catalog import Catalog
from eightysix.catalog.hubs import Hubs
from eightysix.catalog.keyring import Holder, Keyring
from eightysix.engine import Engine, Observers
from eightysix.ops.follower_metrics import FollowerMetrics
from eightysix.ops.metrics import Metrics
from eightysix.ops.order_metrics import OrderMetrics
from eightysix.ops.webhook_metrics import WebhookMetrics
from eightysix.settings import Settings
from eightysix.storage import catalog as catalog_rows
from eightysix.storage.migrate import migrate, pending
from eightysix.storage.open import open_database
from eightysix.storage.port import Database, Unavailable
from eightysix.storage.url import parse
from eightysix.sync.bus import Bus
from eightysix.sync.bus_url import open_bus
from eightysix.sync.delays import Delays
from eightysix.sync.lease import Leases
from eightysix.sync.order_events import OrderEvents
from eightysix.sync.order_upkeep import OrderUpkeep, UpkeepPace
from eightysix.sync.recall import Recalls
from eightysix.sync.relay import Relay
from eightysix.sync.waking import Waker
from eightysix.sync.webhooks.address import Addresses, Rules
from eightysix.sync.webhooks.service import Webhooks
from eightysix.wire.administration import KeyBody
from eightysix.wire.language import preferred

from .parts import Followers, limits_of, new_owner, start_housekeeping, started_followers, started_relay

_OPERATOR = "operator"
"""Who the log of administration names where somebody at the database itself did it."""


class SchemaBehind(RuntimeError):
    """The database lacks tables or columns that this program needs."""


class Service(msgspec.Struct, frozen=True):
    """A running service. `first_key` is the secret of the key made at the first start, None afterwards."""

    asgi: Lean
    database: Database
    engine: Engine
    catalog: Catalog
    first_key: str | None
    bus: Bus
    relay: Relay | None
    followers: Followers
    webhooks: Webhooks


async def prepare(settings: Settings, *, may_migrate: bool) -> None:
    """Bring the schema up to date, on SQLite always, elsewhere if `may_migrate`. Raises `SchemaBehind`."""
    target = parse(settings.database_url)
    if target.scheme == "sqlite":
        target.path.parent.mkdir(parents=True, exist_ok=True)
    if may_migrate or target.scheme == "sqlite":
        await migrate(settings.database_url)
        return
    await _require_schema(settings)


async def _require_schema(settings: Settings) -> None:
    missing = await pending(settings.database_url)
    if missing:
        raise SchemaBehind(f"the database lacks {len(missing)} migrations; run `eightysix migrate`")


def supports_workers(settings: Settings) -> bool:
    """Whether several processes may use the database at once."""
    return parse(settings.database_url).scheme != "sqlite"


async def platform_key(settings: Settings) -> str:
    """The secret of a new platform key, made in the database beside whatever runs on it."""
    async with _catalog_of(settings) as catalog:
        return (await Keyring(catalog).mint(KeyBody(_OPERATOR, "platform"), Holder(_OPERATOR))).key


async def new_generation(settings: Settings) -> int:
    """A new generation of the database, begun beside whatever runs on it."""
    async with _catalog_of(settings) as catalog:
        return await catalog.begin_generation()


@contextlib.asynccontextmanager
async def _catalog_of(settings: Settings) -> AsyncIterator[Catalog]:
    target = parse(settings.database_url)
    if target.scheme == "sqlite" and not await asyncio.to_thread(target.path.exists):
        raise Unavailable(f"there is no file {target.path}")
    await _require_schema(settings)
    catalog = Catalog(catalog_rows.connect(settings.database_url))
    try:
        await catalog.start()
        yield catalog
    finally:
        await catalog.stop()


@contextlib.asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Service]:
    """The service on a prepared database. At the end everything accepted is answered, then the database is closed."""
    async with contextlib.AsyncExitStack() as stack:
        owner, metrics = new_owner(), Metrics()
        database = await open_database(settings.database_url, owner=owner)
        stack.push_async_callback(database.close)
        catalog = Catalog(catalog_rows.connect(settings.database_url), settings.catalog_refresh_seconds)
        stack.push_async_callback(catalog.stop)
        await catalog.start()
        bus = await open_bus(settings.bus_url)
        stack.push_async_callback(bus.close)
        leases = Leases(database.leases, owner)
        webhooks = await _webhooks(settings, database, stack, catalog=catalog, bus=bus, leases=leases, metrics=metrics)
        relay = await started_relay(settings, database, stack, catalog=catalog, bus=bus, leases=leases, metrics=metrics)
        waker = Waker(relay, database.signals)
        delays = Delays(bus)
        recalls = Recalls(database.reader, catalog, bus)
        stack.push_async_callback(recalls.stop)
        observers = (metrics.engine, waker, recalls, *((delays,) if settings.bus_url else ()))
        engine = Engine(database, catalog, limits_of(settings), Observers(*observers))
        await engine.start()
        stack.push_async_callback(engine.stop)
        if settings.bus_url:  # within a process they would be the engine's own timers once more
            stack.push_async_callback(delays.stop)
            await delays.start(engine.submit)
        start_housekeeping(settings, database, stack, engine)
        keyring = Keyring(catalog)
        made = await keyring.first()
        followers = await started_followers(
            settings, database, stack, catalog=catalog, bus=bus, leases=leases, owner=owner
        )
        metrics.add(FollowerMetrics(*followers))
        events = _order_events(
            settings, stack, database=database, engine=engine, catalog=catalog, bus=bus, metrics=metrics
        )
        asgi = _asgi(
            database,
            engine,
            catalog,
            keyring,
            followers,
            waker=waker,
            metrics=metrics,
            events=events,
            webhooks=webhooks,
        )
        first = None if made is None else made.key
        yield Service(asgi, database, engine, catalog, first, bus, relay, followers, webhooks)


async def _webhooks(
    settings: Settings,
    database: Database,
    stack: contextlib.AsyncExitStack,
    *,
    catalog: Catalog,
    bus: Bus,
    leases: Leases,
    metrics: Metrics,
) -> Webhooks:
    """Webhooks, at work where the relay is, and before it: what is published while nobody subscribes is gone."""
    rules = Rules(private=settings.webhook_allow_private, plain_http=settings.webhook_allow_http)
    days = settings.webhook_retention_days
    webhooks = Webhooks(database, catalog, Addresses(rules), leases=leases, retention_days=days)
    if settings.relay:
        stack.push_async_callback(webhooks.stop)
        await webhooks.start(bus)
        metrics.add(WebhookMetrics(webhooks.figures))
    return webhooks


def _order_events(
    settings: Settings,
    stack: contextlib.AsyncExitStack,
    *,
    database: Database,
    engine: Engine,
    catalog: Catalog,
    bus: Bus,
    metrics: Metrics,
) -> OrderEvents:
    """The consumer of the order service's events; at work only where it is wanted: within one process nobody but the
    process itself could publish any."""
    events = OrderEvents(bus, engine.submit, catalog, database, preferred(settings.lang.encode()))
    wanted = settings.order_events
    if wanted or (wanted is None and settings.bus_url):
        pace = UpkeepPace(wait_seconds=settings.order_event_wait_seconds, keep_days=settings.order_event_retention_days)
        upkeep = OrderUpkeep(events, pace)
        stack.push_async_callback(upkeep.stop)
        upkeep.start()
        stack.push_async_callback(events.stop)
        events.start()
        metrics.add(OrderMetrics(events, upkeep))
    return events


def _asgi(
    database: Database,
    engine: Engine,
    catalog: Catalog,
    keyring: Keyring,
    followers: Followers,
    *,
    waker: Waker,
    metrics: Metrics,
    events: OrderEvents,
    webhooks: Webhooks,
) -> Lean:
    doorkeeper = Doorkeeper(catalog)
    streams = Streams(followers.gateway, catalog, doorkeeper)
    orders = Orders(engine.submit, catalog, doorkeeper)
    availability = Availability(database.reader, catalog)
    rooms = Rooms(
        Stocks(database.reader, catalog, availability),
        StockSetting(engine.submit, catalog, doorkeeper),
        Pos(engine.submit, catalog, doorkeeper),
        StockFiles(engine.submit, database.reader, catalog, doorkeeper),
        Channels(engine.submit, database.reader, catalog),
        IncidentDesk(engine.submit, database.incidents, database.reader, catalog),
        Reconciliation(engine.submit, database.devices, catalog),
        Log(database.log, catalog),
        Administration(catalog),
        Keys(keyring),
        WebhookDesk(webhooks, catalog),
        Audit(catalog),
        ParkedMessages(database.outbox, waker.wake),
        ParkedEvents(events),
        Health(database),
        Following(followers.gateway.catching_up, followers.acks, catalog),
        streams,
        DeviceList(database, followers.gateway, catalog),
        HubDesk(engine.submit, Hubs(catalog), database, followers.gateway, catalog),
        HubLine(engine.submit, database.reader, catalog, doorkeeper),
        MetricsPage(metrics.page),
    )
    return Lean(orders, streams, cast(Asgi, site(endpoints(rooms), orders, doorkeeper)))
