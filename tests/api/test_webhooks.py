"""Webhooks over HTTP: set up, tested, rotated, replayed, looked into; and their secrets, which nobody else learns."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import standardwebhooks

from eightysix.catalog.webhook import Webhook
from eightysix.core.key import StoreKey
from eightysix.storage.webhook_queue import WebhookKey
from tests.fuzz.service import serving
from tests.webhooks.receiver import Receiver, receiving
from tests.webhooks.station import until

from .conftest import open_shop
from .shop import RICE, SOUP, Shop

PATH = "/api/v1/webhooks"
PUBLIC = "https://1.1.1.1/hook"


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as listening:
        yield listening


@pytest.fixture(scope="module")
async def open_minded(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shop]:
    """A shop that calls receivers on this machine."""
    async with open_shop(
        tmp_path_factory.mktemp("webhooks"), webhook_allow_private=True, webhook_allow_http=True
    ) as shop:
        yield shop


async def subscribe(shop: Shop, webhook_id: str, url: str = PUBLIC, **fields: Any) -> dict[str, Any]:
    answer = await shop.post(PATH, {"brandId": "fox", "webhook_id": webhook_id, "url": url, **fields})
    assert answer.status_code == 201, answer.text
    return answer.json()


async def one(shop: Shop, webhook_id: str) -> dict[str, Any]:
    answer = await shop.call("GET", PATH, params={"brandId": "fox", "webhook_id": webhook_id})
    assert answer.status_code == 200, answer.text
    return answer.json()["items"][0]


async def refused(shop: Shop, body: dict[str, Any]) -> dict[str, Any]:
    before = await shop.books()
    answer = await shop.post(PATH, {"brandId": "fox", "webhook_id": "x", "url": PUBLIC, **body})
    assert await shop.books() == before
    return {"status": answer.status_code, **answer.json()}


async def test_one_is_made_shown_replaced_and_deleted(shop: Shop) -> None:
    made = await subscribe(shop, "meal", poiIds=["s1"], channel_code="EMENU", events=["stock.low"])
    secret = made.pop("secret")
    assert secret.startswith("whsec_")
    assert made == {
        "brandId": "fox", "webhook_id": "meal", "url": PUBLIC, "poiIds": ["s1"], "channel_code": "EMENU",
        "events": ["stock.low"], "status": "active", "status_reason": None, "previous_until": None,
        "created_at": made["created_at"],
    }  # fmt: skip
    assert await one(shop, "meal") == made
    again = await shop.post(PATH, {"brandId": "fox", "webhook_id": "meal", "url": PUBLIC})
    assert (again.status_code, again.json()["code"]) == (409, "ALREADY_EXISTS")
    body = {"brandId": "fox", "webhook_id": "meal", "url": f"{PUBLIC}/2", "status": "disabled"}
    replaced = await shop.call("PUT", PATH, json=body)
    assert replaced.status_code == 200
    assert "secret" not in replaced.json()
    assert replaced.json()["events"] == ["stock.changed", "stock.low", "store.changed"]
    assert shop.service.catalog.current.webhooks("fox")["meal"].secret == secret
    gone = await shop.call("DELETE", PATH, params={"brandId": "fox", "webhook_id": "meal"})
    assert gone.status_code == 204
    for path, method in ((PATH, "GET"), (f"{PATH}/deliveries", "GET"), (PATH, "DELETE")):
        answer = await shop.call(method, path, params={"brandId": "fox", "webhook_id": "meal"})
        assert (answer.status_code, answer.json()["code"]) == (404, "WEBHOOK_NOT_FOUND")


async def test_several_are_made_at_once_or_none(shop: Shop) -> None:
    bodies = [{"brandId": "fox", "webhook_id": f"several-{at}", "url": PUBLIC} for at in range(3)]
    wrong = [*bodies[:2], {**bodies[2], "url": "https://10.0.0.1/"}]
    answer = await shop.post(PATH, {"items": wrong})
    assert (answer.status_code, answer.json()["field"]) == (422, "items[2].url")
    made = (await shop.post(PATH, {"items": bodies})).json()["items"]
    assert len({each["secret"] for each in made}) == 3
    listed = await shop.call("GET", PATH, params={"brandId": "fox", "limit": 2})
    assert listed.json()["cursor"]
    assert "whsec_" not in listed.text
    for body in bodies:
        await shop.call("DELETE", PATH, params={"brandId": "fox", "webhook_id": body["webhook_id"]})


@pytest.mark.parametrize(
    ("body", "status", "code", "field"),
    [
        ({"url": "https://127.0.0.1/"}, 422, "VALUE_INVALID", "url"),
        ({"url": "https://[::ffff:10.0.0.1]/"}, 422, "VALUE_INVALID", "url"),
        ({"url": "https://localhost/"}, 422, "VALUE_INVALID", "url"),
        ({"url": "http://1.1.1.1/"}, 422, "VALUE_INVALID", "url"),
        ({"url": "https://a:b@1.1.1.1/"}, 422, "VALUE_INVALID", "url"),
        ({"url": f"https://1.1.1.1/{'x' * 1_000}"}, 422, "TEXT_INVALID", "url"),
        ({"poiIds": []}, 422, "EMPTY", "poiIds"),
        ({"poiIds": ["none"]}, 404, "STORE_NOT_FOUND", "poiIds[0]"),
        ({"channel_code": "NONE"}, 404, "CHANNEL_NOT_FOUND", "channel_code"),
        ({"events": []}, 422, "EMPTY", "events"),
        ({"events": ["stock.low", "stock.low"]}, 422, "VALUE_INVALID", "events"),
        ({"events": ["webhook.ping"]}, 422, "UNKNOWN_VALUE", "events[0]"),
        ({"brandId": "none"}, 404, "BRAND_NOT_FOUND", "brandId"),
        ({"webhook_id": " x"}, 422, "ID_INVALID", "webhook_id"),
        ({"status": "paused"}, 422, "UNKNOWN_VALUE", "status"),
        ({"secret": "whsec_x"}, 400, "UNKNOWN_FIELD", "secret"),
    ],
)
async def test_what_is_refused(shop: Shop, body: dict[str, Any], status: int, code: str, field: str) -> None:
    told = await refused(shop, body)
    assert (told["status"], told["code"], told.get("field")) == (status, code, field), told


async def test_what_is_refused_is_said_in_chinese(shop: Shop) -> None:
    body = {"brandId": "fox", "webhook_id": "x", "url": "https://10.0.0.1/"}
    answer = await shop.post(PATH, body, headers={"accept-language": "zh-CN"})
    assert answer.json()["message"] == "取值错误：不是公网地址（url）。"
    assert "10.0.0.1" not in answer.text


async def test_a_ping_says_what_the_endpoint_said(open_minded: Shop, receiver: Receiver) -> None:
    secret = (await subscribe(open_minded, "ping", receiver.url))["secret"]
    named = {"brandId": "fox", "webhook_id": "ping"}
    receiver.say(202)
    told = (await open_minded.post(f"{PATH}/ping", named)).json()
    assert told == {
        "delivered": True, "message_id": receiver.received[0].message_id, "status_code": 202, "error": None,
        "took_ms": told["took_ms"], "answer": "hello",
    }  # fmt: skip
    event = standardwebhooks.Webhook(secret).verify(receiver.received[0].body, receiver.received[0].headers)
    assert event["type"] == "webhook.ping"
    assert event["data"] == named
    receiver.say(500)
    told = (await open_minded.post(f"{PATH}/ping", named)).json()
    assert (told["delivered"], told["status_code"], told["error"]) == (False, 500, "status 500")
    await receiver.close()
    told = (await open_minded.post(f"{PATH}/ping", named)).json()
    assert (told["delivered"], told["status_code"], told["error"], told["answer"]) == (
        False, None, "no connection", None,
    )  # fmt: skip
    log = (await open_minded.call("GET", f"{PATH}/deliveries", params=named)).json()["items"]
    assert [each["event"] for each in log] == ["webhook.ping"] * 3
    assert [each["status_code"] for each in log] == [None, 500, 202]
    assert (await one(open_minded, "ping"))["status"] == "active"
    await open_minded.call("DELETE", PATH, params=named)


async def published(shop: Shop, poi_id: str = "s1") -> None:
    """Wait until everybody was told of all that the store has changed."""

    async def is_out() -> bool:
        return not (await shop.service.database.outbox.pending([StoreKey.of("fox", poi_id)], 1)).rows

    await until(is_out)


async def test_what_is_can_be_told_again(open_minded: Shop, receiver: Receiver) -> None:
    shop, named = open_minded, {"brandId": "fox", "webhook_id": "again"}
    await shop.stock(RICE, 7)
    await shop.stock(SOUP, 8)
    await published(shop)
    await subscribe(shop, "again", receiver.url)
    answer = await shop.post(f"{PATH}/replay", {**named, "poiIds": ["s1", "s2", "s1"]})
    assert answer.json() == {"queued": 4, "cursor": None}  # two stores, two stocks
    await until(lambda: len(receiver.received) == 4)
    told = {request.about: request.event["data"].get("real_quantity") for request in receiver.received}
    assert told == {
        ("store.changed", "s1", None): None,
        ("store.changed", "s2", None): None,
        ("stock.changed", "s1", RICE): 7,
        ("stock.changed", "s1", SOUP): 8,
    }
    ids = {request.message_id for request in receiver.received}
    assert len(ids) == 4

    async def deliveries(**query: Any) -> dict[str, Any]:
        return (await shop.call("GET", f"{PATH}/deliveries", params={**named, **query})).json()

    await until(lambda: _count(deliveries, 4))
    log = await deliveries()
    receiver.received.clear()
    span = {"from": log["items"][-1]["attempted_at"], "to": "2999-01-01T00:00:00Z"}
    assert (await shop.post(f"{PATH}/replay", {**named, **span})).json() == {"queued": 4, "cursor": None}
    await until(lambda: len(receiver.received) == 4)
    assert not ids & {request.message_id for request in receiver.received}, "who drops repeats would drop these"
    await until(lambda: _count(deliveries, 8))
    first = await deliveries(limit=5)
    second = await deliveries(limit=5, cursor=first["cursor"])
    assert second["cursor"] is None
    times = [each["attempted_at"] for each in first["items"] + second["items"]]
    assert times == sorted(times, reverse=True)
    assert (len(first["items"]), len(second["items"])) == (5, 3)
    assert (await deliveries(to=times[-1]))["items"] == []
    await shop.call("DELETE", PATH, params=named)


async def _count(deliveries: Any, count: int) -> bool:
    return len((await deliveries())["items"]) == count


@pytest.mark.parametrize("body", [{}, {"poiIds": ["s1"], "from": "2026-01-01T00:00:00Z"}, {"cursor": "x"}])
async def test_a_replay_is_of_stores_or_of_a_time(shop: Shop, body: dict[str, Any]) -> None:
    await subscribe(shop, "either", status="disabled")
    answer = await shop.post(f"{PATH}/replay", {"brandId": "fox", "webhook_id": "either", **body})
    assert (answer.status_code, answer.json()["field"]) == (422, "poiIds")
    await shop.call("DELETE", PATH, params={"brandId": "fox", "webhook_id": "either"})


async def test_a_change_over_http_reaches_the_subscriber(open_minded: Shop, receiver: Receiver) -> None:
    secret = (await subscribe(open_minded, "live", receiver.url, poiIds=["s1"]))["secret"]
    await open_minded.stock(SOUP, 31)
    await until(lambda: any(request.event["data"]["real_quantity"] == 31 for request in receiver.received))
    for request in receiver.received:
        standardwebhooks.Webhook(secret).verify(request.body, request.headers)
    await open_minded.call("DELETE", PATH, params={"brandId": "fox", "webhook_id": "live"})


async def test_resuming_and_rotating(shop: Shop) -> None:
    first = (await subscribe(shop, "turn", status="disabled"))["secret"]
    named = {"brandId": "fox", "webhook_id": "turn"}
    assert (await shop.post(f"{PATH}/resume", named)).json()["status"] == "active"
    turned = (await shop.post(f"{PATH}/rotate", {**named, "overlap_seconds": 60})).json()
    assert turned["secret"] != first
    assert turned["previous_until"]
    assert (await one(shop, "turn"))["previous_until"] == turned["previous_until"]
    twice = await shop.post(f"{PATH}/rotate", {**named, "overlap_seconds": 60})
    assert (twice.status_code, twice.json()["code"]) == (409, "ROTATION_RUNNING")
    at_once = (await shop.post(f"{PATH}/rotate", {**named, "overlap_seconds": 0})).json()
    assert at_once["previous_until"] is None
    audit = await shop.call("GET", "/api/v1/audit", params={"brandId": "fox", "kind": "webhook", "object": "turn"})
    assert [line["action"] for line in audit.json()["items"]] == ["rotate", "rotate", "resume", "create"]
    await shop.call("DELETE", PATH, params=named)


async def test_other_brands_keys_see_nothing(shop: Shop) -> None:
    await subscribe(shop, "mine", status="disabled")
    owl = await shop.make_key("brand", brandId="owl")
    answer = await shop.call("GET", PATH, key=owl, params={"brandId": "fox"})
    assert (answer.status_code, answer.json()["code"]) == (404, "BRAND_NOT_FOUND")
    listed = await shop.call("GET", PATH, key=owl, params={"brandId": "owl"})
    assert listed.json()["items"] == []
    await shop.call("DELETE", PATH, params={"brandId": "fox", "webhook_id": "mine"})


# --- secrets


@asynccontextmanager
async def _talkative(folder: Path, monkeypatch: pytest.MonkeyPatch):
    for name, value in (("LOG_LEVEL", "debug"), ("WEBHOOK_ALLOW_PRIVATE", "true"), ("WEBHOOK_ALLOW_HTTP", "true")):
        monkeypatch.setenv(f"EIGHTYSIX_{name}", value)
    async with serving(folder) as served:
        yield served


async def test_secrets_stay_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not in a log, a list, an error or another column, while a service that logs everything fails as it can."""
    secrets: list[str] = []
    heard: list[str] = []
    async with _talkative(tmp_path, monkeypatch) as served, receiving() as receiver:
        path = Path(served.database.removeprefix("sqlite:///"))
        headers = {"authorization": f"Bearer {served.key}"}
        async with httpx.AsyncClient(base_url=served.url, timeout=30, headers=headers) as http:

            async def call(method: str, where: str, **more: Any) -> httpx.Response:
                answer = await http.request(method, f"{PATH}{where}", **more)
                shown = answer.json() if answer.content else {}
                if isinstance(shown, dict) and "secret" in shown:
                    secrets.append(shown.pop("secret"))
                heard.append(f"{shown}{answer.headers}")
                return answer

            named = {"brandId": "fox", "webhook_id": "w"}
            body = {**named, "url": receiver.url}
            assert (await call("POST", "", json=body)).status_code == 201
            for overlap in (60, 0):
                assert (await call("POST", "/rotate", json={**named, "overlap_seconds": overlap})).status_code == 200
            for status in (200, 500):
                receiver.say(status)
                assert (await call("POST", "/ping", json=named)).status_code == 200
            await call("PUT", "", json={**body, "secret": secrets[0]})
            await call("PUT", "", json={**body, "events": [secrets[0]]})
            for where in ("", "/deliveries"):
                await call("GET", where, params=named)
            heard.append((await http.get("/api/v1/audit", params={"kind": "webhook"})).text)
            with closing(sqlite3.connect(path)) as rows, rows:
                rows.execute("CREATE TRIGGER no BEFORE INSERT ON webhook BEGIN SELECT RAISE(ABORT, 'no room'); END")
            assert (await call("POST", "/rotate", json={**named, "overlap_seconds": 0})).status_code >= 500
        await served.stop()
        log = served.faults()
    assert len(set(secrets)) == 3
    assert "Traceback" in log, "nothing failed, so nothing was proved"
    with closing(sqlite3.connect(path)) as rows:
        for (table,) in rows.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            found = rows.execute(f'SELECT * FROM "{table}"')
            names = [column[0] for column in found.description]
            for row in found:
                for name, cell in zip(names, row, strict=True):
                    if (table, name) not in {("webhook", "secret"), ("webhook", "previous_secret")}:
                        assert "whsec_" not in str(cell), (table, name)
    assert "whsec_" not in log
    assert not [told for told in heard if "whsec_" in told]


def test_a_webhook_in_a_log_has_no_secret(shop: Shop) -> None:
    webhook = Webhook(WebhookKey.of("fox", "w"), PUBLIC, None, None, frozenset(), "active", "whsec_a", "whsec_b", 1)
    for text in (repr(webhook), str(webhook), f"{webhook}", f"{webhook!r}", repr([webhook])):
        assert "whsec_" not in text
    assert b"whsec_" in msgspec.json.encode(webhook)  # so it must never be given to an encoder
