"""What happened in a run, for whoever has to find out why it failed."""

from collections import deque
from typing import Any

from tests.world.kitchen import NOON

from .timeline import Timeline

LAST = 80


class Story:
    """The last steps; they are put into words only when somebody reads them."""

    def __init__(self, timeline: Timeline, last: int = LAST) -> None:
        self._timeline = timeline
        self._lines: deque[tuple[int, int | None, str, tuple[Any, ...]]] = deque(maxlen=last)

    def tell(self, store: int | None, text: str, *about: Any) -> None:
        """Note something; `text` has a {} for each of `about`."""
        self._lines.append((self._timeline.now, store, text, about))

    def lines(self, store: int | None = None) -> list[str]:
        """The story, of one store and of what concerns all, or of all of them."""
        return [
            f"{(at - NOON) / 1000:12.3f} s  {'all stores' if of is None else f'store {of}'}  {text.format(*about)}"
            for at, of, text, about in self._lines
            if store is None or of in (None, store)
        ]


def short(outcome: Any) -> str:
    """An outcome in few words."""
    name = type(outcome).__name__
    if name == "Refused":
        lines = ",".join(str(each.code) for each in outcome.lines)
        return f"{outcome.code}" + (f" ({lines})" if lines else "")
    if name == "OrderDone":
        lines = ", ".join(f"{each.sku_id}:{each.quantity} {each.state.name}" for each in outcome.lines)
        return lines + (" again" if outcome.replayed else "")
    return name
