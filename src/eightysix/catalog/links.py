"""Who depends on whom within a brand's menu, by number, kept up to date with the snapshot."""

from collections.abc import Iterable

_NOBODY: tuple[int, ...] = ()


class Links:
    """From a number to those that depend on it. What a snapshot shows of it never changes: `copy` makes the next one,
    and `close` ends its making. Between the two, many changes of one entry cost as much as the entry once."""

    __slots__ = ("_of", "_open")

    def __init__(self, of: dict[int, tuple[int, ...]] | None = None) -> None:
        self._of = of or {}
        self._open: dict[int, dict[int, None]] = {}

    def copy(self) -> "Links":
        return Links(dict(self._of))

    def of(self, number: int) -> tuple[int, ...]:
        """Those that depend on `number`, in no particular order."""
        return self._of.get(number, _NOBODY)

    def add(self, numbers: Iterable[int], dependent: int) -> None:
        for number in numbers:
            self._opened(number)[dependent] = None

    def remove(self, numbers: Iterable[int], dependent: int) -> None:
        for number in numbers:
            self._opened(number).pop(dependent, None)

    def close(self) -> None:
        for number, dependents in self._open.items():
            if dependents:
                self._of[number] = tuple(dependents)
            else:
                self._of.pop(number, None)
        self._open.clear()

    def _opened(self, number: int) -> dict[int, None]:
        there = self._open.get(number)
        if there is None:
            there = self._open[number] = dict.fromkeys(self._of.get(number, _NOBODY))
        return there
