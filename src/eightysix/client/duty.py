"""What a follower does: keeps a store's state current, remembers how far it is, and tells the service."""

from collections.abc import Callable, Generator
from typing import Any

from msgspec.structs import replace

from eightysix.wire.problem import Problem

from .attempts import attempts
from .error import AWAY, Refused
from .following import Following, Pace
from .mirror import Mirror
from .pos import ack
from .setup import Setup
from .step import Give, Open, Pause, Read, Step, Steps
from .wording import StoreLike

_ACK_SECONDS = 2.0


class Duty:
    """What a follower does between hearing something and hearing the next: the same for the sync and the async one."""

    def __init__(
        self,
        setup: Setup,
        store: StoreLike,
        mirror: Mirror,
        *,
        device_id: str | None,
        save: Callable[[str], object] | None,
        pace: Pace,
    ) -> None:
        self._setup, self._store, self._mirror, self._pace = setup, store, mirror, pace
        self._device_id, self._save = device_id, save
        brief = replace(setup.policy, deadline_seconds=_ACK_SECONDS, waits_when_limited=False)
        self._brief = replace(setup, policy=brief)
        self._saved = self._acked = mirror.cursor

    def steps(self) -> Steps[None]:
        """Give News, each after the mirror has taken it; when the next is asked for it counts as done with, and the
        cursor is kept. It is acknowledged once all that has come is done with, so a burst costs one call."""
        following = Following(self._setup, self._store, self._mirror.cursor, self._pace, self._device_id)
        steps = following.steps(from_start=True)
        came: Any = None
        while True:
            step: Step = steps.send(came)
            if isinstance(step, Give):
                self._mirror.take(step.item)
                came = yield step
                self._keep()
                continue
            if following.is_nudged:
                following.is_nudged, self._acked = False, None
            if isinstance(step, Open | Read | Pause):
                yield from self._acknowledge()
            came = yield step

    def _keep(self) -> None:
        cursor = self._mirror.cursor
        if cursor is not None and cursor != self._saved:
            if self._save is not None:
                self._save(cursor)
            self._saved = cursor

    def _acknowledge(self) -> Generator[Step, Any, None]:
        cursor = self._saved
        if self._device_id is None or cursor is None or cursor == self._acked:
            return
        try:
            yield from attempts(ack(self._store, cursor, self._device_id), self._brief)
        except AWAY:
            return  # the next one says it too
        except Refused as refused:
            if refused.code != Problem.CURSOR_UNKNOWN:
                raise
            # of a database that was; the stream is about to tell
        self._acked = cursor
