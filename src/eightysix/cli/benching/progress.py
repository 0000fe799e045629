"""What a person sees while the benchmark runs: on standard error, so that the report alone goes to standard output."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

Step = Callable[[str], None]


class Progress:
    """A line for what is prepared, a bar for what is measured."""

    def __init__(self) -> None:
        self._console = Console(stderr=True)

    def say(self, what: str) -> None:
        """One line."""
        self._console.print(what, highlight=False)

    @contextmanager
    def steps(self, part: str, total: int) -> Iterator[Step]:
        """A bar of `total` steps; call what it gives at the start of each one."""
        columns = (
            TextColumn(f"{part:8}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.description}"),
        )
        with Bars(*columns, console=self._console) as bars:
            task = bars.add_task("", total=total)
            begun = 0

            def step(what: str) -> None:
                nonlocal begun
                bars.update(task, completed=begun, description=what)
                begun += 1

            yield step
            bars.update(task, completed=total, description="done")
