"""A line on httpx's pool of connections, for asyncio."""

import asyncio
from contextlib import suppress

import httpx

from .httpx_line import FAULTS, headers_of
from .request import Arrived, Broken, Reply, Request
from .trace import Trace
from .transport import AsyncStream


class AsyncHttpxLine:
    """`http` is used as it is set up (proxies, certificates), and closed with the line."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def send(self, request: Request, seconds: float) -> Reply | Broken:
        trace = Trace()
        try:
            async with asyncio.timeout(seconds):
                answer = await self._http.send(self._built(request, seconds, trace))
        except (*FAULTS, TimeoutError) as fault:
            return trace.broken(fault)
        return Reply(answer.status_code, headers_of(answer), answer.content)

    async def open(self, request: Request, seconds: float) -> tuple[Reply | Broken, AsyncStream | None]:
        trace = Trace()
        try:
            async with asyncio.timeout(seconds):
                answer = await self._http.send(self._built(request, seconds, trace), stream=True)
                if not answer.is_success:
                    return Reply(answer.status_code, headers_of(answer), await _whole(answer)), None
        except (*FAULTS, TimeoutError) as fault:
            return trace.broken(fault), None
        return Reply(answer.status_code, headers_of(answer)), AsyncHttpxStream(answer)

    async def close(self) -> None:
        await self._http.aclose()

    def _built(self, request: Request, seconds: float, trace: Trace) -> httpx.Request:
        built = self._http.build_request(
            request.method, request.target, headers=list(request.headers), content=request.body or None,
            timeout=httpx.Timeout(seconds),
        )  # fmt: skip
        built.extensions["trace"] = trace.hear
        return built


class AsyncHttpxStream:
    """The rest of an answer."""

    def __init__(self, answer: httpx.Response) -> None:
        self._answer = answer
        self._bytes = answer.aiter_raw()

    async def read(self, seconds: float) -> bytes | Broken:
        self._answer.request.extensions["timeout"]["read"] = seconds
        try:
            return await anext(self._bytes, b"")
        except FAULTS as fault:
            return Broken(Arrived.PERHAPS, f"{type(fault).__name__}: {fault}")

    async def close(self) -> None:
        with suppress(*FAULTS):
            await self._answer.aclose()


async def _whole(answer: httpx.Response) -> bytes:
    try:
        return await answer.aread()
    finally:
        await answer.aclose()
