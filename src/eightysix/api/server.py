"""The HTTP server: granian in this process and on this event loop, so that a request never changes threads twice."""

import asyncio
import contextlib
import logging
import os
import resource
import signal
import socket
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from granian.constants import Interfaces
from granian.server.embed import Server

from .lean import Asgi, Lean

BACKLOG = 4096
"""Connections waiting to be accepted, and requests in work at once; the engine's queues refuse long before."""

_LOG = logging.getLogger(__name__)

SILENT_SECONDS = 30.0

_LOOK_SECONDS = 0.01
_START_SECONDS = 30.0


class PortTaken(OSError):
    """Somebody else listens there."""


@contextlib.contextmanager
def reserved(host: str, port: int, *, shared: bool = False) -> Iterator[int]:
    """The port (0: a free one), kept for this process and its workers. Raises `PortTaken` unless `shared`."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        if port and not shared:
            with socket.socket(family) as probe:  # without SO_REUSEPORT it fails where anybody listens
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((host, port))
        holder = socket.socket(family)
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        holder.bind((host, port))
    except OSError as error:
        raise PortTaken(f"{host}:{port}: {error.strerror or error}") from error
    with holder:
        yield holder.getsockname()[1]


async def serve(asgi: Asgi, host: str, port: int, ready: Callable[[], None], stop: asyncio.Event) -> None:
    """Serve until `stop`; then end the streams, accept no more, answer what is in work, and return. `port` must be
    reserved.

    `ready` is called when connections are accepted.
    """
    streams = asgi.streams.gateway.limits.streams if isinstance(asgi, Lean) else 0
    allow_files(streams + BACKLOG)
    server = Server(
        asgi,
        host,
        port,
        interface=Interfaces.ASGINL,
        backlog=BACKLOG,
        backpressure=BACKLOG + streams,
        websockets=False,
        log_enabled=False,
    )
    serving = asyncio.create_task(server.serve())
    stopped = asyncio.create_task(stop.wait())
    listens = asyncio.create_task(listening(host, port))
    try:
        await asyncio.wait((serving, listens), return_when=asyncio.FIRST_COMPLETED)
        if listens.done():
            await listens
            give_up_on_the_silent(port)
            ready()
        await asyncio.wait((serving, stopped), return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopped.cancel()
        listens.cancel()
        if isinstance(asgi, Lean):
            await asgi.streams.gateway.close()
        server.stop()  # type: ignore[no-untyped-call]  # granian leaves it without types
        await serving


def allow_files(number: int) -> None:
    """Let this process have so many files open, or as many as it may: each connection is one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = number if hard == resource.RLIM_INFINITY else min(number, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    if wanted < number:
        _LOG.warning("only %d files may be open: at most so many streams; raise it by `ulimit -n`", wanted)


def give_up_on_the_silent(port: int) -> None:
    """Have the kernel end connections whose other side takes nothing for SILENT_SECONDS, though there is something for
    it: what waits for it is held in memory. Connections inherit that from the socket that listens; the server keeps it
    to itself, so it is looked for among this process's files. Elsewhere than on Linux nothing happens."""
    if not hasattr(socket, "TCP_USER_TIMEOUT"):
        return
    for file in tuple(Path("/proc/self/fd").iterdir()):
        if not _is_socket(int(file.name)):
            continue
        with contextlib.suppress(OSError), socket.socket(fileno=os.dup(int(file.name))) as found:
            if found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) and found.getsockname()[1] == port:
                found.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(SILENT_SECONDS * 1000))


def _is_socket(file: int) -> bool:
    try:
        return stat.S_ISSOCK(os.fstat(file).st_mode)
    except OSError:  # closed since it was listed
        return False


def stop_on_signals() -> asyncio.Event:
    """An event that SIGTERM or SIGINT sets; a second signal ends the process as it always does."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()

    def stopping() -> None:
        stop.set()
        for each in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(each)

    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, stopping)
    return stop


async def listening(host: str, port: int) -> None:
    """Wait until connections are accepted; TimeoutError after 30 s."""
    address = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - what may stand in the settings
    async with asyncio.timeout(_START_SECONDS):
        while True:
            try:
                _, writer = await asyncio.open_connection(address, port)
            except OSError:
                await asyncio.sleep(_LOOK_SECONDS)
            else:
                writer.close()
                return
