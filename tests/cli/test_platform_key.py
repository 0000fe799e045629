"""The way back in: a platform key from the command line, while the service runs."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from eightysix.cli import build
from tests.fuzz.service import serving

URL_VARIABLES = ("EIGHTYSIX_LANG", "EIGHTYSIX_DATABASE_URL", "EIGHTYSIX_CONFIG")


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in URL_VARIABLES:
        monkeypatch.delenv(name, raising=False)


def run(database: str) -> tuple[int, str]:
    done = CliRunner().invoke(build(), ["platform-key", "--database", database])
    return done.exit_code, done.output


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


async def test_nobody_is_locked_out_for_good(tmp_path: Path) -> None:
    async with serving(tmp_path) as served, httpx.AsyncClient(base_url=served.url, timeout=30) as http:
        own = (await http.get("/api/v1/keys", headers=bearer(served.key))).json()["items"]
        assert [key["role"] for key in own] == ["platform"]
        gone = await http.delete("/api/v1/keys", params={"key_id": own[0]["key_id"]}, headers=bearer(served.key))
        assert gone.status_code == 204
        assert (await http.get("/api/v1/keys", headers=bearer(served.key))).status_code == 401
        code, printed = await asyncio.to_thread(run, served.database)
        assert code == 0, printed
        key = printed.strip().rpartition(" ")[2]
        shown = await http.get("/api/v1/keys", headers=bearer(key))
        [made] = shown.json()["items"]
        assert (made["role"], made["brandId"], made["expires_at"]) == ("platform", None, None)
        newest = (await http.get("/api/v1/audit", params={"limit": 1}, headers=bearer(key))).json()["items"][0]
        assert (newest["actor"], newest["action"], newest["object"]) == ("operator", "create", made["key_id"])
        assert await served.stop() == 0


def test_a_database_that_is_none_stays_as_it_is(tmp_path: Path) -> None:
    code, printed = run(f"sqlite:///{tmp_path}/slip.db")
    assert (code, "no file" in " ".join(printed.split())) == (2, True)
    assert not list(tmp_path.iterdir())
    with closing(sqlite3.connect(tmp_path / "empty.db")):
        code, printed = run(f"sqlite:///{tmp_path}/empty.db")
    assert (code, "eightysix migrate" in " ".join(printed.split())) == (2, True)
    assert "e86_" not in printed
