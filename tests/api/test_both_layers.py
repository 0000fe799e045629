"""The lean layer and the framework answer alike: the same requests through both, compared to the letter."""

import json
from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from .shop import RICE, TEA, Shop
from .test_bad_input import CASES

_THAT_MATTER = ("content-type", "www-authenticate", "retry-after", "content-length")


@pytest.fixture(scope="module")
async def both(shop: Shop) -> list[httpx.AsyncClient]:
    lean = shop.service.asgi
    return [httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://86") for app in (lean, lean.site)]


async def _compare(
    both: list[httpx.AsyncClient], path: str, content: bytes, headers: Mapping[str, str]
) -> httpx.Response:
    answers = [await client.post(path, content=content, headers=headers) for client in both]
    lean, framework = answers
    assert lean.status_code == framework.status_code
    assert lean.content == framework.content
    matter = [{name: answer.headers.get(name) for name in _THAT_MATTER} for answer in answers]
    for each in matter:
        each.pop("content-length")  # the server's own, not the application's
    assert matter[0] == matter[1]
    return lean


@pytest.mark.parametrize("language", ["en", "zh-CN"])
@pytest.mark.parametrize("name", [case[0] for case in CASES])
async def test_refusals(shop: Shop, both: list[httpx.AsyncClient], name: str, language: str) -> None:
    body = next(case[1] for case in CASES if case[0] == name)
    headers = {"authorization": f"Bearer {shop.key}", "accept-language": language}
    await _compare(both, "/api/v1/stock/lock", body, headers)
    batch = b'{"operations":[%s]}' % (body.replace(b"{", b'{"op":"lock",', 1) if body.startswith(b"{") else b"{}")
    await _compare(both, "/api/v1/stock/batch", batch, headers)


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer e86_wrong", "Basic YTpi", "Bearer \u00e9"])
async def test_strangers(both: list[httpx.AsyncClient], authorization: str) -> None:
    headers = {"authorization": authorization.encode("latin-1")} if authorization else {}
    answer = await _compare(both, "/api/v1/stock/unlock", _body("o"), headers)  # type: ignore[arg-type]
    assert answer.status_code == 401


async def test_two_keys_at_once_are_none(shop: Shop, both: list[httpx.AsyncClient]) -> None:
    """Whichever came first or last would be a way around whoever looks at the other one."""
    keys = [f"Bearer {key}" for key in (shop.key, await shop.make_key("auditor"))]
    for first, second in (keys, keys[::-1], [keys[0], keys[0]]):
        headers = httpx.Headers([("authorization", first), ("authorization", second)])
        answer = await _compare(both, "/api/v1/stock/unlock", _body("o"), headers)
        assert answer.status_code == 401
        answer = await both[0].get("/api/v1/brands", headers=headers)
        assert answer.status_code == 401


async def test_a_role_without_the_right(shop: Shop, both: list[httpx.AsyncClient]) -> None:
    key = await shop.make_key("auditor")
    answer = await _compare(both, "/api/v1/stock/unlock", _body("o"), {"authorization": f"Bearer {key}"})
    assert (answer.status_code, answer.json()["code"]) == (403, "FORBIDDEN")


async def test_a_life(shop: Shop, both: list[httpx.AsyncClient]) -> None:
    """Successes: the same life of two orders, one in each layer; they differ by id and time only."""
    await shop.stock(RICE, 100)
    line = {"sku_id": RICE, "quantity": 2}
    steps: list[tuple[str, dict[str, Any]]] = [
        ("lock", {"channel_code": "POS", "lines": [line, {"sku_id": TEA, "quantity": 1}]}),
        ("lock", {"channel_code": "POS", "lines": [line, {"sku_id": TEA, "quantity": 1}]}),
        ("lock", {"channel_code": "POS", "lines": [{**line, "quantity": 3}]}),
        ("amend", {"request_id": "amend-ID", "lines": [{**line, "quantity": 1}]}),
        ("deduct", {"lines": [line]}),
        ("deduct", {}),
        ("unlock", {}),
        ("return", {"request_id": "return-ID", "lines": [{"sku_id": RICE, "quantity": 1, "restock": True}]}),
        ("return", {"request_id": "return-ID", "lines": [{"sku_id": RICE, "quantity": 9}]}),
    ]
    headers = {"authorization": f"Bearer {shop.key}"}
    for verb, fields in steps:
        told = []
        for client, order in zip(both, ("life-lean", "life-full"), strict=True):
            body = _body(order, **json.loads(json.dumps(fields).replace("ID", order)))
            answer = await client.post(f"/api/v1/stock/{verb}", content=body, headers=headers)
            shown = answer.json() | ({"expires_at": "then"} if answer.json().get("expires_at") else {})
            told.append((answer.status_code, json.dumps(shown).replace(order, "ID")))
        assert told[0] == told[1]


def _body(order_id: str, **fields: Any) -> bytes:
    return json.dumps({"brandId": "fox", "poiId": "s1", "order_id": order_id, **fields}).encode()
