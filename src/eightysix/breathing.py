"""Turns on the event loop: whoever works on thousands of things lets others, orders above all, go between."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import TypeVar

T = TypeVar("T")


async def breathing(things: Iterable[T], every: int) -> AsyncIterator[T]:
    """The things one by one, with a breath after so many of them."""
    for at, thing in enumerate(things, 1):
        yield thing
        if at % every == 0:
            await asyncio.sleep(0)
