"""What is ordered in a store."""

from eightysix.core.command import Actor, Line, LockStock
from tests.world.menu import STORE

ME = Actor("ann", "pos")


def lock(order_id, *lines, channel="POS", **more):
    return LockStock(STORE, order_id, channel, tuple(Line(*line) for line in lines), ME, **more)
