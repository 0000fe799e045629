"""Every endpoint × every role × the caller's own store, a sibling of it, and a stranger's."""

from collections.abc import AsyncIterator
from typing import Any, NamedTuple, cast

import httpx
import pytest

from eightysix.api.auth import ALLOWED, Action, Doorkeeper
from eightysix.api.endpoint import Call, CsvBody, Endpoint
from eightysix.api.lean import Asgi
from eightysix.api.reply import Reply, json_reply
from eightysix.api.site import site
from eightysix.core.key import StoreKey
from eightysix.wire.incident import incident_id
from tests.docs.http_page import table

from .conftest import open_shop
from .role_calls import CALLS, Names, RoleCall
from .shop import TEA, Shop

CALLERS: dict[str, tuple[str, dict[str, Any]]] = {
    "platform": ("platform", {}),
    "brand": ("brand", {"brandId": "fox"}),
    "brand, one store": ("brand", {"brandId": "fox", "poi_ids": ["s1"]}),
    "order-service": ("order-service", {"brandId": "fox"}),
    "order-service, one store": ("order-service", {"brandId": "fox", "poi_ids": ["s1"]}),
    "order-service, one channel": ("order-service", {"brandId": "fox", "channel_code": "EMENU"}),
    "store": ("store", {"brandId": "fox", "poi_ids": ["s1"]}),
    "hub": ("hub", {"brandId": "fox", "poi_ids": ["s1"]}),
    "channel": ("channel", {"brandId": "fox", "channel_code": "EMENU"}),
    "channel, one store": ("channel", {"brandId": "fox", "channel_code": "EMENU", "poi_ids": ["s1"]}),
    "auditor": ("auditor", {"brandId": "fox"}),
    "auditor, one store": ("auditor", {"brandId": "fox", "poi_ids": ["s1"]}),
    "auditor of all": ("auditor", {}),
}
"""The role and the scope of each key, of which every role is one at least."""
OWN, SIBLING, FOREIGN = ("fox", "s1"), ("fox", "s2"), ("owl", "s2")
ENDPOINTS = {f"{endpoint.method} {endpoint.path}": endpoint for endpoint in table()}
GUARDED = [name for name, endpoint in ENDPOINTS.items() if endpoint.action is not None]


class Told(NamedTuple):
    """What a call came to."""

    status: int
    code: str | None

    @property
    def is_let_in(self) -> bool:
        """Whatever it came to, it wasn't refused for who called or for whose it is."""
        whose = ("BRAND_NOT_FOUND", "STORE_NOT_FOUND", "KEY_NOT_FOUND")
        return self.status not in (401, 403, 429) and self.status < 500 and self.code not in whose


@pytest.fixture(scope="module")
async def tried(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shop]:
    """A shop that is in a bad way afterwards."""
    async with open_shop(tmp_path_factory.mktemp("roles")) as shop:
        yield shop


@pytest.fixture(scope="module")
async def keys(tried: Shop) -> dict[str, str]:
    return {name: await tried.make_key(role, **scope) for name, (role, scope) in CALLERS.items()}


def test_every_endpoint_has_its_call() -> None:
    assert set(CALLS) == set(ENDPOINTS), "see tests/api/role_calls.py"


def test_every_role_has_its_caller() -> None:
    assert {role for role, _ in CALLERS.values()} == set(ALLOWED)


async def _tell(shop: Shop, name: str, key: str | None, whose: tuple[str, str]) -> Told:
    endpoint, call = ENDPOINTS[name], CALLS[name]
    path, more = _path(endpoint, whose), await _request(shop, endpoint, call, *whose)
    if key is None:
        answer = await shop.http.request(endpoint.method, path, **more)
    else:
        answer = await shop.call(endpoint.method, path, key=key, **more)
    if name == "DELETE /api/v1/stores" and answer.status_code == 204:
        await shop.furnish()
    said = answer.json() if answer.content and "json" in answer.headers["content-type"] else {}
    if "results" in said and path.endswith("/batch"):
        [result] = said["results"]
        return Told(result["status"], result["body"].get("code"))
    return Told(answer.status_code, said.get("code"))


def _path(endpoint: Endpoint, whose: tuple[str, str]) -> str:
    named = endpoint.path.replace("{order_id}", "roles")
    return named.replace("{incident_id}", incident_id(StoreKey.of(*whose), 1))


async def _request(shop: Shop, endpoint: Endpoint, call: RoleCall, brand_id: str, poi_id: str) -> dict[str, Any]:
    named = {}
    if call.names in (Names.BRAND, Names.STORE):
        named["brandId"] = brand_id
    if call.names is Names.STORE:
        named["poiId"] = poi_id
    if call.names is Names.KEY:
        made = await shop.post("/api/v1/keys", {"name": "x", "role": "store", "brandId": brand_id, "poi_ids": [poi_id]})
        named["key_id"] = made.json()["key_id"]
    fields = {**call.fields, **named}
    if isinstance(endpoint.body, CsvBody):
        assert call.body is not None
        return {"params": fields, "content": call.body(brand_id, poi_id)}
    if call.body is not None:
        return {"json": call.body(brand_id, poi_id)}
    return {"params": fields} if endpoint.body is None else {"json": fields}


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("name", GUARDED)
async def test_what_a_role_may_do(tried: Shop, keys: dict[str, str], caller: str, name: str) -> None:
    (role, scope), call = CALLERS[caller], CALLS[name]
    own, sibling, foreign = [await _tell(tried, name, keys[caller], whose) for whose in (OWN, SIBLING, FOREIGN)]
    if ENDPOINTS[name].action not in ALLOWED[role]:
        assert own == sibling == foreign == Told(403, "FORBIDDEN")
        return
    if call.whole_brand and {"poi_ids", "channel_code"} & set(scope):
        assert own == sibling == Told(403, "FORBIDDEN")
        assert foreign.status in (403, 404)
        return
    if call.every_channel and "channel_code" in scope:
        assert own == sibling == Told(403, "FORBIDDEN")
        assert foreign.status in (403, 404)
        return
    assert own.is_let_in, own
    if "poi_ids" in scope and call.names is Names.STORE:
        assert sibling == Told(404, "STORE_NOT_FOUND")
    else:
        assert sibling.is_let_in, sibling
    if "brandId" in scope:
        assert foreign == Told(404, "KEY_NOT_FOUND" if call.names is Names.KEY else "BRAND_NOT_FOUND")
    else:
        assert foreign.is_let_in, foreign


@pytest.mark.parametrize("name", GUARDED)
async def test_nobody_gets_in_without_a_key(tried: Shop, name: str) -> None:
    assert await _tell(tried, name, None, OWN) == Told(401, "UNAUTHENTICATED")


@pytest.mark.parametrize("name", sorted(set(ENDPOINTS) - set(GUARDED)))
async def test_what_needs_no_key(tried: Shop, name: str) -> None:
    assert CALLS[name].names is Names.NOTHING
    assert (await _tell(tried, name, None, OWN)).status == CALLS[name].told


async def test_an_endpoint_that_forgets_the_scope_shows_nothing(shop: Shop) -> None:
    """The negative control of the matrix: what answers without having reached is held back."""

    async def careless(_call: Call) -> Reply:
        return json_reply({"secret": "sauce"})

    async def careful(call: Call) -> Reply:
        call.caller.reach_brand("fox")
        return json_reply({"secret": "sauce"})

    endpoints = [
        Endpoint(method="GET", path=path, summary=("", ""), action=Action.READ_STOCK, run=run, answers={200: ()})
        for path, run in (("/careless", careless), ("/careful", careful))
    ]
    app = cast(Asgi, site(endpoints, cast(Any, None), Doorkeeper(shop.service.catalog)))
    headers = {"authorization": f"Bearer {shop.key}"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://86", headers=headers) as http:
        for _ in range(2):  # what one request has reached doesn't count for the next
            assert (await http.get("/careful")).status_code == 200
            answer = await http.get("/careless")
            assert (answer.status_code, answer.json()["code"]) == (500, "INTERNAL")
            assert "sauce" not in answer.text


async def test_lists_show_what_is_the_callers(tried: Shop, keys: dict[str, str]) -> None:
    brands = await tried.call("GET", "/api/v1/brands", key=keys["brand"])
    assert [brand["brandId"] for brand in brands.json()["items"]] == ["fox"]
    stores = await tried.call("GET", "/api/v1/stores", key=keys["store"], params={"brandId": "fox"})
    assert [store["poiId"] for store in stores.json()["items"]] == ["s1"]
    shown = await tried.call("GET", "/api/v1/keys", key=keys["brand"])
    assert {key["brandId"] for key in shown.json()["items"]} == {"fox"}
    assert "e86_" not in shown.text


@pytest.mark.parametrize("caller", ["channel", "order-service, one channel"])
async def test_a_key_of_one_channel_sees_that_channel(tried: Shop, keys: dict[str, str], caller: str) -> None:
    channels = await tried.call("GET", "/api/v1/channels", key=keys[caller], params={"brandId": "fox"})
    assert [channel["channel_code"] for channel in channels.json()["items"]] == ["EMENU"]
    for path, query in (
        ("/api/v1/channels", {"brandId": "fox", "channel_code": "POS"}),
        ("/api/v1/stock/availability", {"brandId": "fox", "poiId": "s1", "channel_code": "POS", "sku_id": TEA}),
    ):
        answer = await tried.call("GET", path, key=keys[caller], params=query)
        assert (answer.status_code, answer.json()["code"]) == (404, "CHANNEL_NOT_FOUND")
