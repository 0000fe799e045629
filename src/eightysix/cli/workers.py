"""Several processes behind one port: started, watched, started again when one dies, stopped together."""

import asyncio
import logging
import os
import sys
from collections.abc import Callable

from eightysix.api.server import listening
from eightysix.settings import PREFIX, Settings

_LOG = logging.getLogger(__name__)

_PAUSE_SECONDS = 1.0
"""Between the death of a worker and the next one in its place."""


async def supervise(settings: Settings, port: int, ready: Callable[[], None], stop: asyncio.Event) -> int:
    """Run `settings.workers` workers on the reserved `port` until `stop`. Answers the exit code."""
    keepers = [asyncio.create_task(_keep(settings, port, number, stop)) for number in range(settings.workers)]
    await listening(settings.host, port)
    ready()
    return max(await asyncio.gather(*keepers))


async def _keep(settings: Settings, port: int, number: int, stop: asyncio.Event) -> int:
    """Keep one worker alive until `stop`, then let it finish. Answers its last exit code."""
    while True:
        worker = await _start(settings, port)
        stopping, ended = asyncio.create_task(stop.wait()), asyncio.create_task(worker.wait())
        await asyncio.wait((stopping, ended), return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if stop.is_set():
            if worker.returncode is None:
                worker.terminate()
            return await ended
        _LOG.error("worker %d ended with %s and is started again", number, worker.returncode)
        try:
            async with asyncio.timeout(_PAUSE_SECONDS):
                await stop.wait()
        except TimeoutError:
            continue
        return 0


async def _start(settings: Settings, port: int) -> asyncio.subprocess.Process:
    """A worker with the same settings; in the environment, where other users of the machine can't read a password."""
    values = {
        PREFIX + name.upper(): str(value)
        for name in Settings.__struct_fields__
        if (value := getattr(settings, name)) is not None
    }
    environment = {**os.environ, **values, PREFIX + "PORT": str(port), PREFIX + "WORKERS": "1"}
    # a session of its own: Ctrl-C reaches the supervisor, which then stops the workers in good order
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "eightysix", "serve", "--as-worker", env=environment, start_new_session=True
    )
