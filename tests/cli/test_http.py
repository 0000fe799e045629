"""The lean HTTP client against a server that behaves and misbehaves on purpose."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from eightysix.cli.calling.http import HttpClient, ServiceAwayError


@asynccontextmanager
async def server(*answers: bytes, close_after: int = 1_000_000):
    """Answers request after request with the given bytes (the last one again and again)."""
    seen: list[bytes] = []
    connections: list[int] = []

    async def talk(reader, writer):
        connections.append(1)
        try:
            for _ in range(close_after):
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                seen.append(head + await reader.readexactly(length))
                writer.write(answers[min(len(seen), len(answers)) - 1])
                await writer.drain()
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()
            await writer.wait_closed()

    listening = await asyncio.start_server(talk, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}", seen, connections
    finally:
        listening.close()
        await listening.wait_closed()


def answer(status: str, body: bytes, *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Content-Type: application/json", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def test_a_call_sends_json_with_the_key_and_reads_the_answer():
    async with server(answer("200 OK", b'{"a":1}')) as (url, seen, connections):
        client = HttpClient(f"{url}/base/", "secret", language="zh-CN")
        for _ in range(3):
            got = await client.call("POST", "/x", {"b": [1]})
            assert (got.status, got.body, got.is_ok) == (200, {"a": 1}, True)
        await client.close()
    assert seen[0].startswith(b"POST /base/x HTTP/1.1\r\n")
    assert b"Authorization: Bearer secret\r\n" in seen[0]
    assert b"Accept-Language: zh-CN\r\n" in seen[0]
    assert seen[0].endswith(b'\r\n\r\n{"b":[1]}')
    assert len(connections) == 1


async def test_a_refusal_has_its_code_and_message():
    async with server(answer("409 Conflict", b'{"code":"OUT_OF_STOCK","message":"none left"}')) as (url, _, _):
        client = HttpClient(url)
        got = await client.call("POST", "/x", {})
        await client.close()
    assert (got.is_ok, got.code, got.message) == (False, "OUT_OF_STOCK", "none left")


async def test_chunks_and_interim_answers_are_read():
    chunked = (
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
        b"Content-Type: application/json\r\n\r\n4;x=1\r\n[1,2\r\n2\r\n,3\r\n1\r\n]\r\n0\r\nTrailer: 1\r\n\r\n"
    )
    async with server(chunked) as (url, _, _):
        client = HttpClient(url)
        assert (await client.call("GET", "/x")).body == [1, 2, 3]
        assert (await client.call("GET", "/x")).body == [1, 2, 3]
        await client.close()


async def test_overload_is_tried_again():
    busy = answer("503 Service Unavailable", b"{}", "Retry-After: 0")
    async with server(busy, busy, answer("200 OK", b"{}")) as (url, seen, _):
        client = HttpClient(url)
        assert (await client.call("POST", "/x", {})).is_ok
        await client.close()
    assert len(seen) == 3
    assert client.repeated == {"503": 2}


async def test_a_closed_connection_is_opened_again():
    async with server(answer("200 OK", b"{}"), close_after=1) as (url, _, connections):
        client = HttpClient(url, connections=1)
        for _ in range(2):
            assert (await client.call("POST", "/x", {})).is_ok
        await client.close()
    assert len(connections) == 2


async def test_connection_close_is_obeyed():
    async with server(answer("200 OK", b"{}", "Connection: close")) as (url, _, connections):
        client = HttpClient(url, connections=1)
        for _ in range(2):
            assert (await client.call("GET", "/x")).is_ok
        await client.close()
    assert len(connections) == 2
    assert client.repeated == {}


@pytest.mark.parametrize("bytes_sent", [b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"])
async def test_what_is_no_http_is_a_service_that_is_away(bytes_sent):
    async with server(bytes_sent) as (url, _, _):
        client = HttpClient(url, deadline_seconds=0.3)
        with pytest.raises(ServiceAwayError):
            await client.call("GET", "/x")


async def test_nobody_there_is_told_after_the_deadline():
    async with server(b"") as (url, _, _):
        pass
    client = HttpClient(url, deadline_seconds=0.2)
    with pytest.raises(ServiceAwayError, match="connection"):
        await client.call("GET", "/x")


def test_an_address_must_be_http():
    with pytest.raises(ValueError, match="ftp"):
        HttpClient("ftp://x")
