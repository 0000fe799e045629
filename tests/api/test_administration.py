"""Brands, stores, channels, items and a menu from CSV."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest

from eightysix.app import prepare, running
from eightysix.catalog.catalog import Catalog
from eightysix.catalog.keyring import Holder, Keyring
from eightysix.catalog.kinds import BRAND, STORE
from eightysix.settings import Settings
from eightysix.storage import catalog as catalog_rows
from eightysix.wire.administration import BrandBody, KeyBody, StoreBody

from .shop import Shop


async def put(shop: Shop, kind: str, body: Any, *, status: int = 200) -> Any:
    answer = await shop.call("PUT", f"/api/v1/{kind}", json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


async def test_a_brand_starts_with_the_everyday_channels(shop: Shop) -> None:
    made = await shop.post("/api/v1/brands", {"brandId": "new", "name": "New"})
    assert (made.status_code, made.json()) == (201, {"brandId": "new", "name": "New", "status": "open"})
    again = await shop.post("/api/v1/brands", {"brandId": "new", "name": "New"})
    assert (again.status_code, again.json()["code"]) == (409, "ALREADY_EXISTS")
    page = await shop.call("GET", "/api/v1/channels", params={"brandId": "new"})
    shown = [(c["channel_code"], c["place"], c["party"], c["expires_in"], c["oversell"]) for c in page.json()["items"]]
    assert shown == [
        ("EMENU", "in_store", "own", 900, "deny"), ("KIOSK", "in_store", "own", 900, "deny"),
        ("ONLINE_ORDER", "online", "own", 900, "deny"), ("POS", "in_store", "own", 900, "deny"),
    ]  # fmt: skip


async def test_pages_and_one_by_key(shop: Shop) -> None:
    await put(shop, "brands", {"brandId": "pages", "name": "Pages"})
    items = [{"brandId": "pages", "object_type": 2, "object_id": n, "name": {"en": "x", "zh": "x"}}
             for n in (1, 2, 3, 2**53 - 1)]  # fmt: skip
    await put(shop, "items", {"items": items})
    seen, cursor = [], None
    while True:
        query = {"brandId": "pages", "limit": 3, **({"cursor": cursor} if cursor else {})}
        page = (await shop.call("GET", "/api/v1/items", params=query)).json()
        seen += [item["object_id"] for item in page["items"]]
        cursor = page["cursor"]
        if cursor is None:
            break
    assert seen == [1, 2, 3, 2**53 - 1]
    one = {"brandId": "pages", "object_type": 2, "object_id": 2}
    assert [i["object_id"] for i in (await shop.call("GET", "/api/v1/items", params=one)).json()["items"]] == [2]
    none = await shop.call("GET", "/api/v1/items", params={**one, "object_id": 9})
    assert (none.status_code, none.json()["code"]) == (404, "ITEM_NOT_FOUND")
    wrong = await shop.call("GET", "/api/v1/items", params={"brandId": "pages", "cursor": "§"})
    assert (wrong.status_code, wrong.json()["field"]) == (422, "cursor")


async def test_several_are_written_together_or_not_at_all(shop: Shop) -> None:
    before = await shop.books()
    good = {"brandId": "fox", "poiId": "s7", "name": "x", "time_zone": "Europe/London"}
    for bad, status, field in (
        ({**good, "poiId": "s8", "time_zone": "Mars/Base"}, 422, "items[1].time_zone"),
        ({**good, "poiId": "s8", "time_zone": "America"}, 422, "items[1].time_zone"),
        ({**good, "poiId": "s8", "business_day_start": "4:00"}, 422, "items[1].business_day_start"),
        ({**good, "poiId": "s8", "status": "asleep"}, 422, "items[1].status"),
        ({**good, "poiId": "s8", "brandId": "wolf"}, 404, "items[1].brandId"),
        (good, 422, "items[1].poiId"),
        ({**good, "poiId": "s1"}, 409, "items[1]"),
    ):
        answer = await shop.post("/api/v1/stores", {"items": [good, bad]})
        assert (answer.status_code, answer.json()["field"]) == (status, field), answer.text
    assert await shop.books() == before


async def test_what_is_needed_stays(shop: Shop) -> None:
    await put(shop, "brands", {"brandId": "keep", "name": "Keep"})
    name = {"en": "x", "zh": "x"}
    spu = {"brandId": "keep", "object_type": 1, "object_id": 1, "name": name}
    sku = {"brandId": "keep", "object_type": 2, "object_id": 10, "spu_id": 1, "name": name}
    combo = {"brandId": "keep", "object_type": 2, "object_id": 20, "name": name,
             "components": [{"object_id": 10, "quantity": "0.5"}]}  # fmt: skip
    missing = await shop.post("/api/v1/items", sku)
    assert (missing.status_code, missing.json()["field"]) == (404, "spu_id")
    shown = await put(shop, "items", {"items": [spu, sku, combo]})
    assert shown["items"][2]["components"] == [{"object_id": 10, "quantity": 0.5}]
    nested = {**combo, "object_id": 30, "components": [{"object_id": 20, "quantity": 1}]}
    assert (await shop.post("/api/v1/items", nested)).status_code == 422
    for object_type, object_id in ((1, 1), (2, 10)):
        query = {"brandId": "keep", "object_type": object_type, "object_id": object_id}
        kept = await shop.call("DELETE", "/api/v1/items", params=query)
        assert (kept.status_code, kept.json()["code"]) == (409, "STILL_IN_USE")
    for object_type, object_id in ((2, 20), (2, 10), (1, 1)):
        query = {"brandId": "keep", "object_type": object_type, "object_id": object_id}
        assert (await shop.call("DELETE", "/api/v1/items", params=query)).status_code == 204
    kept = await shop.call("DELETE", "/api/v1/brands", params={"brandId": "fox"})
    assert (kept.status_code, kept.json()["code"]) == (409, "STILL_IN_USE")
    assert (await shop.call("DELETE", "/api/v1/brands", params={"brandId": "keep"})).status_code == 204
    gone = await shop.call("GET", "/api/v1/items", params={"brandId": "keep"})
    assert (gone.status_code, gone.json()["code"]) == (404, "BRAND_NOT_FOUND")


MENU = """\ufeffsku_id,spu_id,name_en,name_zh,category,tags,decimals,price
11,1,Rice small,小份饭,main,a;b,0,3.00
12,1,Rice large,,main,,,4
""".replace("\n", "\r\n")


async def test_a_menu_from_csv(shop: Shop) -> None:
    await put(shop, "brands", {"brandId": "csv", "name": "CSV"})
    path = "/api/v1/items/import?brandId=csv"
    tried = await shop.post(f"{path}&dry_run=true", MENU.encode())
    assert (tried.json()["created"], tried.json()["dry_run"]) == (3, True)
    empty = await shop.call("GET", "/api/v1/items", params={"brandId": "csv"})
    assert empty.json()["items"] == []
    done = await shop.post(path, MENU.encode())
    assert [(r["row"], r["object_type"], r["object_id"], r["result"]) for r in done.json()["results"]] == [
        (2, 1, 1, "created"), (2, 2, 11, "created"), (3, 2, 12, "created"),
    ]  # fmt: skip
    items = (await shop.call("GET", "/api/v1/items", params={"brandId": "csv"})).json()["items"]
    assert items[1] == {
        "brandId": "csv", "object_type": 2, "object_id": 11, "name": {"en": "Rice small", "zh": "小份饭"}, "spu_id": 1,
        "category": "main", "tags": ["a", "b"], "decimals": 0, "components": [],
    }  # fmt: skip
    assert items[2]["name"]["zh"] == "Rice large"
    again = await shop.post(path, MENU.encode())
    assert (again.json()["created"], again.json()["replaced"]) == (0, 2)


@pytest.mark.parametrize(
    ("content", "code", "rows"),
    [
        ("sku_id,name_en\nx,Rice\n5,\n6,ok\n6,twice\n", "CSV_INVALID", [2, 3, 5]),
        ("name_en\nRice\n", "MISSING_FIELD", None),
        ("sku_id,name_en\n", "EMPTY", None),
        ('sku_id,name_en\n1,"open\n', "VALUE_INVALID", None),
        ("sku_id,name_en\n1,caf\xe9\n", "VALUE_INVALID", None),
    ],
)
async def test_a_wrong_menu_imports_nothing(shop: Shop, content: str, code: str, rows: list[int] | None) -> None:
    before = await shop.books()
    answer = await shop.post("/api/v1/items/import?brandId=fox", content.encode("latin-1"))
    assert answer.json()["code"] == code
    assert answer.status_code in {400, 422}
    assert rows is None or [row["row"] for row in answer.json()["rows"]] == rows
    assert await shop.books() == before


async def test_another_process_sees_a_change_within_its_refresh(shop: Shop) -> None:
    other = Catalog(catalog_rows.connect(shop.settings.database_url), 0.05)
    await other.start()
    try:
        await put(shop, "stores", {"brandId": "fox", "poiId": "s5", "name": "x", "time_zone": "UTC"})
        await other.refresh()
        assert other.current.store("fox", "s5") is not None
        assert (
            await shop.call("DELETE", "/api/v1/stores", params={"brandId": "fox", "poiId": "s5"})
        ).status_code == 204
        await other.refresh()
        assert other.current.store("fox", "s5") is None
    finally:
        await other.stop()


async def test_what_another_process_made_is_looked_for_before_it_is_missed(tmp_path: Path) -> None:
    settings = Settings(database_url=f"sqlite:///{tmp_path}/two.db", catalog_refresh_seconds=3600)
    await prepare(settings, may_migrate=False)
    async with running(settings) as service:
        other = Catalog(catalog_rows.connect(settings.database_url), 3600)
        await other.start()
        try:
            made = await Keyring(other).mint(KeyBody("late", "platform"), Holder("me"))
            await other.write(BRAND, [BrandBody("b", "B")], "me", replace=False)
            await other.write(STORE, [StoreBody("b", "s", "S", "UTC")], "me", replace=False)
        finally:
            await other.stop()
        transport = httpx.ASGITransport(service.asgi)
        headers = {"authorization": f"Bearer {made.key}"}
        async with httpx.AsyncClient(transport=transport, base_url="http://86", headers=headers) as http:
            bodies = [{"brandId": "b", "poiId": "s", "order_id": f"o{number}"} for number in range(20)]
            answers = await asyncio.gather(*(http.post("/api/v1/stock/unlock", json=body) for body in bodies))
            assert [answer.status_code for answer in answers] == [200] * 20, "whoever comes while it looks waits for it"
