"""No secret is ever logged, stored or shown twice, and no hash of one leaves its column; also when everything fails."""

import re
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from eightysix.catalog.keys import hash_of
from tests.fuzz.service import Served, serving

HASHES = {("api_key", "key_hash"), ("api_key", "previous_hash")}


@pytest.fixture
async def talkative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Served]:
    """A service that logs all it has to say."""
    monkeypatch.setenv("EIGHTYSIX_LOG_LEVEL", "debug")
    async with serving(tmp_path) as served:
        yield served


class Confidant:
    """Calls the service, and keeps what it was told in confidence apart from all other answers."""

    def __init__(self, served: Served, http: httpx.AsyncClient) -> None:
        self.secrets = [served.key]
        self.heard: list[str] = []
        self._http = http

    async def call(self, method: str, path: str, *, key: str | None = None, **more: Any) -> httpx.Response:
        headers = {"authorization": f"Bearer {key or self.secrets[0]}", **more.pop("headers", {})}
        answer = await self._http.request(method, path, headers=headers, **more)
        shown = answer.json() if answer.content else {}
        if "key" in shown:
            self.secrets.append(shown.pop("key"))
        self.heard += [str(shown), str(answer.headers)]
        return answer


async def _live(talk: Confidant) -> list[str]:
    """Everything that can be done with keys; the ids of those made."""
    ids = []
    for role, scope in (("brand", {}), ("order-service", {"channel_code": "EMENU"}), ("auditor", {})):
        made = await talk.call("POST", "/api/v1/keys", json={"name": role, "role": role, "brandId": "fox", **scope})
        assert made.status_code == 201, made.text
        ids.append(made.json()["key_id"])
        for overlap in (60, 0):
            turned = await talk.call(
                "POST", "/api/v1/keys/rotate", json={"key_id": ids[-1], "overlap_seconds": overlap}
            )
            assert turned.status_code == 200, turned.text
        await talk.call("POST", "/api/v1/keys/limit", json={"key_id": ids[-1], "rate_limit": 1000})
    for key in talk.secrets:
        await talk.call("GET", "/api/v1/keys", key=key)
        await talk.call("GET", "/api/v1/keys", headers={"authorization": f"Basic {key}"})
        await talk.call("GET", f"/api/v1/{key}", params={"key": key})
        await talk.call("POST", "/api/v1/stock/lock", key=key, content=key.encode())
    await talk.call("DELETE", "/api/v1/keys", params={"key_id": ids.pop()})
    audit = await talk.call("GET", "/api/v1/audit", params={"kind": "key"})
    assert {line["action"] for line in audit.json()["items"]} == {"create", "rotate", "limit", "revoke"}
    return ids


async def _fail(talk: Confidant, database: Path, key_id: str) -> None:
    """Faults in the middle of a change of a key: its row is refused, the log of administration is gone."""
    with closing(sqlite3.connect(database)) as rows, rows:
        rows.execute("CREATE TRIGGER refuse BEFORE INSERT ON api_key BEGIN SELECT RAISE(ABORT, 'no room'); END")
    turn = {"key_id": key_id, "overlap_seconds": 60}
    for path, body in (("", {"name": "x", "role": "platform"}), ("/rotate", turn)):
        assert (await talk.call("POST", f"/api/v1/keys{path}", json=body)).status_code >= 500
    with closing(sqlite3.connect(database)) as rows, rows:
        rows.execute("DROP TRIGGER refuse")
        rows.execute("ALTER TABLE admin_log RENAME TO elsewhere")
    for path, body in (("", {"name": "x", "role": "platform"}), ("/rotate", turn)):
        assert (await talk.call("POST", f"/api/v1/keys{path}", json=body)).status_code >= 500
    with closing(sqlite3.connect(database)) as rows, rows:
        rows.execute("ALTER TABLE elsewhere RENAME TO admin_log")


def _cells(database: Path) -> Iterator[tuple[tuple[str, str], str]]:
    """Everything that stands in the database, by table and column."""
    with closing(sqlite3.connect(database)) as rows:
        tables = [name for (name,) in rows.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            found = rows.execute(f'SELECT * FROM "{table}"')
            columns = [column[0] for column in found.description]
            for row in found:
                yield from (((table, column), str(cell)) for column, cell in zip(columns, row, strict=True))


async def test_secrets_stay_secret(talkative: Served) -> None:
    database = Path(talkative.database.removeprefix("sqlite:///"))
    async with httpx.AsyncClient(base_url=talkative.url, timeout=30) as http:
        talk = Confidant(talkative, http)
        ids = await _live(talk)
        await _fail(talk, database, ids[0])
        await _live(talk)
    await talkative.stop()
    log, cells = talkative.faults(), list(_cells(database))
    assert len(talk.secrets) == len(set(talk.secrets)) == 1 + 2 * 3 * 3
    assert "Traceback" in log, "nothing failed, so nothing was proved"
    assert not re.search(r"\b[0-9a-f]{64}\b|e86_[\w-]{40}", log), "one that nobody was told, or the hash of one"
    hashes = [hash_of(secret.encode()) for secret in talk.secrets]
    assert {place for place, cell in cells if cell in hashes} <= HASHES
    for name, secret in zip(hashes, talk.secrets, strict=True):
        assert secret not in log
        assert name not in log
        assert not [told for told in talk.heard if secret in told or name in told]
        assert not [place for place, cell in cells if secret in cell or (name in cell and place not in HASHES)]
