"""The commands as a user runs them, against a service of their own on SQLite."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from eightysix.cli import build
from eightysix.cli.calling.service import ServiceFailedError, own_service
from eightysix.cli.calling.setup import (
    ItemToSet,
    StoreToSet,
    limited,
    put_brand,
    put_items,
    put_stores,
    set_stock,
)
from eightysix.cli.demoing.menu import demo_dishes, menu_file
from eightysix.client import AsyncClient, Refused

HISTORY = """Ticket No.;Ordered At;Dish;Qty
5;31/03/2019 19:05;Noodles;1
5;31/03/2019 19:05;NOODLES;2
4;31/03/2019 01:30;Soup;1
3;30/03/2019 20:00;Soup;3
3;30/03/2019 20:00;Soup;3
2;30/03/2019 19:00;Soup;2
1;30/03/2019 18:00;Rice;none
"""


@pytest.fixture(autouse=True)
def english(monkeypatch):
    for name in ("EIGHTYSIX_LANG", "EIGHTYSIX_DATABASE_URL", "EIGHTYSIX_KEY", "EIGHTYSIX_URL"):
        monkeypatch.delenv(name, raising=False)


def run(*arguments, **environment):
    return CliRunner().invoke(build(), [str(each) for each in arguments], env=environment or None)


def test_a_replay_accounts_for_every_row_and_leaves_clean_books(tmp_path: Path):
    file, report_file = tmp_path / "orders.csv", tmp_path / "report.json"
    file.write_text(HISTORY, "utf-8")
    database = tmp_path / "replay.db"
    done = run(
        "replay", file, "--time-zone", "Europe/London", "--portions", 4, "--clients", 1, "--json", report_file,
        "--database", f"sqlite:///{database}",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    report = msgspec.json.decode(report_file.read_bytes())
    assert report["is_proved"]
    counts = ("rows_read", "rows_sent", "rows_duplicate", "rows_rejected", "orders", "locked", "deducted")
    assert [report[name] for name in counts] == [7, 5, 1, 1, 4, 3, 3]
    assert report["refused"] == {"OUT_OF_STOCK:quantity": 1}
    assert report["check"]["stores"] == 1
    assert report["check"]["findings"] == []
    assert report["latency"]["lock"]["calls"] == 4
    again = run("check", "--database", f"sqlite:///{database}")
    assert again.exit_code == 0
    assert "All promises are kept." in again.output


def test_unpaid_and_cancelled_orders_are_counted_as_the_service_says(tmp_path: Path):
    file, report_file = tmp_path / "orders.csv", tmp_path / "report.json"
    rows = "".join(f"{number},2019-03-30 19:{number:02},Soup,1\n" for number in range(40))
    file.write_text("Order,Date,Item,Qty\n" + rows, "utf-8")
    done = run(
        "replay", file, "--cancel-share", 0.3, "--unpaid-share", 0.3, "--hold-seconds", 1, "--fold-days",
        "--json", report_file, "--store", "s", "--menu", file,
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    report = msgspec.json.decode(report_file.read_bytes())
    assert report["deducted"] + report["unlocked"] + report["expired"] == 40
    assert report["unlocked"] > 0
    assert report["expired"] > 0
    assert report["left_locked"] == 0


def test_a_daily_refill_brings_the_plan_back(tmp_path: Path):
    file, report_file = tmp_path / "orders.csv", tmp_path / "report.json"
    rows = "".join(f"{day}-{number},2019-03-{day} 19:0{number},Soup,1\n" for day in (10, 11) for number in range(3))
    file.write_text("Order,Date,Item,Qty\n" + rows, "utf-8")
    done = run("replay", file, "--portions", 2, "--refill", "daily", "--clients", 1, "--json", report_file)
    assert done.exit_code == 0, done.output
    report = msgspec.json.decode(report_file.read_bytes())
    assert (report["locked"], report["refills"]) == (4, 1)


@pytest.mark.parametrize(("content", "words"), [
    ("", "it is empty"), ("a,b\n1,2\n", "no column for order, date, item, quantity in: a, b"),
])  # fmt: skip
def test_a_file_that_cannot_be_used_is_said(tmp_path: Path, content, words):
    file = tmp_path / "orders.csv"
    file.write_text(content, "utf-8")
    done = run("replay", file)
    assert done.exit_code == 2
    assert words in " ".join(done.output.split())


def test_wrong_options_are_said(tmp_path: Path):
    assert run("replay", "x.csv", "--time-zone", "Nowhere/Here").exit_code == 2
    assert run("replay", "x.csv", "--store", "a", "--store", "b").exit_code == 2
    assert run("replay", "a/x.csv", "b/x.csv").exit_code == 2
    assert run("replay", "x.csv", "--column", "nonsense").exit_code == 2
    assert run("replay", "x.csv", "--cancel-share", 0.7, "--unpaid-share", 0.7).exit_code == 2
    missing = run("replay", tmp_path / "none.csv", EIGHTYSIX_LANG="zh-CN")
    assert missing.exit_code == 2
    assert "无法读取" in missing.output


def test_check_finds_what_was_broken_by_hand(tmp_path: Path):
    file, database = tmp_path / "orders.csv", tmp_path / "replay.db"
    file.write_text(HISTORY, "utf-8")
    assert run("replay", file, "--portions", 9, "--database", f"sqlite:///{database}").exit_code == 0
    with sqlite3.connect(database) as connection:
        connection.execute("UPDATE poi_item_stock SET real_quantity = real_quantity + 1000 WHERE object_id = 1")
    connection.close()
    found = run("check", "--database", f"sqlite:///{database}")
    assert found.exit_code == 1
    assert "1 promises are broken" in found.output
    assert "SKU 1: real is" in found.output
    chinese = run("check", "--database", f"sqlite:///{database}", EIGHTYSIX_LANG="zh-CN")
    assert "有 1 处不符" in chinese.output


@pytest.mark.parametrize("url", ["sqlite:///{}/none.db", "nonsense", "postgresql://nobody@127.0.0.1:1/none"])
def test_check_says_when_it_cannot_read(tmp_path: Path, url):
    done = run("check", "--database", url.format(tmp_path))
    assert done.exit_code == 2, done.output
    assert "can't be checked" in done.output
    assert not (tmp_path / "none.db").exists()


async def test_a_menu_is_imported_row_by_row(tmp_path: Path):
    async with own_service(f"sqlite:///{tmp_path}/menu.db", tmp_path / "serve.log") as service:
        file = tmp_path / "menu.csv"
        file.write_bytes(menu_file())
        arguments = ("import-menu", file, "--brand", "b", "--url", service.url, "--key", service.key)
        async with AsyncClient(service.url, service.key) as client:
            await put_brand(client, "b", "B")
            with pytest.raises(Refused, match="STORE_NOT_FOUND"):
                await set_stock(client, "b", "nowhere", [limited(1001, 1)])
        tried = await asyncio.to_thread(run, *arguments, "--dry-run")
        assert "Would be: 67 items made, 0 replaced." in tried.output
        done = await asyncio.to_thread(run, *arguments)
        assert done.exit_code == 0, done.output
        assert "67 items made, 0 replaced." in done.output
        file.write_text("sku_id,name_en\n1,Soup\nx,Rice\n", "utf-8")
        refused = await asyncio.to_thread(run, *arguments)
        assert refused.exit_code == 1
        assert "row 3" in refused.output


def test_import_says_when_nobody_answers(tmp_path: Path):
    file = tmp_path / "menu.csv"
    file.write_bytes(menu_file())
    assert run("import-menu", file, "--brand", "b", "--url", "nonsense").exit_code == 2


async def test_stock_goes_out_and_comes_in_as_a_file(tmp_path: Path):
    async with own_service(f"sqlite:///{tmp_path}/stock.db", tmp_path / "serve.log") as service:
        async with AsyncClient(service.url, service.key) as client:
            await put_brand(client, "b", "B")
            await put_stores(client, [StoreToSet("b", poi_id, poi_id, "UTC") for poi_id in ("s1", "s2")])
            await put_items(client, [ItemToSet("b", 2, sku_id, {"en": "Soup", "zh": "汤"}) for sku_id in (1, 2)])
        file = tmp_path / "stock.csv"
        at = ("--brand", "b", "--url", service.url, "--key", service.key)
        file.write_text("sku_id,stock_type,real_quantity\n1,2,5\n2,2,x\n", "utf-8")
        tried = await asyncio.to_thread(run, "import-stock", file, *at, "--store", "s1", "--dry-run")
        assert tried.exit_code == 1
        assert "real_quantity 0 → 5" in tried.output
        assert "Would be: 1 rows changed, 0 unchanged, 1 refused." in tried.output
        done = await asyncio.to_thread(run, "import-stock", file, *at, "--store", "s1")
        assert "1 rows changed, 0 unchanged, 1 refused." in done.output
        again = await asyncio.to_thread(run, "export-stock", file, *at, "--all-items", "--excel")
        assert again.exit_code == 0, again.output
        assert file.read_bytes().startswith("\ufeffpoi_id,".encode())
        assert len(file.read_text("utf-8").splitlines()) == 5
        same = await asyncio.to_thread(run, "import-stock", file, *at)
        assert same.exit_code == 0, same.output
        assert "0 rows changed, 4 unchanged, 0 refused." in same.output
        file.write_text("poi_id,sku_id,op,quantity\ns1,1,add,2\n", "utf-8")
        for told in ("1 rows changed", "0 rows changed, 1 unchanged"):
            added = await asyncio.to_thread(run, "import-stock", file, *at, "--request-id", "note 7")
            assert told in added.output
        assert "request_id" in (await asyncio.to_thread(run, "import-stock", file, *at)).output
        nowhere = await asyncio.to_thread(run, "export-stock", tmp_path / "none.csv", *at, "--store", "s9")
        assert nowhere.exit_code == 1
        assert not (tmp_path / "none.csv").exists()


def test_stock_files_say_when_nobody_answers(tmp_path: Path):
    file = tmp_path / "stock.csv"
    file.write_text("sku_id\n1\n", "utf-8")
    for command in ("import-stock", "export-stock"):
        assert run(command, file, "--brand", "b", "--url", "nonsense").exit_code == 2


async def test_a_service_that_cannot_start_says_why(tmp_path: Path):
    with pytest.raises(ServiceFailedError) as failed:
        async with own_service("nonsense://x", tmp_path / "serve.log"):
            pass
    assert "nonsense" in failed.value.log


def test_the_demo_has_a_whole_menu():
    dishes = demo_dishes()
    skus = [dish for dish in dishes if dish.object_type == 2]
    assert len(skus) == 61
    assert all(dish.appetite > 0 and dish.name_zh and dish.name_en for dish in skus)
    assert any(dish.portions is None for dish in skus)
    assert any(dish.portions for dish in dishes if dish.object_type == 1)


def test_the_demo_runs_and_stops_in_good_order(tmp_path: Path):
    command = [
        sys.executable,
        "-c",
        "from eightysix.cli import main; main()",
        "demo",
        "--port",
        "0",
        "--folder",
        tmp_path,
    ]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env={**os.environ}
    ) as demo:
        seen = ""
        deadline = time.monotonic() + 60
        while "locked" not in seen and time.monotonic() < deadline:
            seen += demo.stdout.readline()
        demo.send_signal(signal.SIGINT)
        seen += demo.stdout.read()
        code = demo.wait(30)
    assert code == 0, seen
    assert "http://127.0.0.1:" in seen
    assert "e86_" in seen
    assert "All promises are kept." in seen
    assert list(tmp_path.iterdir()) == []
