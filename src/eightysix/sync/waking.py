"""From a committed batch to those who publish it: this process's relay, and the other processes."""

from collections.abc import Collection

from eightysix.core.key import StoreKey
from eightysix.engine import BatchReport, Observer
from eightysix.storage.signals import Signals

from .relay import Relay


class Waker(Observer):
    """Tells of stores that a batch has changed, right after its commit."""

    def __init__(self, relay: Relay | None, signals: Signals | None) -> None:
        self._relay = relay
        self._signals = signals

    def batch_done(self, report: BatchReport) -> None:
        """See `Observer`."""
        if report.changed:
            if self._relay is not None:
                self._relay.orders_waited(report.waited_max, report.took)
                self._relay.committed(report.committed)
            if self._signals is not None:
                self._signals.tell(report.changed)

    def wake(self, stores: Collection[StoreKey]) -> None:
        """These stores have something to be published."""
        if self._relay is not None:
            self._relay.wake(stores)
        if self._signals is not None:
            self._signals.tell(stores)
