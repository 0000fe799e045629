"""What a member of a group of consumers asks of a broker: messages, that they are done, that they stay its own.

A message that was given out has a claim, which the broker reads again in every request about it: where its batch began
in the queue, when it was given out and for how long, whether the queue keeps an order, whether it is given out again,
the broker, the queue, its place.
"""

import asyncio
import base64
import json
import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from eightysix.sync.bus import BusMessage

from .channel import Channel
from .remoting import REQUEST_SECONDS, SUCCESS, Answer, RemotingFailed
from .routes import Queue
from .stored import Stored, stored

BATCH = 32
"""The most that a broker gives out at once."""

POLL_SECONDS = 3
"""How long the broker holds a request for messages where there is none. One that it held because another member had the
queue isn't answered when that one gives it back or dies: this is how late the next one has it then."""

CLAIM_SECONDS = 10
"""For which a batch is ours. When we are killed, another member has it then."""

_GIVE, _DONE, _KEEP = 200050, 200151, 200053
_NOTHING, _CROWDED = 210, 209
_GONE = (13, 208)
"""It isn't ours any more, or isn't there: no more to be said about it."""

_FROM_THE_OLDEST = "0"
"""Where a group begins that has never consumed. With "1", as the proxy asks, it misses what is older than its first
request, once the broker has removed the beginning of the topic or has it no longer in memory."""

_AGAIN = {"1": "_", "2": "+"}
"""How the broker says that it gives a message out again, and what it then puts into the name of the topic."""


class Claim(NamedTuple):
    """See above. Numbers as they are written."""

    start: str
    given_at: str
    milliseconds: str
    order: str
    again: str
    broker: str
    queue: str
    place: str


class Received(msgspec.Struct, eq=False):
    """A message in hand."""

    claim: Claim
    message: BusMessage


class Claims:
    """Of one group on one topic. `in_order`: a queue's next batch comes when all of the last one is done."""

    def __init__(self, topic: str, group: str, *, in_order: bool) -> None:
        self._topic = topic
        self._group = group
        self._in_order = in_order

    def receive(self, channel: Channel, queue: Queue, attempt: str) -> asyncio.Future[Answer]:
        """What a queue has, or nothing after a while. The same `attempt` again gets what got lost on its way."""
        fields = {
            "consumerGroup": self._group,
            "topic": self._topic,
            "queueId": str(queue.number),
            "maxMsgNums": str(BATCH),
            "invisibleTime": str(CLAIM_SECONDS * 1000),
            "pollTime": str(POLL_SECONDS * 1000),
            "bornTime": str(time.time_ns() // 1_000_000),
            "initMode": _FROM_THE_OLDEST,
            "order": "true" if self._in_order else "false",
            "attemptId": attempt,
        }
        return channel.ask(_GIVE, fields, seconds=POLL_SECONDS + REQUEST_SECONDS)

    def received(self, queue: Queue, answer: Answer) -> list[Received]:
        """What came. Raises RemotingFailed, ValueError, struct.error, LookupError."""
        if answer.code in {_NOTHING, _CROWDED}:
            return []
        if answer.code != SUCCESS:
            raise RemotingFailed(f"{queue}: {answer.reason}")
        starts = _starts(answer.fields.get("startOffsetInfo", ""))
        return [self._received(queue, each, answer.fields, starts) for each in stored(answer.body)]

    async def acknowledge(self, channel: Channel, messages: Sequence[Received]) -> None:
        """They are done. Raises RemotingFailed: then they may be given out again."""
        batches = dict[Claim, int]()
        for each in messages:
            at = int(each.claim.place) - int(each.claim.start)
            batch = each.claim._replace(place="")
            batches[batch] = batches.get(batch, 0) | 1 << at
        acks = [self._acknowledged(batch, bits) for batch, bits in batches.items()]
        broker = messages[0].claim.broker
        answer = await channel.ask(_DONE, {}, json.dumps({"brokerName": broker, "acks": acks}).encode())
        if answer.code not in {SUCCESS, *_GONE}:
            raise RemotingFailed(f"{self._group}: {answer.reason}")

    async def claim(self, channel: Channel, received: Received, seconds: int) -> None:
        """It is ours for so long from now on. Raises RemotingFailed."""
        known = received.claim
        fields = {
            "consumerGroup": self._group,
            "topic": self._real_topic(known),
            "queueId": known.queue,
            "extraInfo": " ".join(known),
            "offset": known.place,
            "invisibleTime": str(seconds * 1000),
        }
        answer = await channel.ask(_KEEP, fields)
        if answer.code != SUCCESS:
            raise RemotingFailed(f"{self._group}: {answer.reason}")
        given_at, milliseconds = answer.fields.get("popTime", "0"), answer.fields.get("invisibleTime", "0")
        if given_at != "0":
            received.claim = known._replace(start=known.place, given_at=given_at, milliseconds=milliseconds)

    def _received(self, queue: Queue, told: Stored, head: Mapping[str, str], starts: Mapping[str, str]) -> Received:
        if told.claim:  # one that is given out again
            claim = Claim(*told.claim.split(" ")[:8])
        else:
            start, number = starts[f"0 {told.queue}"], str(told.queue)
            given = head["popTime"], head["invisibleTime"], head["reviveQid"]
            claim = Claim(start, *given, "0", queue.broker, number, str(told.place))
        return Received(claim, told.message)

    def _real_topic(self, claim: Claim) -> str:
        """What is given out again of a topic without an order is in another one."""
        separator = _AGAIN.get(claim.again)
        return self._topic if separator is None else f"%RETRY%{self._group}{separator}{self._topic}"

    def _acknowledged(self, batch: Claim, bits: int) -> dict[str, object]:
        packed = bits.to_bytes((bits.bit_length() + 7) // 8, "little")
        return {
            "c": self._group,
            "t": self._topic,
            "r": batch.again,
            "so": int(batch.start),
            "q": int(batch.queue),
            "rq": int(batch.order),
            "pt": int(batch.given_at),
            "it": int(batch.milliseconds),
            "b": base64.b64encode(packed).decode(),
        }


def _starts(told: str) -> dict[str, str]:
    """Where each queue's part of a batch begins: by `again queue`."""
    starts = {}
    for each in told.split(";"):
        key, _, start = each.rpartition(" ")
        starts[key] = start
    return starts
