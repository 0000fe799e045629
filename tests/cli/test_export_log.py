"""`eightysix export-log` as a user runs it, against a service of its own."""

import asyncio
import csv
import io
from pathlib import Path

import pytest
from typer.testing import CliRunner

from eightysix.cli import build
from eightysix.cli.calling.service import own_service
from eightysix.cli.calling.setup import ItemToSet, StoreToSet, limited, put_brand, put_items, put_stores, set_stock
from eightysix.cli.export_log import write_log
from eightysix.client import AsyncClient, Unauthorised


@pytest.fixture(autouse=True)
def english(monkeypatch):
    for name in ("EIGHTYSIX_LANG", "EIGHTYSIX_KEY", "EIGHTYSIX_URL"):
        monkeypatch.delenv(name, raising=False)


def run(*arguments):
    return CliRunner().invoke(build(), [str(each) for each in arguments])


@pytest.fixture
async def service(tmp_path: Path):
    """A store whose soup was set ten times."""
    async with own_service(f"sqlite:///{tmp_path}/log.db", tmp_path / "serve.log") as own:
        async with AsyncClient(own.url, own.key) as client:
            await put_brand(client, "b", "B")
            await put_stores(client, [StoreToSet("b", "s", "S", "UTC")])
            await put_items(client, [ItemToSet("b", 2, 1, {"en": "Soup", "zh": "汤"})])
            for portions in range(1, 11):
                await set_stock(client, "b", "s", [limited(1, portions)])
        yield own


async def test_a_log_is_written_whole_or_in_parts_alike(service, tmp_path: Path):
    file = tmp_path / "log.csv"
    arguments = ("export-log", "--brand", "b", "--store", "s", "--url", service.url, "--key", service.key)
    done = await asyncio.to_thread(run, *arguments, "--output", file)
    assert done.exit_code == 0, done.output
    whole = file.read_bytes().decode()
    rows = list(csv.DictReader(io.StringIO(whole, newline="")))
    assert [row["seq"] for row in rows] == [str(seq) for seq in range(10, 0, -1)]
    assert rows[0]["kind"] == "set"
    assert rows[0]["real_after"] == "10"
    parts = io.BytesIO()
    query = [("brandId", "b"), ("poiId", "s"), ("limit", "3")]
    assert await asyncio.to_thread(write_log, service.url, service.key, query, parts) == 4
    assert parts.getvalue().decode() == whole
    printed = await asyncio.to_thread(run, *arguments, "--item", "1", "--kind", "set", "--kind", "lock")
    assert printed.stdout_bytes.decode() == whole
    nothing = await asyncio.to_thread(run, *arguments, "--order", "none", "--output", file)
    assert nothing.exit_code == 0
    assert file.read_bytes().decode() == whole.splitlines()[0] + "\r\n"


async def test_a_refusal_leaves_the_old_file_alone(service, tmp_path: Path):
    file = tmp_path / "log.csv"
    file.write_text("mine", "utf-8")
    arguments = ("export-log", "--url", service.url, "--key", service.key, "--output", file, "--brand", "b")
    refused = await asyncio.to_thread(run, *arguments, "--store", "nowhere")
    assert refused.exit_code == 1
    assert "STORE_NOT_FOUND" in refused.output
    assert (await asyncio.to_thread(run, *arguments, "--store", "s", "--kind", "nothing")).exit_code == 1
    assert file.read_text("utf-8") == "mine"
    assert not (tmp_path / "log.csv.part").exists()
    with pytest.raises(Unauthorised, match="UNAUTHENTICATED"):
        await asyncio.to_thread(write_log, service.url, "e86_wrong", [("brandId", "b"), ("poiId", "s")], io.BytesIO())


def test_it_says_when_it_cannot(tmp_path: Path):
    done = run("export-log", "--brand", "b", "--store", "s", "--url", "nonsense")
    assert done.exit_code == 2
    assert "can't be reached" in done.output
    done = run("export-log", "--brand", "b", "--store", "s", "--output", tmp_path / "no" / "log.csv")
    assert done.exit_code == 2
    assert "Can't write" in done.output
