"""What both compositions are put together from: the service in the cloud, and a store's hub."""

import contextlib
import os
import secrets
from typing import NamedTuple

from eightysix.catalog.catalog import Catalog
from eightysix.engine import Engine, Housekeeping, Limits
from eightysix.ops.metrics import Metrics
from eightysix.ops.relay_metrics import RelayMetrics
from eightysix.settings import Settings
from eightysix.storage.port import Database
from eightysix.sync.bus import Bus
from eightysix.sync.catching_up import CatchingUp
from eightysix.sync.compensation import Compensation
from eightysix.sync.devices import Acknowledgements
from eightysix.sync.gateway import Gateway, GatewayLimits
from eightysix.sync.lease import Leases
from eightysix.sync.pace import RelayPace, crowd_batch_seconds
from eightysix.sync.relay import Relay
from eightysix.sync.rendering import Renderer

_POLL_SECONDS = 5.0
"""Between two looks for unpublished messages where whoever changes something tells of it."""

_UNTOLD_POLL_SECONDS = 0.2
"""The same on MySQL, where other processes can't tell."""


class Followers(NamedTuple):
    """What serves those who follow stores."""

    gateway: Gateway
    acks: Acknowledgements
    compensation: Compensation


async def started_relay(
    settings: Settings,
    database: Database,
    stack: contextlib.AsyncExitStack,
    *,
    catalog: Catalog,
    bus: Bus,
    leases: Leases,
    metrics: Metrics,
) -> Relay | None:
    """The relay at work: at the end it publishes what the engine left, then gives its leases up."""
    if not settings.relay:
        return None
    capabilities = database.capabilities
    relay = Relay(
        database.outbox,
        Renderer(database.outbox, catalog, catalog.look_again if capabilities.several_processes else None),
        bus,
        leases,
        physical_shards=capabilities.physical_shards,
        pace=RelayPace(
            tries=settings.relay_tries,
            poll_seconds=_UNTOLD_POLL_SECONDS
            if capabilities.several_processes and database.signals is None
            else _POLL_SECONDS,
            crowd_batch_seconds=crowd_batch_seconds(capabilities),
        ),
    )
    stack.push_async_callback(leases.stop)
    await leases.start()
    stack.push_async_callback(relay.stop, settings.relay_drain_seconds)
    await relay.start()
    if database.signals is not None:
        stack.callback(database.signals.listen(relay.wake))
    metrics.add(RelayMetrics(relay, leases))
    return relay


async def started_followers(
    settings: Settings,
    database: Database,
    stack: contextlib.AsyncExitStack,
    *,
    catalog: Catalog,
    bus: Bus,
    leases: Leases,
    owner: str,
) -> Followers:
    """Those who follow stores in this process, served until the end."""
    gateway = Gateway(
        database.following,
        catalog,
        CatchingUp(database.following, database.reader, catalog),
        GatewayLimits(
            heartbeat_seconds=settings.stream_heartbeat_seconds,
            check_seconds=settings.stream_check_seconds,
            stall_seconds=settings.stream_stall_seconds,
            streams=settings.streams,
        ),
    )
    await gateway.start(bus, owner)
    stack.push_async_callback(gateway.close)
    if database.signals is not None:
        stack.callback(database.signals.listen(gateway.hear))
    compensation = Compensation(database, catalog, gateway, lag_seconds=settings.lag_seconds, held=lambda: leases.held)
    compensation.start()
    stack.push_async_callback(compensation.stop)
    return Followers(gateway, Acknowledgements(database.devices, database.following), compensation)


def start_housekeeping(
    settings: Settings, database: Database, stack: contextlib.AsyncExitStack, engine: Engine
) -> None:
    """Old rows go while nobody waits for the engine."""
    housekeeping = Housekeeping(database, settings.log_retention_days, lambda: engine.waiting)
    housekeeping.start()
    stack.push_async_callback(housekeeping.stop)


def limits_of(settings: Settings) -> Limits:
    return Limits(
        lanes_per_shard=settings.lanes_per_shard,
        queue_commands=settings.queue_commands,
        deadline_seconds=settings.deadline_seconds,
        stop_seconds=settings.stop_seconds,
    )


def new_owner() -> str:
    """This process, different from any other that runs or has run."""
    return f"{os.uname().nodename[:32]}-{os.getpid()}-{secrets.token_hex(4)}"
