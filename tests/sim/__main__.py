"""`make sim SEED=n`, `make sim-long`: run seeds, and tell the story of the first that fails."""

import argparse
import sys
import time
from contextlib import nullcontext

from .faults import FAULTS
from .run import Failed, Run
from .shrink import shrunk


def main() -> int:
    """0 where all seeds are well."""
    parser = argparse.ArgumentParser(prog="make sim", description="One seed, one run of the cloud and its hubs.")
    parser.add_argument("--seed", type=int, default=1, help="the seed, or the first of them")
    parser.add_argument("--seeds", type=int, default=1, help="how many, one after the other")
    parser.add_argument("--fault", choices=sorted(FAULTS), help="plant a fault")
    parser.add_argument("--as-drawn", action="store_true", help="don't look for a shorter run that fails alike")
    options = parser.parse_args()
    say = sys.stdout.write
    began, cpu_began, steps, slowest = time.monotonic(), time.process_time(), 0, 0
    with FAULTS[options.fault]() if options.fault else nullcontext():
        for seed in range(options.seed, options.seed + options.seeds):
            run = Run(seed)
            try:
                run.go()
            except Failed as failed:
                told = failed if options.as_drawn else shrunk(failed)
                say("\n".join(told.story) + f"\n\n{told}\n")
                return 1
            steps += run.steps
            slowest = max(slowest, run.healed_ms)
            if options.seeds == 1:
                say(f"{run.size} {run.climate}\n")
            elif (seed + 1 - options.seed) % 1000 == 0:
                say(f"{seed + 1 - options.seed} seeds\n")
                sys.stdout.flush()
    seconds, cpu = time.monotonic() - began, time.process_time() - cpu_began
    say(
        f"{options.seeds} seeds from {options.seed} on are well: {steps} steps, "
        f"{options.seeds / seconds:.0f} seeds/s ({options.seeds / cpu:.0f} a second of one core), "
        f"agreed at most {slowest / 1000:.1f} s after all was well again\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
