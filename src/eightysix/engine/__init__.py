"""submit(command) -> outcome: lanes, batches (load, decide, save, commit) and sweeps."""

from .committed import Committed
from .engine import Engine
from .fault import CommandFailed, DeadlineExceeded, EngineFault, OutcomeUnknown, Overloaded, Unavailable
from .housekeeping import Housekeeping, Pace
from .lane import CatalogueSource
from .limits import Limits
from .observer import BatchReport, Observer, Observers

__all__ = [
    "BatchReport",
    "CatalogueSource",
    "CommandFailed",
    "Committed",
    "DeadlineExceeded",
    "Engine",
    "EngineFault",
    "Housekeeping",
    "Limits",
    "Observer",
    "Observers",
    "OutcomeUnknown",
    "Overloaded",
    "Pace",
    "Unavailable",
]
