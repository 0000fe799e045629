"""Conversations without a line: each step is answered by a script, and time passes by itself."""

from collections.abc import Callable, Iterable
from typing import Any

from eightysix.client.setup import Attempt, Setup
from eightysix.client.step import Close, Give, Pause, Step, Steps


class Script:
    """What the other side says, step by step, and `otherwise` when that is through; and what came of it.

    Pauses take the time they name, all else none.
    """

    def __init__(self, *says: Any, otherwise: Callable[[Step], Any] | None = None) -> None:
        self._says = iter(says)
        self._otherwise = otherwise
        self.now = 1000.0
        self.steps: list[Step] = []
        self.attempts: list[Attempt] = []

    def setup(self, **more: Any) -> Setup:
        return Setup(clock=lambda: self.now, chance=lambda: 1.0, observe=self.attempts.append, **more)

    def run(self, steps: Steps[Any]) -> Any:
        """The result of a conversation."""
        for _ in self.iterate(steps):
            pass
        return self.result

    def iterate(self, steps: Steps[Any]) -> Iterable[Any]:
        """What is given."""
        came: Any = None
        self.result: Any = None
        while True:
            try:
                step = steps.send(came)
            except StopIteration as done:
                self.result = done.value
                return
            self.steps.append(step)
            came = None
            if isinstance(step, Give):
                yield step.item
            elif isinstance(step, Pause):
                self.now += step.seconds
            elif not isinstance(step, Close):
                came = self._next()

    def _next(self) -> Any:
        said = next(self._says, _NOTHING)
        if said is _NOTHING and self._otherwise is not None:
            return self._otherwise(self.steps[-1])
        assert said is not _NOTHING, f"nobody expected {self.steps[-1]}"
        return said

    @property
    def pauses(self) -> list[float]:
        return [step.seconds for step in self.steps if isinstance(step, Pause)]


_NOTHING = object()
