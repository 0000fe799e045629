"""Keys and the log of administration, as every database keeps them: two processes' views, and clocks of the test's."""

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest

from eightysix.api.auth import Doorkeeper
from eightysix.catalog.catalog import Catalog
from eightysix.catalog.keyring import BOOTSTRAP, Holder, Keyring
from eightysix.catalog.keys import hash_of
from eightysix.catalog.kinds import BRAND, CHANNEL, ITEM, STORE
from eightysix.catalog.menu import import_menu
from eightysix.storage import catalog as catalog_rows
from eightysix.storage.migrate import migrate
from eightysix.wire.administration import (
    AuditLine,
    BrandBody,
    ComponentBody,
    ItemBody,
    ItemName,
    KeyBody,
    KeyMade,
    LimitBody,
    RotateBody,
    StoreBody,
)
from eightysix.wire.problem import Problem, Rejection

START_MS = 1_800_000_000_000
SECOND_NS = 1_000_000_000
ME = Holder("me")


class Clock:
    """Time that passes when the test says so."""

    def __init__(self) -> None:
        self.now = START_MS

    def ms(self) -> int:
        return self.now

    def ns(self) -> int:
        return self.now * 1_000_000


class Office:
    """A process: its view of the catalogue, its keyring, its door."""

    def __init__(self, url: str, clock: Clock) -> None:
        self.catalog = Catalog(catalog_rows.connect(url), 3600)
        self.keyring = Keyring(self.catalog, clock.ms)
        self.door = Doorkeeper(self.catalog, clock.ms, clock.ns)

    def opens(self, made: KeyMade, calls: int = 1) -> bool:
        """Whether the key is let in; a key beyond its limit is not."""
        try:
            self.door.caller(f"Bearer {made.key}".encode(), calls)
        except Rejection as rejection:
            if rejection.code in (Problem.UNAUTHENTICATED, Problem.TOO_MANY_REQUESTS):
                return False
            raise
        return True

    async def lines(self, limit: int = 100, **match: Any) -> list[AuditLine]:
        """The whole log, page by page."""
        found: list[AuditLine] = []
        cursor = None
        while True:
            page = await self.catalog.audit(match, None, None, cursor, limit)
            assert len(page.items) <= limit
            found += page.items
            cursor = page.cursor
            if cursor is None:
                return found


@pytest.fixture(params=["sqlite_url", "postgres_url", "mysql_url", "proxy_url"])
async def url(request: pytest.FixtureRequest) -> str:
    url: str = request.getfixturevalue(request.param)
    if request.param != "proxy_url":
        await migrate(url)
    return url


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def here(url: str, clock: Clock) -> AsyncIterator[Office]:
    office = Office(url, clock)
    await office.catalog.start()
    await office.catalog.write(BRAND, [BrandBody("fox", "Fox")], "me", replace=False)
    yield office
    await office.catalog.stop()


@pytest.fixture
async def there(url: str, clock: Clock, here: Office) -> AsyncIterator[Office]:
    assert here
    office = Office(url, clock)
    await office.catalog.start()
    yield office
    await office.catalog.stop()


async def test_an_overlap_in_two_processes_and_after_a_restart(
    url: str, here: Office, there: Office, clock: Clock
) -> None:
    first = await here.keyring.mint(KeyBody("till", "brand", "fox", expires_in=100), ME)
    second = await here.keyring.rotate(first.key_id, RotateBody(first.key_id, 10), ME)
    await there.catalog.refresh()
    late = Office(url, clock)
    await late.catalog.start()
    offices = (here, there, late)
    try:
        for passed, open_to in ((0, [True, True]), (9_999, [True, True]), (10_000, [False, True]),
                                (99_999, [False, True]), (100_000, [False, False])):  # fmt: skip
            clock.now = START_MS + passed
            for office in offices:
                assert [office.opens(first), office.opens(second)] == open_to, passed
    finally:
        await late.catalog.stop()


async def test_two_rotations_and_a_revocation_reach_the_other_process(here: Office, there: Office) -> None:
    made = [await here.keyring.mint(KeyBody("till", "brand", "fox"), ME)]
    key_id = made[0].key_id
    made.append(await here.keyring.rotate(key_id, RotateBody(key_id, 60), ME))
    await there.catalog.refresh()
    assert [there.opens(each) for each in made] == [True, True]
    made.append(await here.keyring.rotate(key_id, RotateBody(key_id), ME))
    await there.catalog.refresh()
    assert [there.opens(each) for each in made] == [False, False, True]
    made.append(await here.keyring.rotate(key_id, RotateBody(key_id, 60), ME))
    await here.keyring.revoke(key_id, ME)
    await there.catalog.refresh()
    assert not any(there.opens(each) for each in made)
    assert not there.catalog.current.keys


async def test_a_key_that_another_process_has_ended_leaves_no_key_behind(
    here: Office, there: Office, clock: Clock
) -> None:
    """The process that it calls hasn't heard of it yet."""
    ended = [await here.keyring.mint(KeyBody("boss", "brand", "fox", expires_in=100), ME) for _ in range(3)]
    other = await here.keyring.mint(KeyBody("till", "brand", "fox"), ME)
    await there.catalog.refresh()
    await here.keyring.revoke(ended[0].key_id, ME)
    await here.keyring.rotate(ended[1].key_id, RotateBody(ended[1].key_id), ME)
    await here.keyring.rotate(ended[2].key_id, RotateBody(ended[2].key_id, 10), ME)
    clock.now += 10_000
    before = await here.lines()
    for made in ended:
        assert there.opens(made)
        holder = Holder(made.key_id, hash_of(made.key.encode()), {"brand_id": "fox"})
        for change in (
            there.keyring.mint(KeyBody("heir", "brand", "fox", expires_in=1), holder),
            there.keyring.rotate(other.key_id, RotateBody(other.key_id, expires_in=1), holder),
            there.keyring.limit(other.key_id, LimitBody(other.key_id, 1), holder),
            there.keyring.revoke(other.key_id, holder),
        ):
            with pytest.raises(Rejection) as caught:
                await change
            assert caught.value.code is Problem.UNAUTHENTICATED
    assert await here.lines() == before
    assert here.opens(other)


async def test_a_key_gives_no_more_than_it_has_by_now(here: Office, there: Office) -> None:
    boss = await here.keyring.mint(KeyBody("boss", "brand", "fox"), ME)
    holder = Holder(boss.key_id, hash_of(boss.key.encode()), {"brand_id": "fox"})
    await there.catalog.refresh()
    await here.keyring.limit(boss.key_id, LimitBody(boss.key_id, 5), ME)
    with pytest.raises(Rejection) as caught:
        await there.keyring.mint(KeyBody("heir", "brand", "fox", rate_limit=6), holder)
    assert (caught.value.code, caught.value.field) == (Problem.VALUE_INVALID, "rate_limit")
    assert (await there.keyring.mint(KeyBody("heir", "brand", "fox", rate_limit=5), holder)).rate_limit == 5


async def test_a_limit_holds_for_both_secrets_and_outlives_changes_of_other_keys(here: Office, clock: Clock) -> None:
    first = await here.keyring.mint(KeyBody("till", "brand", "fox", rate_limit=3), ME)
    second = await here.keyring.rotate(first.key_id, RotateBody(first.key_id, 60), ME)
    assert [here.opens(each) for each in (first, second, first, second)] == [True, True, True, False]
    await here.keyring.mint(KeyBody("another", "brand", "fox"), ME)
    assert not here.opens(first)
    clock.now += 1000
    assert [here.opens(second, 2), here.opens(first, 2), here.opens(first), here.opens(second)] == [
        True, False, True, False,
    ]  # fmt: skip
    lower = LimitBody(first.key_id, 2)
    await here.keyring.limit(first.key_id, lower, ME)
    assert not here.opens(first), "another limit is no new bucket"
    clock.now += 1000
    assert [here.opens(each) for each in (first, second, first)] == [True, True, False]
    free = LimitBody(first.key_id, None)
    await here.keyring.limit(first.key_id, free, ME)
    assert all(here.opens(second) for _ in range(1000))


async def test_others_changes_are_seen_and_told_while_changes_of_our_own_wait(here: Office) -> None:
    """Or a revoked key would live for as long as its calls keep the connections busy."""
    async with here.catalog.changing("me"):
        stores = [StoreBody("fox", f"s{number}", "One", "UTC") for number in range(20)]
        waiting = [asyncio.create_task(here.catalog.write(STORE, [each], "me", replace=False)) for each in stores]
        async with asyncio.timeout(8):  # less than anybody waits for a connection
            for _ in range(50):
                await here.catalog.refresh()
                assert (await here.catalog.page(STORE, {"brand_id": "fox"}, None, 9)).items == []
        assert not [each for each in waiting if each.done()]
    await asyncio.gather(*waiting)
    assert len((await here.catalog.page(STORE, {"brand_id": "fox"}, None, 99)).items) == 20


async def test_the_first_key_is_made_once_and_told_of(here: Office, there: Office) -> None:
    first = await here.keyring.first()
    assert first is not None
    assert await there.keyring.first() is None
    [line] = await here.lines(kind="key")
    assert (line.actor, line.action, line.object, line.brand_id) == (BOOTSTRAP, "create", first.key_id, None)


async def test_every_change_has_its_line(here: Office) -> None:
    catalog = here.catalog
    rice = ItemBody("fox", 2, 7, ItemName("Rice", "米饭"), tags=["hot"])
    combo = ItemBody("fox", 2, 8, ItemName("Set", "套餐"), components=[ComponentBody(7, Decimal("0.5"))])
    await catalog.write(STORE, [StoreBody("fox", "s/1", "One", "UTC")], "ann", replace=False)
    await catalog.write(ITEM, [rice, combo], "ann", replace=True)
    await catalog.write(ITEM, [rice, combo], "bob", replace=True)
    await catalog.write(STORE, [StoreBody("fox", "s/1", "Two", "UTC")], "bob", replace=True)
    await import_menu(catalog, "fox", b"sku_id,name_en\n7,Rice\n9,Tea\n", "ann", dry_run=True)
    await import_menu(catalog, "fox", b"sku_id,name_en\n7,Rice\n9,Tea\n", "ann", dry_run=False)
    await catalog.remove(CHANNEL, ("fox", "POS"), "bob")
    lines = list(reversed(await here.lines(limit=3)))
    told = [(line.actor, line.action, line.kind, line.object) for line in lines if line.version > 1]
    assert told[-7:] == [
        ("ann", "create", "store", "s/1"), ("ann", "create", "item", "2/7"), ("ann", "create", "item", "2/8"),
        ("bob", "replace", "store", "s/1"), ("ann", "import", "item", "2/7"), ("ann", "import", "item", "2/9"),
        ("bob", "delete", "channel", "POS"),
    ]  # fmt: skip
    replaced, imported, new, gone = lines[-4:]
    assert replaced.before is not None
    assert replaced.after is not None
    assert (replaced.before["name"], replaced.after["name"]) == ("One", "Two")
    assert imported.before is not None
    assert imported.before["name"] == {"en": "Rice", "zh": "米饭"}
    assert (new.before, gone.after) == (None, None)
    combo_line = next(line for line in lines if line.object == "2/8")
    assert combo_line.after is not None
    assert combo_line.after["components"] == [{"object_id": 7, "quantity": 0.5}]


async def test_a_brand_goes_with_all_that_is_its_own(here: Office) -> None:
    key = await here.keyring.mint(KeyBody("till", "brand", "fox"), ME)
    await here.catalog.write(ITEM, [ItemBody("fox", 2, 7, ItemName("Rice", "米饭"))], "me", replace=False)
    await here.catalog.remove(BRAND, ("fox",), "me")
    newest = (await here.lines())[0].version
    gone = [
        (line.action, line.kind, line.object) for line in await here.lines(brand_id="fox") if line.version == newest
    ]
    channels = [("delete", "channel", code) for code in ("EMENU", "KIOSK", "ONLINE_ORDER", "POS")]
    assert sorted(gone) == sorted(
        [*channels, ("delete", "item", "2/7"), ("revoke", "key", key.key_id), ("delete", "brand", "fox")]
    )
    assert not here.opens(key)


async def test_a_refused_change_has_no_line(here: Office) -> None:
    before = await here.lines()
    with pytest.raises(Rejection):
        await here.catalog.write(BRAND, [BrandBody("new", "New"), BrandBody("fox", "Fox")], "me", replace=False)
    with pytest.raises(Rejection):
        await here.keyring.rotate("key_none", RotateBody("key_none"), ME)
    with pytest.raises(Rejection):
        await here.keyring.mint(KeyBody("x", "brand", "wolf"), ME)
    with pytest.raises(Rejection):
        await here.catalog.remove(STORE, ("fox", "none"), "me")
    assert await here.lines() == before


async def test_the_log_by_brand_kind_actor_object_and_time(here: Office) -> None:
    await here.catalog.write(BRAND, [BrandBody("owl", "Owl")], "ann", replace=False)
    first = await here.keyring.mint(KeyBody("x", "brand", "fox"), Holder("bob"))
    everything = await here.lines()
    assert [line.version for line in everything] == sorted((line.version for line in everything), reverse=True)
    for match, wanted in (
        ({"brand_id": "owl"}, [line for line in everything if line.brand_id == "owl"]),
        ({"kind": "channel"}, [line for line in everything if line.kind == "channel"]),
        ({"actor": "bob"}, everything[:1]),
        ({"object": first.key_id, "kind": "key"}, everything[:1]),
        ({"object": "POS", "brand_id": "owl"}, [each for each in everything if each.object == "POS"][:1]),
    ):
        assert wanted
        for limit in (1, 2, 100):
            assert await here.lines(limit, **match) == wanted
    ends = (
        (await here.catalog.audit({}, None, 1, None, 9)).items,
        (await here.catalog.audit({}, 1, None, None, 99)).items,
    )
    assert ends == ([], everything)
