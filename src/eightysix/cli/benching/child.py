"""Processes of ours that get their task as JSON on standard input and answer as JSON on standard output."""

import asyncio
import sys
from typing import TypeVar

import msgspec

Answer = TypeVar("Answer")


class ChildFailedError(Exception):
    """The process ended with an error; the message is the end of what it wrote to standard error."""


async def ask(module: str, task: msgspec.Struct, answer: type[Answer]) -> Answer:
    """Runs `python -m module`. Raises ChildFailedError."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", module,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        output, errors = await process.communicate(msgspec.json.encode(task))
    except asyncio.CancelledError:
        process.kill()
        raise
    if process.returncode:
        raise ChildFailedError(f"{module}: {errors.decode(errors='replace')[-3000:]}")
    return msgspec.json.decode(output, type=answer)
