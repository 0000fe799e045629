"""The server of `eightysix serve` with an application that answers at once: what HTTP alone costs.

Prints its port and serves until SIGTERM.
"""

import asyncio
import signal
from typing import Any

import uvloop

from eightysix.api.server import reserved, serve

BODY = (
    b'{"order_id":"0000010000000001","state":"LOCKED","replayed":false,"expires_at":"2026-11-24T18:44:30.000Z","lines":['
    b'{"sku_id":1,"line_no":0,"requested_quantity":1,"quantity":1,"state":"LOCKED"},'
    b'{"sku_id":2,"line_no":0,"requested_quantity":1,"quantity":1,"state":"LOCKED"}]}'
)
HEADERS = [(b"content-type", b"application/json"), (b"content-length", str(len(BODY)).encode())]


async def application(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "http":
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
        await send({"type": "http.response.body", "body": BODY})


async def main() -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    with reserved("127.0.0.1", 0) as port:
        await serve(application, "127.0.0.1", port, lambda: print(port, flush=True), stop)


uvloop.run(main())
