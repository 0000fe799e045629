"""A real service on SQLite, the clients that call it, and the proxy between them."""

from collections.abc import AsyncIterator

import pytest

from eightysix.client import AsyncClient, Client, Policy
from tests.api.conftest import open_shop
from tests.api.shop import Shop

from .cutting import CuttingProxy, cutting

QUICK = Policy(first_pause_seconds=0.01, longest_pause_seconds=0.1, attempt_seconds=5.0, deadline_seconds=20.0)


@pytest.fixture(scope="module")
async def shop(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shop]:
    """The shop that the tests of a file share."""
    async with open_shop(tmp_path_factory.mktemp("client")) as shared:
        yield shared


@pytest.fixture
async def proxy(shop: Shop) -> AsyncIterator[CuttingProxy]:
    """Between the client and the shop."""
    async with cutting(shop.http.base_url.port or 0) as between:
        yield between


@pytest.fixture
async def client(shop: Shop) -> AsyncIterator[AsyncClient]:
    """A client of the shop."""
    async with AsyncClient(str(shop.http.base_url), shop.key, policy=QUICK) as calling:
        yield calling


@pytest.fixture
async def through(shop: Shop, proxy: CuttingProxy) -> AsyncIterator[AsyncClient]:
    """A client that calls through the proxy."""
    async with AsyncClient(proxy.url, shop.key, policy=QUICK) as calling:
        yield calling


@pytest.fixture
async def threaded(shop: Shop, proxy: CuttingProxy) -> AsyncIterator[Client]:
    """A client for threads, through the proxy. Call it in a thread: the service runs in this one."""
    with Client(proxy.url, shop.key, policy=QUICK) as calling:
        yield calling
