"""The topics that this program speaks on and the groups of consumers that it has, for buses that must be told first."""

import enum

import msgspec

from eightysix.wire.grant import RECALLS_TOPIC
from eightysix.wire.message import STOCK_TOPIC
from eightysix.wire.order_event import ANSWERS_TOPIC, EVENTS_TOPIC

TIMERS_TOPIC = "stock_timers"
"""Delayed messages: a store's timer is due."""


class Kind(enum.StrEnum):
    """What a topic's messages are like, in RocketMQ's words."""

    FIFO = "FIFO"
    """Each has a group, within which the order is kept."""
    DELAY = "DELAY"
    """Each has a time before which it isn't delivered, and no group."""


class Topic(msgspec.Struct, frozen=True):
    """A topic and its durable groups of consumers: those that get what was published while none of them was there. A
    gateway's group isn't one of them: each process has its own, and none needs what it missed."""

    name: str
    kind: Kind
    consumers: tuple[str, ...] = ()


TOPICS = (
    Topic(STOCK_TOPIC, Kind.FIFO, ("webhooks",)),
    Topic(EVENTS_TOPIC, Kind.FIFO, ("stock",)),
    Topic(ANSWERS_TOPIC, Kind.FIFO),
    Topic(RECALLS_TOPIC, Kind.FIFO),
    Topic(TIMERS_TOPIC, Kind.DELAY, ("timers",)),
)
