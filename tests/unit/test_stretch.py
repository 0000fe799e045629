"""Messages share one stretch of the event loop, however many tasks publish them."""

import asyncio
from typing import NamedTuple

import pytest

from eightysix.sync import stretch
from eightysix.sync.stretch import Stretch

WORKERS, PIECES, PIECE = 8, 40, 0.0005


class Seen(NamedTuple):
    """Seconds of work: in all, and the most between two turns of something else."""

    worked: float
    waited: float


async def work_together(monkeypatch: pytest.MonkeyPatch, *, shared: bool) -> Seen:
    """Workers with pieces of half a millisecond each, by a clock that only work moves."""
    clock = waited = seen_at = 0.0
    monkeypatch.setattr(stretch, "perf_counter", lambda: clock)
    one = Stretch()

    async def work() -> None:
        nonlocal clock
        mine = one if shared else Stretch()
        done = 0
        while done < PIECES:
            if mine.is_over:
                await mine.breathe()
                continue
            clock += PIECE
            done += 1

    async def watch() -> None:
        nonlocal waited, seen_at
        while True:
            waited, seen_at = max(waited, clock - seen_at), clock
            await asyncio.sleep(0)

    watching = asyncio.create_task(watch())
    await asyncio.gather(*(work() for _ in range(WORKERS)))
    watching.cancel()
    return Seen(clock, waited)


async def test_others_have_their_turn_after_one_stretch_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    together = await work_together(monkeypatch, shared=True)
    assert together.worked == pytest.approx(WORKERS * PIECES * PIECE)
    assert together.waited < 0.001 + 2 * PIECE
    alone = await work_together(monkeypatch, shared=False)
    assert alone.waited > 4 * together.waited, "the control: with a stretch each, all of them come one after the other"
