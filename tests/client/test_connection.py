"""The line for asyncio against a server that behaves and misbehaves on purpose."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from eightysix.client.async_line import AsyncLine
from eightysix.client.request import Arrived, Broken, Reply, Request


@asynccontextmanager
async def server(*answers: bytes, close_after: int = 1_000_000) -> AsyncIterator[tuple[str, list[bytes], list[int]]]:
    """Answers request after request with the given bytes (the last one again and again)."""
    seen: list[bytes] = []
    connections: list[int] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(1)
        try:
            for _ in range(close_after):
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                seen.append(head + await reader.readexactly(length))
                writer.write(answers[min(len(seen), len(answers)) - 1])
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    listening = await asyncio.start_server(talk, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}", seen, connections
    finally:
        listening.close()
        await listening.wait_closed()


@asynccontextmanager
async def line(url: str, connections: int = 16) -> AsyncIterator[AsyncLine]:
    opened = AsyncLine(url, connections=connections)
    try:
        yield opened
    finally:
        await opened.close()


def answer(status: str, body: bytes, *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def asked(target: str = "/x", body: bytes = b"") -> Request:
    return Request("POST", target, (("authorization", "Bearer secret"),), body)


OK = answer("200 OK", b"{}")


async def test_a_request_as_it_goes_over_the_line() -> None:
    async with server(answer("200 OK", b'{"a":1}')) as (url, seen, connections), line(f"{url}/base/") as opened:
        for _ in range(3):
            reply = await opened.send(asked("/x?q=1", b"{}"), 5)
            assert isinstance(reply, Reply)
            assert (reply.status, reply.body) == (200, b'{"a":1}')
    assert seen[0].startswith(b"POST /base/x?q=1 HTTP/1.1\r\n")
    assert b"\r\nauthorization: Bearer secret\r\n" in seen[0]
    assert seen[0].endswith(b"Content-Length: 2\r\n\r\n{}")
    assert len(connections) == 1


async def test_chunks_and_interim_answers_are_read() -> None:
    chunked = (
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"4;x=1\r\n[1,2\r\n2\r\n,3\r\n1\r\n]\r\n0\r\nTrailer: 1\r\n\r\n"
    )
    async with server(chunked) as (url, _, connections), line(url) as opened:
        for _ in range(2):
            reply = await opened.send(asked(), 5)
            assert isinstance(reply, Reply)
            assert reply.body == b"[1,2,3]"
    assert len(connections) == 1


@pytest.mark.parametrize("kept", [answer("200 OK", b"{}", "Connection: close"), OK.replace(b"1.1", b"1.0")])
async def test_a_connection_that_is_not_to_be_kept_isn_t(kept: bytes) -> None:
    async with server(kept) as (url, _, connections), line(url) as opened:
        for _ in range(2):
            assert isinstance(await opened.send(asked(), 5), Reply)
    assert len(connections) == 2


async def test_a_connection_that_was_closed_meanwhile_is_not_used() -> None:
    async with server(OK, close_after=1) as (url, seen, connections), line(url) as opened:
        for _ in range(5):
            assert isinstance(await opened.send(asked(), 5), Reply)
            await _closed(opened)
    assert len(seen) == len(connections) == 5


async def _closed(opened: AsyncLine) -> None:
    """Until the other side has closed what is kept."""
    async with asyncio.timeout(10):
        while not all(kept.is_stale for kept in opened._idle):  # noqa: ASYNC110 - it can only be asked
            await asyncio.sleep(0.001)


@pytest.mark.parametrize(
    "said", [b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", b"HTTP/1.1\r\n\r\n"]
)
async def test_what_is_no_http_may_have_arrived(said: bytes) -> None:
    async with server(said) as (url, _, _), line(url) as opened:
        broken = await opened.send(asked(), 5)
        assert isinstance(broken, Broken)
        assert broken.arrived is Arrived.PERHAPS


async def test_who_is_not_there_has_got_nothing() -> None:
    async with server(OK) as (url, _, _):
        pass
    async with line(url) as opened:
        for broken in (await opened.send(asked(), 5), (await opened.open(asked(), 5))[0]):
            assert isinstance(broken, Broken)
            assert broken.arrived is Arrived.NOT_AS_A_WHOLE


async def test_who_waits_in_line_has_sent_nothing() -> None:
    async with server(b"") as (url, seen, _), line(url, connections=1) as opened:
        first = asyncio.create_task(opened.send(asked(), 5))
        async with asyncio.timeout(10):
            while not seen:  # noqa: ASYNC110 - it can only be asked
                await asyncio.sleep(0.001)
        second = await opened.send(asked(), 0.05)
        assert isinstance(second, Broken)
        assert second.arrived is Arrived.NOT_AS_A_WHOLE
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
    assert len(seen) == 1


async def test_a_stream_comes_piece_by_piece_and_is_given_up_when_it_is_silent() -> None:
    begun = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n"
    async with server(begun) as (url, _, _), line(url, connections=1) as opened:
        reply, stream = await opened.open(asked(), 5)
        assert isinstance(reply, Reply)
        assert stream is not None
        assert [await stream.read(5), await stream.read(5)] == [b"abc", b"de"]
        assert isinstance(await stream.read(0.05), Broken)
        await stream.close()
        refused, none = await opened.open(asked(), 5)
        assert none is not None
        await none.close()
        assert refused == reply
    async with server(answer("404 Not Found", b"{}")) as (url, _, _), line(url) as opened:
        assert await opened.open(asked(), 5) == (Reply(404, {"content-length": "2"}, b"{}"), None)


async def test_what_ends_after_the_line_was_closed_is_closed_too() -> None:
    asked_for, closed = asyncio.Event(), asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        asked_for.set()
        await closed.wait()
        writer.write(OK)
        assert await reader.read() == b""
        writer.close()

    async with await asyncio.start_server(talk, "127.0.0.1", 0) as listening:
        opened = AsyncLine(f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}")
        call = asyncio.create_task(opened.send(asked(), 20))
        await asyncio.wait_for(asked_for.wait(), 10)
        await opened.close()
        closed.set()
        assert isinstance(await call, Reply)
        assert opened._idle == []


async def test_one_that_falls_silent_speaks_against_all_that_are_kept() -> None:
    """Behind a line that swallows everything none of them answers any more, and nobody says so; a new one may."""
    is_silent, opened_since = False, 0

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal opened_since
        opened_since += is_silent
        is_old = not is_silent
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                if is_old and is_silent:
                    continue
                await asyncio.sleep(0.05)  # so that both calls are under way at once
                writer.write(OK)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async with (
        await asyncio.start_server(talk, "127.0.0.1", 0) as listening,
        line(f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}") as opened,
    ):
        await asyncio.gather(opened.send(asked(), 5), opened.send(asked(), 5), opened.send(asked(), 5))
        assert len(opened._idle) == 3
        is_silent = True
        assert isinstance(await opened.send(asked(), 0.2), Broken)
        assert isinstance(await opened.send(asked(), 5), Reply)
    assert opened_since == 1
