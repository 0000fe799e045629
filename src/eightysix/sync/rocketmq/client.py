"""The official client library, version 5.1.2: the one place that imports it and knows what is inside.

- Imported as it comes, it makes a folder in the user's home and configures logging anew. Here we give it its logger.
- Its channels wait up to two minutes before they connect again. Here at most two seconds.
- It logs each of its failures, several a second while the broker is away. Here each of its places is heard seldom.
"""

import asyncio
import importlib
import logging
import socket
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from types import ModuleType, SimpleNamespace
from typing import Any

LIBRARY = "rocketmq-python-client"
VERSION = "5.1.2"
EXTRA = "rocketmq"

REQUEST_SECONDS = 3
"""The library's deadline of a request; it sends a message up to three times."""

_RECONNECT = (
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.min_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 2_000),
)

_QUIET_SECONDS = 30.0
_SIGNED_SECONDS = 1.0

_log = logging.getLogger(LIBRARY)


class LibraryMissing(ValueError):
    """The client library isn't installed."""


class Library(SimpleNamespace):
    """What we use of it, by name."""


def load() -> Library:
    """Import it, without its side effects. Raises LibraryMissing."""
    try:
        return _loaded()
    except ModuleNotFoundError as missing:
        raise LibraryMissing(f"RocketMQ needs {LIBRARY}=={VERSION}: pip install 'eightysix[{EXTRA}]'") from missing


def _loaded() -> Library:
    if "rocketmq.v5.log" not in sys.modules:
        logs = ModuleType("rocketmq.v5.log")
        logs.__dict__["logger"] = _log
        sys.modules[logs.__name__] = logs
        _log.addFilter(_Seldom())
        logging.getLogger("concurrent.futures").addFilter(_Seldom(only_of="/rocketmq/"))
    top = importlib.import_module("rocketmq")
    wire = importlib.import_module("rocketmq.grpc_protocol")
    faults = importlib.import_module("rocketmq.v5.exception")
    channels = importlib.import_module("rocketmq.v5.client.connection.rpc_channel")
    if not isinstance(channels.aio, _Channels):
        channels.aio = _Channels(channels.aio)  # type: ignore[attr-defined]  # the name that its classes look up
    util = importlib.import_module("rocketmq.v5.util")
    return Library(
        top=top,
        wire=wire,
        faults=faults,
        check=util.MessagingResultChecker.check,
        message_id=util.MessageIdCodec().next_message_id,
        born_host=socket.gethostname(),
    )


class _Channels:
    """In the place of `grpc.aio` where the library makes its channels."""

    def __init__(self, aio: Any) -> None:
        self._aio = aio

    def insecure_channel(self, target: str, options: Sequence[tuple[str, int]]) -> Any:
        return self._aio.insecure_channel(target, [*options, *_RECONNECT])

    def secure_channel(self, target: str, credentials: Any, options: Sequence[tuple[str, int]]) -> Any:
        return self._aio.secure_channel(target, credentials, [*options, *_RECONNECT])


class _Seldom(logging.Filter):
    """Lets a record of one place through once in a while. `only_of` another program's records are left alone."""

    def __init__(self, only_of: str = "") -> None:
        super().__init__()
        self._only_of = only_of
        self._heard: dict[tuple[str, int], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if self._only_of and not self._comes_from_it(record):
            return True
        place, now = (record.pathname, record.lineno), time.monotonic()
        if now - self._heard.get(place, -_QUIET_SECONDS) < _QUIET_SECONDS:
            return False
        self._heard[place] = now
        return True

    def _comes_from_it(self, record: logging.LogRecord) -> bool:
        trace = record.exc_info[2] if record.exc_info else None
        while trace is not None:
            if self._only_of in trace.tb_frame.f_code.co_filename:
                return True
            trace = trace.tb_next
        return False


def sign_seldom(client: Any) -> None:
    """Let a producer or consumer use the head of its requests for a second.

    Each new one draws random bytes, which gives the interpreter's lock to the library's thread and waits for it to come
    back: most of what publishing cost. Without credentials nothing in it matters to the broker.
    """
    sign = client.sign
    made: list[Any] = [None, float("-inf")]

    def signed() -> Any:
        now = time.monotonic()
        if now - made[1] >= _SIGNED_SECONDS:
            made[:] = sign(), now
        return made[0]

    client.sign = signed


async def in_thread(what: Callable[[], Any], seconds: float) -> Any:
    """Run what may block for ever on a thread that doesn't keep the process. Raises TimeoutError, or what it raises."""
    done: Future[Any] = Future()

    def run() -> None:
        try:
            result = what()
        except BaseException as error:  # noqa: BLE001 - handed on to who waits
            done.set_exception(error)
        else:
            done.set_result(result)

    threading.Thread(target=run, name="rocketmq call", daemon=True).start()
    waited = asyncio.wrap_future(done)
    waited.add_done_callback(_look_at)  # also where nobody waits any more
    async with asyncio.timeout(seconds):
        return await asyncio.shield(waited)


def _look_at(future: "asyncio.Future[Any]") -> None:
    if not future.cancelled():
        future.exception()
