"""What every part of one run shares: the plan, what was found so far, the folder, the progress."""

from pathlib import Path

import msgspec

from eightysix.cli.benching.plan import Plan
from eightysix.cli.benching.progress import Progress
from eightysix.cli.benching.result import Result
from eightysix.cli.benching.sample import Sample
from eightysix.cli.benching.workload import Load, Spread, Verb


class Arena(msgspec.Struct):
    """One run. It numbers the measurements, so that no two on one database use the same order ids."""

    plan: Plan
    result: Result
    folder: Path
    progress: Progress
    run_no: int = 0

    def load(
        self, spread: Spread, verb: Verb, clients: int, *, stores: int | None = None, seconds: float | None = None
    ) -> Load:
        """The next measurement's load, of the plan's size unless said otherwise."""
        self.run_no += 1
        plan = self.plan
        return Load(
            spread,
            verb,
            clients,
            seconds or plan.seconds,
            self.run_no,
            stores or plan.stores,
            plan.items,
            plan.warmup_seconds,
        )

    def note(self, what: str, sample: Sample) -> Sample:
        """Writes down what went wrong in `sample`, if anything."""
        if sample.failed or sample.failure:
            self.result.trouble.append(f"{what}: {sample.failed} failed: {sample.failure}")
        return sample
