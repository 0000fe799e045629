"""A cloud and its store's hub as real processes: paired, selling, cut off, killed, healed; nothing is lost or doubled.

One story over one pair of processes, told in order.
"""

import asyncio
import contextlib
import json
import re
import resource
import stat
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import asdict

from eightysix.client import OutcomeUnknown, Refused, Unavailable
from eightysix.core.hub_event import chained
from tests.hub.processes import DISH, PLACE, POI, POS, WEB, Town, eventually

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
async def town(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    town = Town(tmp_path_factory.mktemp("town"))
    try:
        await town.open()
        await town.pair()
        yield town
    finally:
        with contextlib.suppress(Exception):  # for whoever looks for a failure
            print(await town.status(), town.hub.said())  # noqa: T201 - as above
        await town.close()


async def held(town: Town) -> Decimal:
    """What the hub holds of the dish."""
    (grant,) = [each for each in (await town.status())["grants"] if each["object_id"] == DISH]
    return Decimal(grant["held"])


async def row(town: Town, *, online: bool = True) -> Any:
    """The dish's row, in the cloud or at the hub."""
    client = town.online if online else town.inside
    pages = [page async for page in client.find_to_pos(PLACE)]
    return next(state for page in pages for state in page.data if state.object_id == DISH)


async def test_the_key_is_kept_for_its_owner_alone(town: Town) -> None:
    file = town.hub_folder / "hub.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    kept = json.loads(file.read_bytes())
    assert kept["has_rows"]
    assert kept["key"] not in str(await town.status())


async def test_the_stores_keys_open_the_hub(town: Town) -> None:
    """The same key asks both; what only the cloud has isn't there at the hub."""
    with pytest.raises(Refused, match="ORDER_NOT_FOUND"):
        await town.inside.order(PLACE, "nobody")
    with pytest.raises(Refused, match="NOT_FOUND"):
        await town.inside.ask("GET", "/api/v1/brands")


async def test_the_hub_holds_a_part_and_sells_it(town: Town) -> None:
    await eventually(lambda: _positive(town))
    await town.inside.lock(PLACE, "pos-1", POS, {DISH: 2})
    await town.inside.deduct(PLACE, "pos-1")
    await town.in_step()
    there = await town.online.order(PLACE, "pos-1")
    assert there.state == "DEDUCTED"
    assert (await row(town)).real_quantity == 38
    with pytest.raises(Refused, match="ORDER_AT_HUB"):
        await town.online.return_(PLACE, "pos-1")
    with pytest.raises(Refused, match="USE_HUB"):
        await town.online.lock(PLACE, "pos-2", POS, {DISH: 1})


async def _positive(town: Town) -> bool:
    return await held(town) > 5


async def test_what_a_sale_lacks_is_borrowed_before_it_is_refused(town: Town) -> None:
    """The hub holds about half of 38; a party of 30 is served all the same."""
    mine = await held(town)
    assert mine < 30
    done = await town.inside.lock(PLACE, "party", POS, {DISH: 30})
    assert done.state == "LOCKED"
    assert await held(town) >= 30
    await town.inside.unlock(PLACE, "party")
    await town.in_step()
    with pytest.raises(Refused, match="OUT_OF_STOCK"):
        await town.inside.lock(PLACE, "too many", POS, {DISH: 39})


async def test_what_the_cloud_lacks_the_hub_gives_back(town: Town) -> None:
    """The hub has borrowed all there is: an online order is refused at first, and what is free comes back for it."""
    await eventually(lambda: town.online.lock(PLACE, "web-0", WEB, {DISH: 1}))
    await town.online.unlock(PLACE, "web-0")


async def test_verbs_on_the_clouds_orders_are_forwarded(town: Town) -> None:
    await eventually(lambda: town.online.lock(PLACE, "web-1", WEB, {DISH: 1}))
    done = await town.inside.deduct(PLACE, "web-1")
    assert done.state == "DEDUCTED"
    assert (await town.online.order(PLACE, "web-1")).state == "DEDUCTED"
    locked = await eventually(lambda: town.inside.lock(PLACE, "web-2", WEB, {DISH: 1}))
    assert locked.state == "LOCKED"
    assert (await town.online.order(PLACE, "web-2")).state == "LOCKED"
    await town.inside.unlock(PLACE, "web-2")
    assert (await town.online.order(PLACE, "web-2")).state == "UNLOCKED"
    with pytest.raises(Refused, match="ORDER_NOT_FOUND"):
        await town.inside.deduct(PLACE, "nobody's")


async def test_settings_of_the_store_reach_the_cloud_and_back(town: Town) -> None:
    named = {"brandId": PLACE[0], "poiId": POI, "object_ids": [DISH]}
    await town.inside.ask("POST", "/api/v1/poi/stock/86", named | {"sold_out": True})
    await eventually(lambda: _is_off(town, online=True))
    await town.in_step()
    await town.online.ask("POST", "/api/v1/poi/stock/86", named | {"sold_out": False})
    await eventually(lambda: _is_on(town))


async def _is_off(town: Town, *, online: bool) -> bool:
    return bool((await row(town, online=online)).stock_status == 2)


async def _is_on(town: Town) -> bool:
    return not await _is_off(town, online=False)


async def test_the_status_page_speaks_both_languages(town: Town) -> None:
    english = await town.inside.fetch("GET", "/hub", query={}, content_type="text/html")
    assert english.headers["content-type"] == "application/json"
    for language, word in (("en", "What the hub holds"), ("zh-CN", "中枢持有的额度")):
        page = await _page(town, language)
        assert word in page
        assert "text/html" in page.split("\r\n\r\n")[0]


async def _page(town: Town, language: str) -> str:
    reader, writer = await asyncio.open_connection("127.0.0.1", town.hub.port)
    writer.write(
        f"GET /hub HTTP/1.1\r\nHost: hub\r\nAccept: text/html\r\nAccept-Language: {language}\r\n"
        "Connection: close\r\n\r\n".encode()
    )
    answer = await reader.read()
    writer.close()
    return answer.decode()


async def test_cut_off_the_store_sells_on(town: Town) -> None:
    """Without the cloud: from what is held; the cloud's known orders are journaled, unknown ones are not accepted."""
    await eventually(lambda: town.online.lock(PLACE, "web-3", WEB, {DISH: 1}))
    await eventually(lambda: _knows(town))
    mine = await held(town)
    await town.cloud.kill()
    await eventually(lambda: _is_cut_off(town))
    await town.inside.lock(PLACE, "pos-3", POS, {DISH: 2})
    await town.inside.deduct(PLACE, "pos-3")
    paid = await town.inside.ask("POST", "/api/v1/stock/deduct", _named("web-3"))
    assert (paid["state"], paid["journaled"], paid["replayed"]) == ("DEDUCTED", True, False)
    again = await town.inside.ask("POST", "/api/v1/stock/deduct", _named("web-3"))
    assert (again["journaled"], again["replayed"]) == (True, True)
    with pytest.raises(Unavailable):
        await town.inside.within(1).lock(PLACE, "web-4", WEB, {DISH: 1})
    with pytest.raises(Refused, match="ORDER_NOT_FOUND"):
        await town.inside.deduct(PLACE, "web-4")
    with pytest.raises(Refused, match="OUT_OF_STOCK"):
        await town.inside.lock(PLACE, "pos-4", POS, {DISH: int(mine) + 1})


def _named(order_id: str) -> dict[str, str]:
    return {"brandId": PLACE[0], "poiId": PLACE[1], "order_id": order_id}


async def _knows(town: Town) -> bool:
    return bool((await town.status())["cloud_orders"])


async def _is_cut_off(town: Town) -> bool:
    return not (await town.status())["online"]


async def test_the_journal_is_saved_by_hand(town: Town, tmp_path: Path) -> None:
    """Beside the running hub; each line tells where it belongs, and the chain can be checked."""
    file = tmp_path / "journal.jsonl"
    code, _, said = await town.command("hub", "export", "--data", str(town.hub_folder), str(file))
    assert code == 0, said
    raw = await asyncio.to_thread(file.read_bytes)
    lines = [json.loads(line) for line in raw.splitlines()]
    journal = (await town.status())["journal"]
    assert [line["seq"] for line in lines] == list(range(journal["acked_seq"] + 1, journal["last_seq"] + 1))
    assert len(lines) >= 3
    for line, text, following in zip(lines, raw.splitlines(), lines[1:], strict=False):
        body = text.partition(b'"event":')[2][:-1]
        assert chained(line["chain"], body) == following["chain"]
        assert line["hub_id"] == (await town.status())["hub_id"]


async def test_killed_while_cut_off_it_goes_on_where_it_was(town: Town) -> None:
    before = (await town.status())["journal"]
    selling = asyncio.create_task(_sell(town, "burst", 50))
    await asyncio.sleep(0.3)
    await town.hub.kill()
    sold = await selling
    await town.hub.start()
    status = await town.status()
    assert not status["online"]
    assert status["journal"]["journal_id"] == before["journal_id"]
    for order_id in sold:
        assert (await town.inside.order(PLACE, order_id)).state == "LOCKED"


async def _sell(town: Town, name: str, most: int) -> list[str]:
    """The orders whose lock was acknowledged."""
    done: list[str] = []
    client = town.inside.within(1)
    for number in range(most):
        order_id = f"{name}-{number}"
        try:
            await client.lock(PLACE, order_id, POS, {DISH: 1})
        except Refused:
            continue
        except Exception:  # noqa: BLE001 - the hub is killed meanwhile
            break
        done.append(order_id)
    return done


async def test_with_the_cloud_back_all_is_told_once(town: Town) -> None:
    await town.cloud.start()
    status = await town.in_step(30)
    assert status["troubles"] == {}
    assert status["journal"]["waiting"] == 0
    assert (await town.online.order(PLACE, "pos-3")).state == "DEDUCTED"
    assert (await town.online.order(PLACE, "web-3")).state == "DEDUCTED"
    there, here = await row(town), await row(town, online=False)
    assert there.real_quantity == 40 - 2 - 1 - 2 - 1
    await eventually(lambda: _agree(town))
    assert asdict(here)["stock_status"] == asdict(there)["stock_status"]


async def _agree(town: Town) -> bool:
    """What the hub holds is what the cloud counts as its grant."""
    there = await row(town)
    return bool(Decimal(there.grant_quantity) == await held(town))


async def test_restarted_it_goes_on_without_a_code(town: Town) -> None:
    assert await town.hub.stop() == 0
    await town.hub.start()
    await town.in_step()
    await town.inside.lock(PLACE, "pos-9", POS, {DISH: 1})
    await town.inside.deduct(PLACE, "pos-9")
    await town.in_step()
    assert (await town.online.order(PLACE, "pos-9")).state == "DEDUCTED"


async def test_a_full_disk_is_told_and_loses_nothing(town: Town) -> None:
    """No file of the hub's may grow: a sale is refused as not possible now, the probe names the file, reading goes on;
    with room again it goes on by itself."""
    no_limit = resource.prlimit(town.hub.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(town.hub.pid, resource.RLIMIT_FSIZE, (0, no_limit[1]))
    with pytest.raises((Unavailable, OutcomeUnknown)):
        await town.inside.within(2).lock(PLACE, "full-1", POS, {DISH: 1})
    with pytest.raises(Unavailable, match=re.escape(str(town.hub_folder / "hub.db"))):
        await town.inside.within(1).ask("GET", "/readyz")
    assert (await town.status())["file"]["why"]
    assert (await town.inside.order(PLACE, "pos-9")).state == "DEDUCTED"
    resource.prlimit(town.hub.pid, resource.RLIMIT_FSIZE, no_limit)
    await eventually(lambda: town.inside.ask("GET", "/readyz"))
    await eventually(lambda: town.inside.within(2).lock(PLACE, "full-1", POS, {DISH: 1}))
    status = await town.in_step()
    assert status["file"]["why"] is None
    assert (await town.online.order(PLACE, "full-1")).state == "LOCKED"


async def test_both_files_keep_all_that_must_always_hold(town: Town) -> None:
    assert await town.hub.stop() == 0
    assert await town.cloud.stop() == 0
    for file in (town.hub_folder / "hub.db", town.cloud_file):
        code, printed, said = await town.command("check", "--database", f"sqlite:///{file}")
        assert code == 0, printed + said
