"""Signatures, verified by the library that receivers use."""

import base64
import time
from datetime import UTC, datetime

import pytest
import standardwebhooks

from eightysix.catalog.webhook import new_secret
from eightysix.sync.webhooks.signature import headers
from eightysix.wire.webhook import RotateWebhookBody
from tests.webhooks.receiver import Receiver
from tests.webhooks.station import HOUR, Station, until


def signed(secrets: list[str], body: bytes) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in headers(secrets, "msg_1", int(time.time()), body)}


def test_a_secret_is_32_random_bytes() -> None:
    made = {new_secret() for _ in range(50)}
    assert len(made) == 50
    assert {len(base64.b64decode(secret.removeprefix("whsec_"))) for secret in made} == {32}


def test_the_library_takes_the_signature_and_no_other() -> None:
    secret, body = new_secret(), '{"a": "汤"}'.encode()
    library = standardwebhooks.Webhook(secret)
    assert library.verify(body, signed([secret], body)) == {"a": "汤"}
    for told, text in ((signed([new_secret()], body), body), (signed([secret], body), body + b" ")):
        with pytest.raises(standardwebhooks.WebhookVerificationError):
            library.verify(text, told)


def test_it_is_the_library_s_own_signature() -> None:
    secret, body = new_secret(), b"{}"
    at = datetime(2026, 11, 26, 12, tzinfo=UTC)
    theirs = standardwebhooks.Webhook(secret).sign("msg_1", at, body.decode())
    ours = dict(headers([secret], "msg_1", int(at.timestamp()), body))
    assert ours[b"webhook-signature"].decode() == theirs


async def test_both_secrets_sign_until_the_overlap_ends(station: Station, receiver: Receiver) -> None:
    old = await station.hook(receiver.url)
    made = await station.webhooks.subscriptions.rotate(RotateWebhookBody("fox", "w1", 3_600), "x")
    new = str(made.secret)
    assert new != old
    await station.set(5)
    (first,) = await until(lambda: receiver.received)
    for secret in (old, new):
        standardwebhooks.Webhook(secret).verify(first.body, first.headers)
    assert first.headers["webhook-signature"].count("v1,") == 2
    station.clock.pass_by(HOUR + 60_000)
    await station.set(6)
    second = (await until(lambda: receiver.received[1:]))[0]
    assert second.headers["webhook-signature"].count("v1,") == 1
    again = headers([new], second.message_id, int(second.headers["webhook-timestamp"]), second.body)
    assert second.headers["webhook-signature"] == again[2][1].decode()


async def test_without_an_overlap_the_old_secret_signs_no_more(station: Station, receiver: Receiver) -> None:
    old = await station.hook(receiver.url)
    made = await station.webhooks.subscriptions.rotate(RotateWebhookBody("fox", "w1", 0), "x")
    await station.set(5)
    (request,) = await until(lambda: receiver.received)
    standardwebhooks.Webhook(str(made.secret)).verify(request.body, request.headers)
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        standardwebhooks.Webhook(old).verify(request.body, request.headers)
