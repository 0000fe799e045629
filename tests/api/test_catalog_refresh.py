"""What must never stop the catalogue from following its database: a revoked key would work for good."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from eightysix.app import prepare
from eightysix.catalog.catalog import Catalog
from eightysix.catalog.keyring import Holder, Keyring
from eightysix.catalog.kinds import BRAND
from eightysix.settings import Settings
from eightysix.storage import catalog as catalog_rows
from eightysix.storage.catalog import CatalogRows
from eightysix.wire.administration import BrandBody, KeyBody


class Stumbling:
    """Configuration tables whose version can be made to fail in a way that nobody foresaw."""

    def __init__(self, rows: CatalogRows) -> None:
        self._rows = rows
        self.fails = False
        self.failed = asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._rows, name)

    async def version(self) -> tuple[int, int]:
        if self.fails:
            self.failed.set()
            raise RuntimeError("a bug")
        return await self._rows.version()


async def opened(folder: Path) -> str:
    url = f"sqlite:///{folder}/catalog.db"
    await prepare(Settings(database_url=url), may_migrate=False)
    return url


async def test_a_key_is_revoked_everywhere_even_after_a_bug_in_the_refresh(tmp_path: Path) -> None:
    url = await opened(tmp_path)
    here, rows = Catalog(catalog_rows.connect(url), 3600), Stumbling(catalog_rows.connect(url))
    there = Catalog(rows, 0.01)  # type: ignore[arg-type]  # it has all that CatalogRows has
    await here.start()
    made = await Keyring(here).mint(KeyBody("till", "platform"), Holder("me"))
    await there.start()
    try:
        assert there.current.keys
        rows.fails = True
        async with asyncio.timeout(10):
            await rows.failed.wait()
        rows.fails = False
        await Keyring(here).revoke(made.key_id, Holder("me"))
        async with asyncio.timeout(10):
            while there.current.keys:  # noqa: ASYNC110 - nothing announces what another process has done
                await asyncio.sleep(0.01)
    finally:
        await here.stop()
        await there.stop()


async def test_a_database_restored_from_a_backup_takes_back_what_came_later(tmp_path: Path) -> None:
    url = await opened(tmp_path)
    catalog = Catalog(catalog_rows.connect(url), 3600)
    await catalog.start()
    try:
        await catalog.write(BRAND, [BrandBody("kept", "Kept")], "me", replace=False)
        version = catalog.current.version
        await catalog.write(BRAND, [BrandBody("later", "Later")], "me", replace=False)
        with closing(sqlite3.connect(tmp_path / "catalog.db")) as backup, backup:
            backup.execute("DELETE FROM brand WHERE brand_id = 'later'")
            backup.execute("DELETE FROM channel WHERE brand_id = 'later'")
            backup.execute("UPDATE catalog_head SET catalog_version = ?", (version,))
        await catalog.refresh()
        assert catalog.current.brand("later") is None
        assert catalog.current.brand("kept") is not None
    finally:
        await catalog.stop()
