"""How large a run is and how bad it gets, drawn from its seed."""

from random import Random
from typing import NamedTuple

SECOND = 1_000
MINUTE = 60 * SECOND


class Size(NamedTuple):
    """`actions` are what guests and staff do in each store."""

    stores: int
    actions: int


def size(random: Random) -> Size:
    """Most runs are small, so that many seeds fit into a minute; some have twenty stores, some are long."""
    draw = random.random()
    if draw < 0.70:
        return Size(1, random.randint(5, 30))
    if draw < 0.90:
        return Size(random.randint(1, 3), random.randint(10, 40))
    if draw < 0.97:
        return Size(1, random.randint(60, 120))
    return Size(random.randint(4, 20), random.randint(5, 12))


class Climate(NamedTuple):
    """Chances are per message or per action, durations in milliseconds.

    A `calm` run has nothing that may lawfully sell more than there is: no forced sale, no count below what is promised,
    no hub that is replaced. In such a run not even an incident excuses anything.
    """

    calm: bool
    delay: int
    loss: float
    doubling: float
    cut: float
    cut_ms: int
    crash: float
    skew: int
    gap_ms: int
    restore_minutes: int | None
    """A restore each so many minutes; None: never."""
    scarce: bool
    outage: bool
    """All lines are cut at once."""
    keeps: bool
    """A restore leaves what there is as it is."""

    @property
    def pull_ms(self) -> int:
        """How often a hub looks by itself; where little happens in an hour, less often than it does in life."""
        return max(30 * SECOND, 2 * self.gap_ms)

    @property
    def answer_ms(self) -> int:
        """After so long without an answer a call counts as lost."""
        return max(5 * SECOND, 2 * self.delay)

    @property
    def agreed_ms(self) -> int:
        """Once all is well again both sides agree at the latest after so long: what is still under way is given up, the
        line is tried again, what is missing is pulled, and a few calls follow. What one side has restored by its clock
        the other restores when its own comes there."""
        late_ms = self.skew if self.restore_minutes is not None else 0
        return self.answer_ms + self.gap_ms + self.pull_ms + 10 * SECOND + late_ms


def climate(random: Random) -> Climate:
    """Drawn for a whole run."""
    rough = random.random() < 0.75
    gap_ms = random.choice([300, 5 * SECOND, 60 * SECOND, 10 * MINUTE])
    return Climate(
        calm=random.random() < 0.6,
        delay=random.choice([20, 200, gap_ms, 4 * gap_ms]) if rough else 50,
        loss=random.choice([0, 0.05, 0.3]) if rough else 0,
        doubling=random.choice([0, 0.1, 0.5]) if rough else 0,
        cut=random.choice([0, 0.03, 0.15]) if rough else 0,
        cut_ms=random.choice([5 * SECOND, 5 * MINUTE, 60 * MINUTE]),
        crash=random.choice([0, 0.02, 0.1]) if rough else 0,
        skew=random.choice([0, 2 * SECOND, 10 * MINUTE]),
        gap_ms=gap_ms,
        restore_minutes=random.choice([None, 10, 60]),
        scarce=random.random() < 0.6,
        outage=random.random() < 0.2,
        keeps=random.random() < 0.2,
    )
