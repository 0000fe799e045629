"""Several processes behind one port: started, watched, started again when one dies, stopped together.

Each worker's standard input is a pipe from the supervisor, on which nothing is ever sent. Its end tells a worker that
the supervisor is gone, however that came about, and that nobody else will stop it.
"""

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
    up = asyncio.create_task(_accepting(settings.host, port, ready, stop))
    codes = await asyncio.gather(*keepers)
    up.cancel()
    failed = up.done() and not up.result()
    return max(*codes, int(failed))


async def _accepting(host: str, port: int, ready: Callable[[], None], stop: asyncio.Event) -> bool:
    """Call `ready` when connections are accepted; where none is, stop all, and False."""
    try:
        await listening(host, port)
    except TimeoutError:
        _LOG.error("no worker accepts connections")
        stop.set()
        return False
    ready()
    return True


def stop_when_alone(stop: asyncio.Event) -> None:
    """In a worker: set `stop` when the supervisor is gone."""
    loop, supervisor = asyncio.get_running_loop(), sys.stdin.fileno()

    def look() -> None:
        if not os.read(supervisor, 1):
            loop.remove_reader(supervisor)
            stop.set()

    loop.add_reader(supervisor, look)


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
        sys.executable,
        "-m",
        "eightysix",
        "serve",
        "--as-worker",
        stdin=asyncio.subprocess.PIPE,
        env=environment,
        start_new_session=True,
    )
