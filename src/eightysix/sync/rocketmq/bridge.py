"""Calls from our event loop to the library's, which runs on a thread of its own, and their results back.

Waking another thread's loop gives it the interpreter's lock, and getting that back takes milliseconds while it works:
paid a message, it was most of what publishing cost, and every order in this process waited with it. So whoever finds
the other loop woken already only leaves its call there.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Coroutine
from typing import Any


class GivenUp(ConnectionError):
    """The call was cancelled on the other loop, as all are whose channel is closed."""


class _Call:
    """A coroutine for the other loop, and who waits for it here."""

    __slots__ = ("coroutine", "future", "task")

    def __init__(self, coroutine: Coroutine[Any, Any, Any], future: "asyncio.Future[Any]") -> None:
        self.coroutine = coroutine
        self.future = future
        self.task: asyncio.Task[Any] | None = None

    def tell(self) -> None:
        """Hand the result on, unless nobody waits any more. A call that the library gave up is a fault: to be cancelled
        is for who waits, and would end what it never meant."""
        task = self.task
        if task is None:
            return
        error = GivenUp("the library has cancelled the call") if task.cancelled() else task.exception()
        if self.future.done():
            return
        if error is not None:
            self.future.set_exception(error)
        else:
            self.future.set_result(task.result())


class Bridge:
    """From the loop that makes it to `there`."""

    def __init__(self, there: asyncio.AbstractEventLoop) -> None:
        self._here = asyncio.get_running_loop()
        self._there = there
        self._calls: deque[_Call] = deque()
        self._results: deque[_Call] = deque()
        self._is_there_woken = False
        self._is_here_woken = False

    async def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """What the coroutine comes to on the other loop. Cancelled here, it is cancelled there."""
        call = _Call(coroutine, self._here.create_future())
        self._calls.append(call)
        if not self._is_there_woken:
            self._is_there_woken = True
            self._there.call_soon_threadsafe(self._begin)
        try:
            return await call.future
        except asyncio.CancelledError:
            self._there.call_soon_threadsafe(self._cancel, call)
            raise

    def _begin(self) -> None:
        self._is_there_woken = False  # before the look: who comes after it wakes us again
        while self._calls:
            call = self._calls.popleft()
            call.task = self._there.create_task(call.coroutine)
            call.task.add_done_callback(lambda _, call=call: self._done(call))  # type: ignore[misc]  # call is bound

    def _cancel(self, call: _Call) -> None:
        if call.task is not None:
            call.task.cancel()

    def _done(self, call: _Call) -> None:
        self._results.append(call)
        if not self._is_here_woken:
            self._is_here_woken = True
            with contextlib.suppress(RuntimeError):  # our loop is closed: nobody waits any more
                self._here.call_soon_threadsafe(self._tell)

    def _tell(self) -> None:
        self._is_here_woken = False
        while self._results:
            self._results.popleft().tell()
