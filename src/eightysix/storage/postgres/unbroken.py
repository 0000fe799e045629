"""Runs a statement to its end even if the one who waits for it is cancelled.

Cancelling asyncpg in the middle of a statement cancels it on the server too and leaves the outcome unknown; a lane's
connection must always be in a state that its owner knows.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def unbroken(work: Coroutine[Any, Any, T]) -> T:
    """Await `work`; when cancelled, wait until it has ended, then raise CancelledError.

    A second cancellation is obeyed at once (the server may be hanging); `work` then still runs to its end.
    """
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        if not task.done():
            await asyncio.wait([task])
        if not task.cancelled():
            task.exception()  # marks it as seen: nobody is left to hear it, and the caller rolls back
        raise
