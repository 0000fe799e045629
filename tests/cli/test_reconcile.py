"""`eightysix reconcile` against a running service: what a device saved, its exit codes, the repair."""

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.api.conftest import open_shop
from tests.api.shop import Shop


async def reconcile(shop: Shop, *options: str, lang: str = "en") -> tuple[int | None, str]:
    """(exit code, what it printed)."""
    environment = {**os.environ, "EIGHTYSIX_URL": str(shop.http.base_url), "EIGHTYSIX_KEY": shop.key or "",
                   "EIGHTYSIX_LANG": lang, "COLUMNS": "160"}  # fmt: skip
    command = [sys.executable, "-m", "eightysix", "reconcile", *options]
    child = await asyncio.create_subprocess_exec(
        *command, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    said, _ = await child.communicate()
    return child.returncode, said.decode()


@pytest.fixture
async def shop(tmp_path: Path) -> Any:
    """A shop of the test's own."""
    async with open_shop(tmp_path) as own:
        yield own


async def test_a_store_in_which_nothing_differs(shop: Shop) -> None:
    assert await reconcile(shop, "--store", "fox/s1") == (0, "2 stocks, no difference\n")
    assert await reconcile(shop, "--store", "fox/s1", lang="zh-CN") == (0, "2 个库存，无差异\n")


async def test_what_a_device_saved_of_find_to_pos(shop: Shop, tmp_path: Path) -> None:
    saved = tmp_path / "saved.json"
    found = await shop.post("/api/v1/poi/stock/find-to-pos", {"brandId": "fox", "poiId": "s1"})
    saved.write_bytes(found.content)
    assert (await reconcile(shop, "--store", "fox/s1", "--rows", str(saved)))[0] == 0
    rows = found.json()
    rows["data"][0]["real_quantity"] = 1
    saved.write_bytes(msgspec.json.encode(rows))
    code, said = await reconcile(shop, "--store", "fox/s1", "--rows", str(saved))
    assert (code, "altered: 1" in said) == (1, True), said
    code, said = await reconcile(shop, "--store", "fox/s1", "--rows", str(saved), "--device", "till", "--apply")
    assert (code, "repaired" in said) == (0, True), said
    code, said = await reconcile(shop, "--store", "fox/s1", "--rows", str(saved))
    assert (code, "behind: 1" in said) == (1, True), said


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (("--store", "fox"), 2, "brandId/poiId"),
        (("--store", "fox/none"), 1, "store"),
        (("--store", "fox/s1", "--url", "http://127.0.0.1:1"), 2, "reached"),
    ],
)
async def test_what_it_says_when_it_can_not(shop: Shop, options: tuple[str, ...], code: int, said: str) -> None:
    found = await reconcile(shop, *options)
    assert found[0] == code
    assert said in found[1]


async def test_a_file_that_is_no_rows(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text("[1, 2")
    code, said = await reconcile(shop, "--store", "fox/s1", "--rows", str(tmp_path / "bad.json"))
    assert (code, "bad.json" in said) == (2, True)
