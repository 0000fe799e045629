"""What an engine tells about itself. Metrics live in ops; the engine only calls these hooks."""

from collections.abc import Mapping

import msgspec

from eightysix.core.command import Command
from eightysix.core.key import StoreKey
from eightysix.core.outcome import Refused

from .committed import Committed


class BatchReport(msgspec.Struct, gc=False):
    """One committed (or read-only) batch. Durations in seconds; `waited` is from submit to the batch's start."""

    lane_no: int
    commands: int = 0
    background_commands: int = 0
    stores: int = 0
    waited_max: float = 0.0
    waited_sum: float = 0.0
    begin: float = 0.0
    load: float = 0.0
    decide: float = 0.0
    save: float = 0.0
    commit: float = 0.0
    changed: tuple[StoreKey, ...] = ()
    """Stores with committed changes: whoever publishes their outbox rows may wake up."""
    committed: Mapping[StoreKey, Committed] = {}
    """Of each of these, what the batch knows."""
    timers: tuple[tuple[StoreKey, int], ...] = ()
    """The stores whose timer the batch has set, and to which instant, in milliseconds."""
    timer_at: int | None = None
    """The earliest of these instants; None where it set none."""
    restored: int = 0
    """Stocks that came back by the clock."""

    @property
    def took(self) -> float:
        """From its begin to the end of its commit."""
        return self.begin + self.load + self.decide + self.save + self.commit


class Observer:
    """Hooks that do nothing; override what is wanted. Called on the event loop: be quick, and never raise."""

    def batch_done(self, report: BatchReport) -> None:
        """A batch was committed and answered."""

    def refused(self, command: Command, refusal: Refused) -> None:
        """A command was decided, and refused."""

    def batch_retried(self, lane_no: int, fault: BaseException) -> None:
        """A batch was rolled back and will be run again, or in halves."""

    def stores_set_aside(self, lane_no: int, stores: int) -> None:
        """So many stores wait: their head rows are held by another process, or their due locks are many."""

    def commit_settled(self, lane_no: int, committed: bool | None) -> None:  # noqa: FBT001 - an answer, not an option
        """The outcome of a COMMIT with a lost connection is known, or (None) was given up."""

    def overloaded(self, lane_no: int) -> None:
        """A command was refused because the lane's queue is full."""

    def deadline_exceeded(self, lane_no: int, commands: int) -> None:
        """So many commands waited too long."""

    def command_failed(self, lane_no: int) -> None:
        """A command failed alone: a 500."""

    def unavailable(self, lane_no: int, commands: int) -> None:
        """So many commands got a 503 because the database could not do it."""

    def timers_failed(self, lane_no: int) -> None:
        """A look for what is due by the clock, or some of it, failed; it is tried again within half a second."""

    def sweep_failed(self, lane_no: int) -> None:
        """A look for due locks, or the release of some, failed; the next sweep tries again."""


class Observers(Observer):
    """Several observers, told one after the other."""

    def __init__(self, *observers: Observer) -> None:
        self._observers = observers

    def batch_done(self, report: BatchReport) -> None:
        for each in self._observers:
            each.batch_done(report)

    def refused(self, command: Command, refusal: Refused) -> None:
        for each in self._observers:
            each.refused(command, refusal)

    def batch_retried(self, lane_no: int, fault: BaseException) -> None:
        for each in self._observers:
            each.batch_retried(lane_no, fault)

    def stores_set_aside(self, lane_no: int, stores: int) -> None:
        for each in self._observers:
            each.stores_set_aside(lane_no, stores)

    def commit_settled(self, lane_no: int, committed: bool | None) -> None:  # noqa: FBT001 - as above
        for each in self._observers:
            each.commit_settled(lane_no, committed)

    def overloaded(self, lane_no: int) -> None:
        for each in self._observers:
            each.overloaded(lane_no)

    def deadline_exceeded(self, lane_no: int, commands: int) -> None:
        for each in self._observers:
            each.deadline_exceeded(lane_no, commands)

    def command_failed(self, lane_no: int) -> None:
        for each in self._observers:
            each.command_failed(lane_no)

    def unavailable(self, lane_no: int, commands: int) -> None:
        for each in self._observers:
            each.unavailable(lane_no, commands)

    def timers_failed(self, lane_no: int) -> None:
        for each in self._observers:
            each.timers_failed(lane_no)

    def sweep_failed(self, lane_no: int) -> None:
        for each in self._observers:
            each.sweep_failed(lane_no)
