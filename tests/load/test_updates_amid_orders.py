"""Settings amid orders, by real services: what was there, what was added and sold, and what is there add up exactly.

On a server two services share every store. The control adds one portion behind the services' back: the sums and
`eightysix check` must both see it.
"""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from pathlib import Path

import pytest
from typer.testing import CliRunner

from eightysix.cli import build
from eightysix.cli.calling.service import own_service
from eightysix.client import AsyncClient, Attempt, Refused, Trouble
from eightysix.core.key import StockKey, sku_key
from eightysix.core.quantity import UNIT
from eightysix.storage.open import open_database
from tests.race import market, sql

from .mixed import POI_IDS, SKUS, Dish, Ledger, Mix


@pytest.fixture(params=["sqlite", "postgres", "mysql"])
def url(request: pytest.FixtureRequest) -> str:
    found: str = request.getfixturevalue(f"{request.param}_url")
    return found


async def test_what_was_told_and_what_is_there_add_up(url: str, tmp_path: Path) -> None:
    attempts: list[Attempt] = []
    async with services(url, tmp_path, attempts.append) as clients:
        mix = Mix(clients, seed=86)
        await mix.furnish()
        await mix.run(guests=16, orders=14, staff=2, settings=14)
        assert await mix.recount() == [200, 200, 409]
    ledger = mix.ledger
    assert not ledger.complaints
    assert Trouble.LOST not in {attempt.trouble for attempt in attempts}, "so the sums can't be made"
    for what in ("sold", "restocked", "unlocked", "refused", "added", "counted", "set", "86'd"):
        assert ledger.counts[what] > 5, f"too little was {what}: {dict(ledger.counts)}"
    assert not await differences(url, ledger)
    assert await checked(url) == (0, "All promises are kept.")
    await tamper(url)
    assert list(await differences(url, ledger)) == [(POI_IDS[0], SKUS[0])]
    assert (await checked(url))[0] == 1


@contextlib.asynccontextmanager
async def services(url: str, folder: Path, observe: Callable[[Attempt], object]) -> AsyncIterator[list[AsyncClient]]:
    """Clients of one service on a file, of two on a server, with the brand made."""
    async with contextlib.AsyncExitStack() as stack:
        first = await stack.enter_async_context(own_service(url, folder / "first.log"))
        assert first.key is not None
        addresses = [first.url]
        if not url.startswith("sqlite"):
            addresses.append((await stack.enter_async_context(own_service(url, folder / "second.log"))).url)
        made = [AsyncClient(address, first.key, connections=32, observe=observe) for address in addresses]
        clients = [await stack.enter_async_context(client) for client in made]
        await market.set_up(clients[0])
        for client in clients:
            await _knows_the_menu(client)
        yield clients


async def _knows_the_menu(client: AsyncClient) -> None:
    """Wait until the service has heard of what another one was told."""
    async with asyncio.timeout(30):
        while True:
            try:
                await client.availability((market.BRAND, POI_IDS[-1]), "POS", [SKUS[-1]])
            except Refused:
                await asyncio.sleep(0.02)
            else:
                return


async def differences(url: str, ledger: Ledger) -> dict[Dish, tuple[Decimal, Decimal]]:
    """Where what is there isn't what it must be: (expected, found)."""
    found: dict[tuple[str, StockKey], int] = {}
    database = await open_database(url, owner=uuid.uuid4().hex)
    try:
        async for store in database.audit():
            for stock in store.stocks:
                assert stock.locked == 0
                found[store.store.poi_id, stock.key] = stock.real
    finally:
        await database.close()
    dishes = [(poi_id, sku) for poi_id in POI_IDS for sku in SKUS]
    pairs = {
        (poi_id, sku): (ledger.expected((poi_id, sku)), Decimal(found[poi_id, sku_key(sku)]) / UNIT)
        for poi_id, sku in dishes
    }
    return {dish: (expected, there) for dish, (expected, there) in pairs.items() if expected != there}


async def checked(url: str) -> tuple[int, str]:
    """The exit code of `eightysix check`, and its last line."""
    done = await asyncio.to_thread(CliRunner().invoke, build(), ["check", "--database", url])
    return done.exit_code, done.output.strip().splitlines()[-1]


async def tamper(url: str) -> None:
    """A portion is there that no log row tells of, as if taking it had been lost."""
    connection = await sql.connect(url)
    try:
        await connection.run(
            "UPDATE poi_item_stock SET real_quantity = real_quantity + 1 "
            f"WHERE poi_id = '{POI_IDS[0]}' AND object_type = 2 AND object_id = {SKUS[0]}"
        )
    finally:
        await connection.close()
