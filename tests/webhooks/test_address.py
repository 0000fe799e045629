"""Where webhooks may go: nowhere inside, whatever clothes an address wears and whatever a name says the second time."""

import contextlib
import socket
import ssl
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from eightysix.sync.webhooks.address import Addresses, AddressRefused, Rules, is_public
from eightysix.sync.webhooks.courier import Answer, Courier, Timeouts
from tests.webhooks.receiver import Receiver, receiving
from tests.webhooks.station import Station, until

INSIDE = [
    *("127.0.0.1", "127.8.9.1", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "0.0.0.0"),
    *("169.254.169.254", "192.0.0.8", "192.0.2.1", "192.88.99.1", "198.18.0.1", "203.0.113.7", "224.0.0.1"),
    *("239.1.2.3", "240.0.0.1", "255.255.255.255"),
    *("::", "::1", "fe80::1", "fe80::1%eth0", "fec0::1", "fc00::1", "fd12::1", "ff02::1", "ff0e::1", "2001:db8::1"),
    *("2001::1", "2001:10::1", "2001:20::1", "3fff::1", "5f00::1", "100::1", "64:ff9b:1::1"),
    *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:a9fe:a9fe", "::127.0.0.1", "::8.8.8.8"),
    *("64:ff9b::7f00:1", "64:ff9b::10.0.0.1", "64:ff9b::169.254.169.254", "2002:7f00:1::", "2002:c0a8:101::1"),
    *("2002:a9fe:a9fe::1", "not an address", ""),
]
OUTSIDE = [
    *("8.8.8.8", "1.1.1.1", "100.63.255.255", "172.32.0.1", "223.255.255.254"),
    *("2606:4700::1111", "2a00:1450:4001::1", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:808:808::1"),
]


@pytest.mark.parametrize("address", INSIDE)
def test_what_is_inside_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", OUTSIDE)
def test_what_is_outside_is(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://example.com/", "only https"),
        ("ftp://example.com/", "not a URL"),
        ("file:///etc/passwd", "not a URL"),
        ("example.com", "not a URL"),
        ("https://", "not a URL"),
        ("https:///x", "not a URL"),
        ("", "not a URL"),
        ("https://user@example.com/", "a URL without a user or password"),
        ("https://user:secret@example.com/", "a URL without a user or password"),
        ("https://@example.com/", "a URL without a user or password"),
        ("https://example.com/#x", "a URL without a fragment"),
        ("https://example.com:22/", "this port isn't called"),
        ("https://example.com:0/", "this port isn't called"),
        ("https://example.com:70000/", "not a URL"),
        ("https://example.com:x/", "not a URL"),
        ("https://[::1/", "not a URL"),
        ("https://[fe80::1%25eth0]/", "not a URL"),
        ("https://exa mple.com/", "not a URL"),
        ("https://example.com/\r\nx: y", "not a URL"),
        ("https://münchen.example/", "not a URL"),
        ("https://example.com\\@10.0.0.1/", "not a URL"),
    ],
)
def test_a_url_is_looked_at_first(url: str, why: str) -> None:
    with pytest.raises(AddressRefused) as refused:
        Addresses(Rules()).read(url)
    assert refused.value.why == why


def test_good_urls_are_read() -> None:
    addresses = Addresses(Rules(plain_http=True))
    assert addresses.read("https://shop.example/a?b=1").port == 443
    assert addresses.read("http://shop.example:8080").port == 8080
    assert addresses.read("https://[2606:4700::1]:4430/").host == "2606:4700::1"


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "127.1", "2130706433", "0x7f.0.0.1", "0177.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "0"],
)
async def test_no_spelling_of_this_machine_is_called(host: str) -> None:
    """Resolved as the system does it, which knows more spellings than anybody wants to list."""
    with pytest.raises(AddressRefused) as refused:
        await Addresses(Rules()).check(f"https://{host}/")
    assert refused.value.why in {"not a public address", "the host has no address"}


class Names:
    """A resolver that answers from a list, and then the last one for good."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


async def test_one_inner_address_among_public_ones_is_enough_to_refuse() -> None:
    addresses = Addresses(Rules(), Names(["8.8.8.8", "10.0.0.1"]))
    with pytest.raises(AddressRefused):
        await addresses.of("shop.example", 443)


async def test_a_name_that_moves_inside_after_it_was_set_up_is_not_followed(
    station: Station, receiver: Receiver
) -> None:
    """DNS rebinding: public while it is looked at, this machine when it is called."""
    names = Names(["93.184.216.34"], ["127.0.0.1"])
    addresses = Addresses(Rules(plain_http=True), names)
    await station.end()
    await station.begin(addresses=addresses)
    url = f"http://shop.example:{receiver.port}/hook"
    await addresses.check(url)
    await station.hook(url)
    await station.set(5)
    await until(station.attempts)
    (attempt,) = await station.attempts()
    assert (attempt.delivered, attempt.status_code, attempt.error) == (False, None, "not a public address")
    assert names.asked == ["shop.example"] * 2
    assert receiver.connections == 0


async def test_the_checked_address_is_the_one_that_is_connected_to(station: Station, receiver: Receiver) -> None:
    """The name is asked for once a connection: what it would say the next moment doesn't matter."""
    names = Names(["127.0.0.1"], ["192.0.2.1"])
    await station.end()
    await station.begin(addresses=Addresses(Rules(private=True, plain_http=True), names))
    await station.hook(f"http://shop.example:{receiver.port}/hook")
    await station.set(5)
    (request,) = await until(lambda: receiver.received)
    assert request.headers["host"] == f"shop.example:{receiver.port}"
    assert names.asked == ["shop.example"]


# --- TLS


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and a certificate for shop.example, of its own authority."""
    folder = tmp_path_factory.mktemp("tls")
    wanted = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=shop.example"
    named = ["-addext", "subjectAltName=DNS:shop.example", "-keyout", f"{folder}/key.pem", "-out", f"{folder}/cert.pem"]
    subprocess.run(["openssl", *wanted.split(), *named], check=True, capture_output=True)
    return folder


@contextlib.asynccontextmanager
async def _calling(certificate: Path, host: str, *, trusted: bool):
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    names: list[str | None] = []
    server.sni_callback = lambda _socket, name, _context: names.append(name)
    client = ssl.create_default_context()
    if trusted:
        client.load_verify_locations(certificate / "cert.pem")
    async with receiving(server) as receiver:
        addresses = Addresses(Rules(private=True), Names(["127.0.0.1"]))
        courier = Courier(addresses, Timeouts(2, 5), 1, client)
        answer = await courier.post(f"https://{host}:{receiver.port}/hook", [], b"{}")
        await courier.close()
        yield receiver, answer, names


async def test_tls_is_spoken_to_the_name_at_the_checked_address(certificate: Path) -> None:
    async with _calling(certificate, "shop.example", trusted=True) as (receiver, answer, names):
        assert (answer.status, answer.error) == (204, None)
        assert names == ["shop.example"]
        assert len(receiver.received) == 1


@pytest.mark.parametrize(("host", "trusted"), [("other.example", True), ("shop.example", False)])
async def test_a_certificate_for_another_name_or_of_a_stranger_gets_nothing(
    certificate: Path, host: str, trusted: bool
) -> None:
    async with _calling(certificate, host, trusted=trusted) as (receiver, answer, _):
        assert answer.status is None
        assert answer.error is not None
        assert answer.error.startswith("the certificate isn't valid")
        assert not receiver.received


async def test_the_path_is_asked_for_to_the_last_letter(receiver: Receiver) -> None:
    courier = Courier(Addresses(Rules(private=True, plain_http=True)), Timeouts(2, 5), 1, ssl.create_default_context())
    for path in ("/hook;v=1/x;y?a=b;c", "/"):
        await courier.post(f"http://127.0.0.1:{receiver.port}{path}", [], b"{}")
    await courier.close()
    assert [request.path for request in receiver.received] == ["/hook;v=1/x;y?a=b;c", "/"]


# --- time


async def test_an_address_that_is_silent_leaves_time_for_the_next(receiver: Receiver) -> None:
    with socket.create_server(("127.0.0.2", receiver.port), backlog=0) as full:
        held = [socket.socket() for _ in range(4)]
        try:
            for each in held:  # its backlog is full then: further ones get no answer
                each.setblocking(False)
                each.connect_ex(full.getsockname())
            names = Names(["127.0.0.2", "127.0.0.1"])
            courier = Courier(
                Addresses(Rules(private=True, plain_http=True), names), Timeouts(2, 30), 1, ssl.create_default_context()
            )
            answer = await courier.post(f"http://shop.example:{receiver.port}/hook", [], b"{}")
            await courier.close()
        finally:
            for each in held:
                each.close()
    assert answer.status == 204
    assert answer.took_ms >= 900


async def test_a_connection_that_nobody_accepts_takes_its_time_and_no_more() -> None:
    """192.0.2.1 is nobody's; where the network says so at once, that is an answer too."""
    courier = Courier(
        Addresses(Rules(private=True, plain_http=True)), Timeouts(0.2, 5), 1, ssl.create_default_context()
    )
    answer: Answer = await courier.post("http://192.0.2.1:8080/", [], b"{}")
    await courier.close()
    assert answer.status is None
    assert answer.error in {"no connection in time", "no connection"}
    assert answer.took_ms < 4_000
