"""The composition of a store's hub: the same engine on a file of its own, and the conversation with the cloud.

No webhooks and no bus but the one within the process: what others are told, the cloud tells.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from random import SystemRandom
from time import monotonic
from typing import cast

import msgspec
from msgspec.structs import replace

from eightysix.api.auth import Doorkeeper
from eightysix.api.availability import Availability
from eightysix.api.change_log import Log
from eightysix.api.channels import Channels
from eightysix.api.endpoints.at_hub import HubRooms, hub_endpoints
from eightysix.api.following import DeviceList, Following
from eightysix.api.incidents import IncidentDesk
from eightysix.api.lean import Asgi, Lean
from eightysix.api.metrics import MetricsPage
from eightysix.api.orders import Orders
from eightysix.api.pos import Pos
from eightysix.api.setting import StockSetting
from eightysix.api.site import site
from eightysix.api.stock import Stocks
from eightysix.api.stream import Streams
from eightysix.catalog.catalog import Catalog
from eightysix.core.command import Command
from eightysix.core.hub import Side
from eightysix.core.key import StoreKey
from eightysix.core.outcome import Outcome
from eightysix.engine import Engine, Observers
from eightysix.hub.agent import Agent
from eightysix.hub.call import Denied, FetchStore, StoreFetched
from eightysix.hub.cloud_orders import CloudOrders
from eightysix.hub.counter import Counter
from eightysix.hub.driver import Driver
from eightysix.hub.file_health import FileHealth
from eightysix.hub.front import HubFront
from eightysix.hub.health import HubHealth
from eightysix.hub.listener import Listener
from eightysix.hub.pace import Pace
from eightysix.hub.pairing import NotPaired, Pairing, as_it_is, settled_in
from eightysix.hub.status import Errors, StatusDesk
from eightysix.hub.store_copy import take_over
from eightysix.hub.uplink import Uplink
from eightysix.ops.follower_metrics import FollowerMetrics
from eightysix.ops.metrics import Metrics
from eightysix.settings import Settings
from eightysix.storage import catalog as catalog_rows
from eightysix.storage.hub_books import HubBooksTable
from eightysix.storage.migrate import is_current, migrate
from eightysix.storage.open import open_database
from eightysix.storage.port import Database, StorageFault
from eightysix.storage.sqlite.soundness import require_sound
from eightysix.sync.bus_url import open_bus
from eightysix.sync.lease import Leases
from eightysix.sync.waking import Waker

from .parts import Followers, limits_of, new_owner, start_housekeeping, started_followers, started_relay

_log = logging.getLogger(__name__)

FILE = "hub.db"

FIRST_SECONDS = 60.0
"""How long the first start waits for the cloud."""

PACE = Pace(rebalance_ms=5_000)
"""A round of looks at thousands of stocks costs tens of milliseconds of the processor."""

_AGAIN_SECONDS = 1.0
_STREAMS = 500
"""Screens and tills of one store."""


class HubService(msgspec.Struct, frozen=True):
    """A running hub."""

    asgi: Lean
    database: Database
    engine: Engine
    catalog: Catalog
    driver: Driver


def hub_settings(settings: Settings, folder: Path) -> Settings:
    """The settings of a hub: one store needs one lane, and it has a file and a bus of its own."""
    url = f"sqlite:///{(folder / FILE).absolute()}"
    return replace(settings, database_url=url, bus_url="", lanes_per_shard=1, workers=1, streams=_STREAMS)


async def prepare_hub(settings: Settings, folder: Path) -> None:
    """Make the file, or look whether it is sound, and bring its schema up to date. Raises StorageFault."""
    await asyncio.to_thread(require_sound, folder / FILE)
    if not await asyncio.to_thread(is_current, folder / FILE):
        await migrate(settings.database_url)


@contextlib.asynccontextmanager
async def running_hub(settings: Settings, pairing: Pairing, folder: Path) -> AsyncIterator[HubService]:
    """The hub on a prepared file, at work with the cloud. The first start returns when it has all there is."""
    store = StoreKey.of(*pairing.place)
    async with contextlib.AsyncExitStack() as stack:
        owner, metrics = new_owner(), Metrics()
        database = await open_database(settings.database_url, owner=owner)
        stack.push_async_callback(database.close)
        books, pairing, side = await _begun(database, folder, pairing)
        catalog = Catalog(catalog_rows.connect(settings.database_url), settings.catalog_refresh_seconds, at_hub=True)
        stack.push_async_callback(catalog.stop)
        await catalog.start()
        errors, file, orders = Errors(), FileHealth(folder / FILE), CloudOrders()
        uplink = Uplink(pairing.cloud, pairing.key, store, side, told=errors.note)
        stack.push_async_callback(uplink.close)
        await _first_copy(catalog, store, uplink)
        bus = await open_bus(settings.bus_url)
        stack.push_async_callback(bus.close)
        leases = Leases(database.leases, owner)
        relay = await started_relay(settings, database, stack, catalog=catalog, bus=bus, leases=leases, metrics=metrics)
        waker = Waker(relay, database.signals)

        def submit(command: Command, *, background: bool = False) -> "asyncio.Future[Outcome]":
            return engine.submit(command, background=background)

        driver = Driver(
            store,
            Agent(store, side, SystemRandom(), PACE),
            uplink,
            submit=submit,
            books=books,
            reader=database.reader,
            catalog=catalog,
            orders=orders,
            acknowledge=uplink.acknowledge,
        )
        observers = Observers(metrics.engine, waker, driver, file)
        engine = Engine(database, catalog, limits_of(settings), observers, side=side)
        await engine.start()
        stack.push_async_callback(engine.stop)
        start_housekeeping(settings, database, stack, engine)
        followers = await started_followers(
            settings, database, stack, catalog=catalog, bus=bus, leases=leases, owner=owner
        )
        metrics.add(FollowerMetrics(*followers))
        await stack.enter_async_context(_at_work(driver, Listener(uplink.client, pairing.place, side.hub_id, driver)))
        if not pairing.has_rows:
            await _first_rows(driver, pairing, folder)
        desk = StatusDesk(
            store, side, pairing.cloud, driver, books=books, reader=database.reader, catalog=catalog, orders=orders,
            skew=uplink.skew, errors=errors, file=file,
        )  # fmt: skip
        decide = Counter(
            engine.submit, driver, uplink.in_the_name_of, catalog=catalog, reader=database.reader, orders=orders
        )
        asgi = _asgi(database, engine, catalog, followers, metrics=metrics, decide=decide, desk=desk, file=file)
        yield HubService(asgi, database, engine, catalog, driver)


def _books(database: Database) -> HubBooksTable:
    if database.hub_books is None:
        raise StorageFault("a hub's database is an SQLite file")
    return database.hub_books


async def _begun(database: Database, folder: Path, pairing: Pairing) -> tuple[HubBooksTable, Pairing, Side]:
    """The books, the pairing as they bear it out, and whose they are."""
    books = _books(database)
    known = await as_it_is(folder, pairing, books)
    return books, known, await books.start(StoreKey.of(*known.place), known.hub_id)


@contextlib.asynccontextmanager
async def _at_work(driver: Driver, listener: Listener) -> AsyncIterator[None]:
    driver.listen_again = listener.begin_again
    tasks = [asyncio.create_task(driver.run()), asyncio.create_task(listener.run())]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _first_copy(catalog: Catalog, store: StoreKey, uplink: Uplink) -> None:
    """Fetch the store where the file doesn't know it yet. Raises NotPaired."""
    until = monotonic() + FIRST_SECONDS
    while catalog.current.store(store.brand_id, store.poi_id) is None:
        answer = await uplink.ask(FetchStore(None))
        if isinstance(answer, StoreFetched) and answer.body is not None:
            await take_over(catalog, answer.body)
        elif isinstance(answer, Denied):
            raise NotPaired(f"the cloud refuses this hub its store: {answer.code or 'the key is not known'}")
        elif monotonic() > until:
            raise NotPaired("the cloud can't be reached, and this hub has never had its store")
        else:
            _log.warning("the cloud can't be reached; the first start needs it")
            await asyncio.sleep(_AGAIN_SECONDS)


async def _first_rows(driver: Driver, pairing: Pairing, folder: Path) -> None:
    """Wait until all of the cloud's rows are here: whoever sold before would sell without a limit."""
    try:
        await asyncio.wait_for(driver.settled_in.wait(), FIRST_SECONDS)
    except TimeoutError:
        raise NotPaired("the cloud didn't tell the store's stocks in time, and this hub has never had them") from None
    await asyncio.to_thread(settled_in, folder, pairing)


def _asgi(
    database: Database,
    engine: Engine,
    catalog: Catalog,
    followers: Followers,
    *,
    metrics: Metrics,
    decide: Counter,
    desk: StatusDesk,
    file: FileHealth,
) -> Lean:
    doorkeeper = Doorkeeper(catalog)
    streams = Streams(followers.gateway, catalog, doorkeeper)
    orders = Orders(engine.submit, catalog, doorkeeper, decide)
    rooms = HubRooms(
        Stocks(database.reader, catalog, Availability(database.reader, catalog)),
        StockSetting(engine.submit, catalog, doorkeeper),
        Pos(engine.submit, catalog, doorkeeper),
        Channels(engine.submit, database.reader, catalog),
        IncidentDesk(engine.submit, database.incidents, database.reader, catalog),
        Log(database.log, catalog),
        HubHealth(database, file),
        Following(followers.gateway.catching_up, followers.acks, catalog),
        streams,
        DeviceList(database, followers.gateway, catalog),
        MetricsPage(metrics.page),
    )
    return HubFront(orders, streams, cast(Asgi, site(hub_endpoints(rooms), orders, doorkeeper)), desk.now)
