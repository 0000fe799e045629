"""What a member of a group of consumers asks of the broker: messages, that they are done, that they stay its own.

The library's connection is used, not its methods: its `receive` asks a queue at random and writes each message out for
its log, its `ack` sends a request for each message, and what it has that doesn't block answers nothing or for ever.
"""

import asyncio
import contextlib
import zlib
from collections.abc import Sequence
from typing import Any

import msgspec

from eightysix.sync.bus import BusMessage

from .bridge import Bridge
from .client import REQUEST_SECONDS, Library
from .envelope import restored

BATCH = 32
"""The most that a broker gives out at once."""

POLL_SECONDS = 3
"""How long the broker holds a request for messages where there is none. One that it held because another member had the
queue isn't answered when that one gives it back or dies: this is how late the next one has it then."""

CLAIM_SECONDS = 10
"""For which a batch is ours, the least that a proxy takes. When we are killed, another member has it then."""

_TELL_SECONDS = 1.0
_RENEWED_BY_THE_PROXY = False
_GZIP_WINDOW = 16 + zlib.MAX_WBITS


class Received(msgspec.Struct, eq=False):
    """A message in hand; `handle` is the claim to it."""

    message_id: str
    handle: str
    lane: str
    """What keeps its order: its group, or itself where it has none."""
    message: BusMessage


class Requests:
    """Of one member, by its library's consumer."""

    def __init__(self, library: Library, consumer: Any, topic: str, group: str) -> None:
        self._library = library
        self._consumer = consumer
        self._topic = topic
        self._group = group
        self._bridge = Bridge(consumer._rpc_channel_io_loop())  # noqa: SLF001 - its channels live on a loop of their own
        self._told_at = float("-inf")

    async def receive(self, queue: Any, attempt: str) -> list[Received]:
        """What a queue has, or nothing after a while. The same `attempt` again gets what got lost on its way."""
        request = self._consumer._receive_req(  # noqa: SLF001 - what makes it up is a lot
            self._topic, queue, BATCH, _RENEWED_BY_THE_PROXY, CLAIM_SECONDS, POLL_SECONDS, attempt
        )
        responses = await self._bridge.run(self._responses(queue, request))
        for response in responses:
            if response.HasField("status"):
                self._library.check(response.status)
        return [self._received(response.message) for response in responses if response.HasField("message")]

    async def acknowledge(self, queue: Any, messages: Sequence[Received]) -> list[Received]:
        """They are done. Answers those that must be tried again."""
        request = self._library.wire.AckMessageRequest()
        request.group.name, request.topic.name = self._group, self._topic
        for message in messages:
            entry = request.entries.add()
            entry.message_id, entry.receipt_handle = message.message_id, message.handle
        answered = await self._bridge.run(self._asked(queue, "AckMessage", request))
        self._library.check(answered.status)
        known = self._library.wire.Code
        final = (known.OK, known.INVALID_RECEIPT_HANDLE, known.MESSAGE_NOT_FOUND)
        again = {entry.message_id for entry in answered.entries if entry.status.code not in final}
        return [message for message in messages if message.message_id in again]

    async def claim(self, queue: Any, message: Received, seconds: int) -> None:
        """It is ours for so long from now on."""
        request = self._library.wire.ChangeInvisibleDurationRequest()
        request.group.name, request.topic.name = self._group, self._topic
        request.message_id, request.receipt_handle = message.message_id, message.handle
        request.invisible_duration.seconds = seconds
        answered = await self._bridge.run(self._asked(queue, "ChangeInvisibleDuration", request))
        self._library.check(answered.status)
        message.handle = answered.receipt_handle

    def tell(self, queue: Any, error: Exception) -> None:
        """Tell the proxy anew who we are, where it has answered with an error. One that was ended has forgotten us: it
        says that "settings is null", and the library doesn't tell it again."""
        loop = asyncio.get_running_loop()
        if not isinstance(error, self._library.faults.ClientException) or loop.time() - self._told_at < _TELL_SECONDS:
            return
        self._told_at = loop.time()
        telemetry = self._consumer._Client__telemetry_manager  # noqa: SLF001 - there is no other way

        def tell() -> None:
            telemetry.retrieve_telemetry_stream_stream_call(queue.endpoints, rebuild=True)
            telemetry.setting_write(queue.endpoints)

        self._consumer._rpc_channel_io_loop().call_soon_threadsafe(tell)  # noqa: SLF001 - as above

    async def _responses(self, queue: Any, request: Any) -> list[Any]:
        """On the library's loop."""
        call = self._stub(queue).ReceiveMessage(
            request, metadata=self._consumer.sign(), timeout=POLL_SECONDS + REQUEST_SECONDS
        )
        try:
            return [response async for response in call]
        except asyncio.CancelledError:
            call.cancel()
            raise

    async def _asked(self, queue: Any, what: str, request: Any) -> Any:
        """As above."""
        ask = getattr(self._stub(queue), what)
        return await ask(request, metadata=self._consumer.sign(), timeout=REQUEST_SECONDS)

    def _stub(self, queue: Any) -> Any:
        return self._consumer.rpc_client.retrieve_or_create_channel(queue.endpoints).async_stub

    def _received(self, message: Any) -> Received:
        system = message.system_properties
        body = message.body
        if system.body_encoding == self._library.wire.Encoding.GZIP:  # somebody else's message; we compress nothing
            with contextlib.suppress(zlib.error):  # what isn't is for the handler to put aside, or the queue would stop
                body = zlib.decompress(body, _GZIP_WINDOW)
        told = restored(message.topic.name, body, system.message_group, message.user_properties)
        return Received(system.message_id, system.receipt_handle, system.message_group or system.message_id, told)
