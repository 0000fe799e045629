"""Rubbish on the wire, below HTTP: no 5xx, no trace in the log, and the next proper request is answered."""

import asyncio
import json
import random
import re
import socket
import struct
from collections.abc import AsyncIterator, Callable

import httpx
import psutil
import pytest

from eightysix.api.body import BODY_SECONDS

from .service import RICE, Served, serving

PATIENCE_SECONDS = 20.0
"""How long an answer may take."""

SURPLUS_SECONDS = 0.05
"""How long a test goes on listening when it has heard what it expects."""

LOCK = b"POST /api/v1/stock/lock HTTP/1.1\r\nhost: x\r\n"
GET = b"GET /healthz HTTP/1.1\r\nhost: x\r\n"
BODY = b'{"brandId":"fox"}'


@pytest.fixture(scope="module")
async def served(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    async with serving(tmp_path_factory.mktemp("sockets")) as service:
        yield service
        assert await service.stop() == 0
        assert service.faults() == ""
        assert await service.audit() == ""


@pytest.fixture(autouse=True)
async def alive(served: Served) -> AsyncIterator[None]:
    """After each test a proper order goes through and back."""
    yield
    headers = {"authorization": f"Bearer {served.key}"}
    order = {"brandId": "fox", "poiId": "s1", "order_id": "proper", "channel_code": "POS", "expires_in": 60}
    async with httpx.AsyncClient(base_url=served.url, headers=headers, timeout=20) as http:
        order["order_id"] = f"proper-{random.SystemRandom().getrandbits(64):x}"
        locked = await http.post("/api/v1/stock/lock", json={**order, "lines": [{"sku_id": RICE, "quantity": 1}]})
        assert locked.status_code == 200, locked.text
        named = {name: order[name] for name in ("brandId", "poiId", "order_id")}
        assert (await http.post("/api/v1/stock/unlock", json=named)).status_code == 200


async def say(served: Served, *parts: bytes, answers: int = 1, patience: float = PATIENCE_SECONDS) -> bytes:
    """Send the parts, one packet each, and listen for so many answers, and a moment longer for one too many.

    Without any to wait for, the sender closes its half first, and the service is expected to close the other.
    """
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    heard = b""
    try:
        for part in parts:
            writer.write(part)
            await writer.drain()
        if not answers:
            writer.write_eof()
        while True:
            async with asyncio.timeout(SURPLUS_SECONDS if answers and _answers(heard) >= answers else patience):
                more = await reader.read(65_536)
            if not more:
                break
            heard += more
    except (TimeoutError, OSError):
        pass  # no more to hear, or the service had closed it before all was said; what was heard is judged
    finally:
        writer.transport.abort()
    return heard


def _answers(heard: bytes) -> int:
    """Answers that are complete: as many bytes behind the head as it promises."""
    whole = 0
    while (head := re.match(rb"HTTP/1\.1 (\d+) .*?\r\n\r\n", heard, re.DOTALL)) is not None:
        length = re.search(rb"content-length: (\d+)", head[0])
        size = head.end() + (int(length[1]) if length else 0)
        if len(heard) < size:
            break
        heard, whole = heard[size:], whole + 1
    return whole


def statuses(heard: bytes) -> list[int]:
    """The status of each answer in what was heard."""
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", heard)]


def get(path: bytes) -> bytes:
    return b"GET " + path + b" HTTP/1.1\r\nhost: x\r\n\r\n"


def sized(body: bytes, length: object) -> bytes:
    return LOCK + f"content-length: {length}\r\n\r\n".encode() + body


def chunked(*lines: bytes) -> bytes:
    return LOCK + b"transfer-encoding: chunked\r\n\r\n" + b"\r\n".join(lines)


RUBBISH: dict[int, dict[str, bytes]] = {
    0: {
        "nothing": b"",
        "line breaks": b"\r\n" * 1_000,
        "an HTTP/2 preface and rubbish": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + random.Random(2).randbytes(500),
    },
    200: {
        "no host": b"GET /healthz HTTP/1.1\r\n\r\n",
        "an absolute address": b"GET http://elsewhere.example/healthz HTTP/1.1\r\nhost: x\r\n\r\n",
        "a websocket": GET + b"connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n"
                             b"sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        "raw bytes in headers": GET + b"authorization: Bearer \xff\xfe\r\naccept-language: \xff,;q=\x80\r\n\r\n",
        "a key of 60,000 characters": GET + b"authorization: Bearer " + b"e" * 60_000 + b"\r\n\r\n",
    },
    400: {
        "zeros": b"\0" * 10_000,
        "random bytes": random.Random(86).randbytes(10_000),
        "a TLS greeting": bytes.fromhex("16030100d1010000cd0303") + random.Random(1).randbytes(200),
        "HTTP/0.9": b"GET /healthz\r\n",
        "HTTP/9.9": b"GET /healthz HTTP/9.9\r\nhost: x\r\n\r\n",
        "a path of raw bytes": b"GET /\xff\xfe\x80 HTTP/1.1\r\nhost: x\r\n\r\n",
        "half an escape": b"GET /api/v1/stock/orders/%e?brandId=% HTTP/1.1\r\nhost: x\r\n\r\n",
        "no path": b"GET  HTTP/1.1\r\nhost: x\r\n\r\n",
        "a header without a colon": GET + b"rubbish\r\n\r\n",
        "a header without a name": GET + b": x\r\n\r\n",
        "a zero in a header": GET + b"x: a\0b\r\n\r\n",
        "a folded header": GET + b"x: a\r\n b\r\n\r\n",
        "length abc": sized(BODY, "abc"),
        "length -1": sized(BODY, -1),
        "length +17": sized(BODY, "+17"),
        "length 17, 18": sized(BODY, "17, 18"),
        "length 10^30": sized(BODY, 10**30),
        "two lengths": LOCK + b"content-length: 17\r\ncontent-length: 5\r\n\r\n" + BODY,
        "a length and chunks": LOCK + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nGET /healthz",
        "an unknown coding": LOCK + b"transfer-encoding: rot13\r\n\r\n" + BODY,
        "a chunk size in words": chunked(b"seventeen", BODY, b"0", b"", b""),
        "a negative chunk": chunked(b"-1", BODY, b"0", b"", b""),
        "a chunk of 2^64": chunked(b"1" + b"0" * 16, BODY),
        "a chunk longer than it says": chunked(b"2", BODY, b"0", b"", b""),
        "a chunk extension of 1 MB": chunked(b"11;" + b"x" * 1_000_000, BODY, b"0", b"", b""),
        "chunks of rubbish to the framework": chunked(b"zz", BODY).replace(b"stock/lock", b"poi/stock/update"),
        "trailers without end": chunked(b"11", BODY, b"0", b"x: y\r\n" * 20_000),
    },
    401: {
        "a query of 60,000 characters": get(b"/api/v1/brands?cursor=" + b"%F0" * 20_000),
        "escapes that aren't UTF-8": get(b"/api/v1/stock/orders/%ff%00?brandId=%ff&poiId=%00"),
    },
    404: {
        "a method of 100,000 characters": b"G" * 100_000 + b" / HTTP/1.1\r\n\r\n",
        "a way out of the root": b"GET /../../etc/passwd HTTP/1.1\r\nhost: x\r\n\r\n",
        "a tunnel": b"CONNECT elsewhere.example:443 HTTP/1.1\r\nhost: x\r\n\r\n",
        "OPTIONS *": b"OPTIONS * HTTP/1.1\r\nhost: x\r\n\r\n",
    },
    405: {
        "TRACE": b"TRACE /healthz HTTP/1.1\r\nhost: x\r\n\r\n",
        "an unknown method": b"BREW /api/v1/stock/lock HTTP/1.1\r\nhost: x\r\n\r\n",
    },
    431: {
        "a path of 1 MB": b"GET /" + b"a" * 1_000_000 + b" HTTP/1.1\r\nhost: x\r\n\r\n",
        "a header of 1 MB": GET + b"x: " + b"a" * 1_000_000 + b"\r\n\r\n",
        "10,000 headers": GET + b"".join(b"x%d: y\r\n" % n for n in range(10_000)) + b"\r\n",
    },
}  # fmt: skip
"""What is sent, by the status that it gets; 0 for what gets none."""

CASES = [(status, name) for status, sent in RUBBISH.items() for name in sent]


@pytest.mark.parametrize(("status", "name"), CASES)
async def test_rubbish(served: Served, status: int, name: str) -> None:
    """Whole requests are answered; of those that can't be whole the sender's end of the connection is awaited."""
    heard = await say(served, RUBBISH[status][name], answers=1 if status else 0)
    assert statuses(heard) == ([status] if status else []), heard[:500]


CUTS = (1, 10, 40, 60, 90, 120, 150)
WHOLE = sized(b'{"brandId":"fox","poiId":"s1","order_id":"cut","channel_code":"POS","lines":[', 500)


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("end", ["finish", "reset"])
async def test_half_a_request_and_gone(served: Served, cut: int, end: str) -> None:
    if end == "finish":
        assert statuses(await say(served, WHOLE[:cut], answers=0)) in ([], [400])
        return
    with socket.create_connection(("127.0.0.1", served.port)) as one:
        one.sendall(WHOLE[:cut])
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # the close becomes a reset


UNENDING = {
    "a body": WHOLE,
    "nothing but a head": sized(b"", 99),
    "a chunk of 2^63": chunked(b"7fffffffffffffff", BODY),
    "a menu": WHOLE.replace(b"stock/lock", b"items/import"),
}


@pytest.mark.timeout(120)
async def test_bodies_that_never_end(served: Served) -> None:
    """They hold no place for ever: each is refused after `BODY_SECONDS`, at the latest after twice that."""
    async with asyncio.timeout(3 * BODY_SECONDS):
        heard = await asyncio.gather(*(say(served, sent, patience=3 * BODY_SECONDS) for sent in UNENDING.values()))
    assert [statuses(one) for one in heard] == [[400]] * len(UNENDING)
    assert all(b"BODY_BROKEN" in one for one in heard)


async def test_one_byte_at_a_time(served: Served) -> None:
    body = json.dumps({"brandId": "fox", "poiId": "s1", "order_id": "none"}).encode()
    request = sized(body, len(body)).replace(b"/lock", b"/unlock")
    keyed = request.replace(b"host: x", b"host: x\r\nauthorization: Bearer " + served.key.encode())
    assert statuses(await say(served, *(keyed[at : at + 1] for at in range(len(keyed))))) == [200]


async def test_a_body_in_many_chunks(served: Served) -> None:
    body = json.dumps({"brandId": "fox", "poiId": "s1", "order_id": "chunks"}).encode()
    pieces = [b"1;x=y\r\n" + body[at : at + 1] + b"\r\n" for at in range(len(body))]
    head = chunked().replace(b"/lock", b"/unlock")
    head = head.replace(b"host: x", b"host: x\r\nauthorization: Bearer " + served.key.encode())
    assert statuses(await say(served, head, *pieces, b"0\r\nx-trailer: y\r\n\r\n")) == [200]


async def test_a_sender_that_asks_first(served: Served) -> None:
    head = LOCK + b"expect: 100-continue\r\ncontent-length: 17\r\n\r\n"
    assert statuses(await say(served, head, BODY, answers=2)) == [100, 400]


async def test_many_requests_in_one_packet(served: Served) -> None:
    """Answered in their order, each by itself: good ones, refusals, and rubbish that ends the talk."""
    good, wrong = GET + b"\r\n", sized(BODY, len(BODY))
    absent = b"GET /nothing HTTP/1.1\r\nhost: x\r\n\r\n"
    heard = statuses(await say(served, (good + wrong + absent) * 20, answers=60))
    assert heard == [200, 400, 404] * 20
    heard = statuses(await say(served, good * 3 + b"rubbish\r\n\r\n" + good, answers=4))
    assert heard in ([200, 200, 200], [200, 200, 200, 400])


async def test_a_length_that_hides_a_request(served: Served) -> None:
    """A body that looks like a request is a body, and what follows it is the next request."""
    hidden = b"POST /api/v1/stock/batch HTTP/1.1\r\nhost: x\r\n\r\n"
    assert statuses(await say(served, sized(hidden, len(hidden)) + GET + b"\r\n", answers=2)) == [400, 200]


async def test_a_reader_that_never_reads(served: Served) -> None:
    """Answers pile up at the sender's own connection only."""
    with socket.socket() as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.connect(("127.0.0.1", served.port))
        deaf.settimeout(0.2)
        try:
            for _ in range(200):
                deaf.sendall(b"GET /openapi.json HTTP/1.1\r\nhost: x\r\n\r\n")
        except TimeoutError:
            pass  # the service takes no more from it, as it should
        await _answers_quickly(served)


async def test_crowds_that_say_nothing_and_half_a_thing(served: Served) -> None:
    """200 idle and 200 half requests take no place from others, and nothing of them stays."""
    process = psutil.Process(served.child.pid)
    before = process.num_fds()
    crowd = [await asyncio.open_connection("127.0.0.1", served.port) for _ in range(400)]
    try:
        for at, (_, writer) in enumerate(crowd):
            if at % 2:
                writer.write(WHOLE[: 20 + at % 100])
        await _answers_quickly(served)
    finally:
        for _, writer in crowd:
            writer.transport.abort()
    await _until(lambda: process.num_fds() <= before + 5)


async def test_callers_that_leave_before_the_answer(served: Served) -> None:
    """What they asked for is done or refused as if they had stayed."""
    body = {"brandId": "fox", "poiId": "s2", "channel_code": "POS", "lines": [{"sku_id": RICE, "quantity": 1}]}
    for at in range(50):
        content = json.dumps({**body, "order_id": f"left-{at}"}).encode()
        request = sized(content, len(content))
        keyed = request.replace(b"host: x", b"host: x\r\nauthorization: Bearer " + served.key.encode())
        with socket.create_connection(("127.0.0.1", served.port)) as one:
            one.sendall(keyed)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    headers = {"authorization": f"Bearer {served.key}"}
    async with httpx.AsyncClient(base_url=served.url, headers=headers, timeout=20) as http:
        for at in range(50):  # once more: a replay where it was done, a first lock where it was lost with the reset
            answer = await http.post("/api/v1/stock/lock", json={**body, "order_id": f"left-{at}"})
            assert answer.status_code in {200, 409}, answer.text


async def _answers_quickly(served: Served) -> None:
    async with httpx.AsyncClient(base_url=served.url, timeout=20) as http:
        assert (await http.get("/readyz")).status_code == 200


async def _until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not holds():  # noqa: ASYNC110 - the state is another process's
            await asyncio.sleep(0.05)
