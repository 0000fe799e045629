"""A process that hears everything on the bus and writes it down: `python -m tests.lossless.bus_listener`."""

import argparse
import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from eightysix.sync.bus import BusMessage
from eightysix.sync.bus_url import open_bus
from eightysix.wire.message import STOCK_TOPIC
from tests.lossless.record import write


async def main(options: argparse.Namespace) -> None:
    """Listen until the process is ended."""
    bus = await open_bus(options.url)
    file = Path(options.file).open("a", buffering=1)  # noqa: ASYNC230, SIM115 - for as long as the process lives

    async def handle(messages: Sequence[BusMessage]) -> None:
        note(file, messages)

    await bus.subscribe(STOCK_TOPIC, "lossless", handle)
    await asyncio.Event().wait()


def note(file: TextIO, messages: Sequence[BusMessage]) -> None:
    """Write down what came, before it counts as consumed."""
    for message in messages:
        write(file, 0, message.body)
    file.flush()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True)
    parser.add_argument("--file", required=True)
    asyncio.run(main(parser.parse_args()))
