"""What the processes of a race are told, and what they answer."""

import enum

import msgspec

from eightysix.core.command import DeductStock, LockStock, SetStock, UnlockStock


class Guard(enum.StrEnum):
    """What stands between a race and an oversell; each can be taken out in a client process."""

    HEAD_LOCK = "head lock"
    """The store's row lock, held from before the load to the commit."""
    VERSION_GUARD = "version guard"
    """`WHERE version = what was loaded` on every write, and new rows that must be new."""
    RULE = "rule"
    """The decision itself looks at what can be sold."""
    INVARIANT = "invariant"
    """The core stops where a change would promise more than there is, whatever rule led there."""


class Flaw(enum.StrEnum):
    """Causes of real oversells, each built into the hand-written service."""

    NONE = "none"
    TWO_TRANSACTIONS = "check and write in different transactions"
    READ_MODIFY_WRITE = "read-modify-write of a counter"
    LINES_ALONE = "the lines of a call are each checked alone"
    STATE_UNGUARDED = "the state is looked at in one transaction and left in another"
    CHANNEL_ONLY = "the channel's limit is checked but not the total"
    TOTAL_ONLY = "the total is checked but not the channel's limit"
    NO_GUARANTEE = "the total and the limit are checked but not what is guaranteed to others"
    CANCEL_FORGOTTEN = "a cancel that comes before its lock is not remembered"


class AtEngine(msgspec.Struct, frozen=True, tag=True):
    """An engine of the process's own on a database."""

    url: str
    without: tuple[Guard, ...] = ()


class AtHttp(msgspec.Struct, frozen=True, tag=True):
    """A served API."""

    url: str
    key: str


class AtCareless(msgspec.Struct, frozen=True, tag=True):
    """The hand-written service."""

    url: str
    flaw: Flaw


Target = AtEngine | AtHttp | AtCareless
RaceCommand = LockStock | DeductStock | UnlockStock | SetStock


class Wave(msgspec.Struct, frozen=True):
    """Commands submitted together, not before `after_seconds` have passed since the start."""

    commands: tuple[RaceCommand, ...]
    after_seconds: float = 0.0


class Open(msgspec.Struct, frozen=True, tag=True):
    """Be ready at a target; what was open before is closed."""

    target: Target


class Close(msgspec.Struct, frozen=True, tag=True):
    """Leave the target."""


class Run(msgspec.Struct, frozen=True, tag=True):
    """Send the waves, one after the other, beginning at the instant `at` of the machine's monotonic clock."""

    at: float
    waves: tuple[Wave, ...]


Order = Open | Close | Run


class Answer(msgspec.Struct, frozen=True):
    """What became of one command: a state, a refusal's code, or a fault. `quantity` in thousandths, over its lines."""

    verb: str
    poi_id: str
    order_id: str
    state: str | None = None
    code: str | None = None
    fault: str | None = None
    replayed: bool = False
    quantity: int = 0


class Report(msgspec.Struct, frozen=True):
    """A process's reply. `faults` counts what its batches ran into, by the fault's name; `problem` is why it failed."""

    answers: tuple[Answer, ...] = ()
    faults: dict[str, int] = {}
    problem: str | None = None
