"""A hub's folder that can't be used is named, with what to do; and its journal can be saved by hand."""

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from eightysix.core.hub_event import HubEvent, chained, encode_event
from eightysix.core.key import StoreKey
from eightysix.hub.pairing import NotPaired, Pairing, as_it_is, check, pair, read, settled_in, write
from eightysix.storage.migrate import migrate
from eightysix.storage.open import open_database
from eightysix.storage.port import StorageFault
from eightysix.storage.sqlite.lockfile import LockFile
from eightysix.storage.sqlite.soundness import require_sound
from eightysix.wire.language import Language

STORE = StoreKey.of("wok", "soho")
PAIRING = Pairing("http://127.0.0.1:9", "wok", "soho", "h1", "e86_secret")
NOWHERE = "http://127.0.0.1:9"


def run(*arguments: str, language: str = "en") -> subprocess.CompletedProcess[str]:
    program = "import sys; from eightysix.cli import main; sys.argv[0] = 'eightysix'; main()"
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        capture_output=True, text=True, timeout=60, check=False, env={**os.environ, "EIGHTYSIX_LANG": language},
    )  # fmt: skip


def started(folder: Path, *more: str, store: str = "wok/soho", language: str = "en") -> tuple[int, str]:
    found = run("hub", "--store", store, "--cloud", NOWHERE, "--data", str(folder), "--port", "0",
                "--host", "127.0.0.1", *more, language=language)  # fmt: skip
    return found.returncode, found.stderr.replace("\n", " ")


def test_what_is_kept_is_read_again(tmp_path: Path) -> None:
    assert read(tmp_path) is None
    write(tmp_path, PAIRING)
    assert read(tmp_path) == PAIRING
    settled_in(tmp_path, PAIRING)
    known = read(tmp_path)
    assert known is not None
    assert known.has_rows
    (tmp_path / "hub.json").write_bytes(b"{")
    with pytest.raises(NotPaired, match=r"hub\.json"):
        read(tmp_path)


async def test_a_database_that_was_lost_has_no_rows(tmp_path: Path) -> None:
    """Only the pairing is left of the folder: without the cloud's rows each dish would be sold without a limit."""
    settled_in(tmp_path, PAIRING)
    kept = read(tmp_path)
    assert kept is not None
    url = f"sqlite:///{tmp_path / 'hub.db'}"
    await migrate(url)
    database = await open_database(url, owner="test")
    try:
        books = database.hub_books
        assert books is not None
        assert not (await as_it_is(tmp_path, kept, books)).has_rows
        await books.start(STORE, "h1")  # and then it crashed
        again = read(tmp_path)
        assert again is not None
        assert not (await as_it_is(tmp_path, again, books)).has_rows
        settled_in(tmp_path, again)
        assert (await as_it_is(tmp_path, kept, books)).has_rows
    finally:
        await database.close()


def test_another_stores_folder_is_refused() -> None:
    check(PAIRING, "wok/soho")
    with pytest.raises(NotPaired, match="wok/soho"):
        check(PAIRING, "wok/flushing")


async def test_a_folder_that_takes_no_file_costs_no_code(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(NotPaired, match="can't be written"):
        await pair(tmp_path / "file" / "hub", NOWHERE, "wok/soho", "code", name="till", language=Language.ENGLISH)


@pytest.mark.parametrize(("language", "word"), [("en", "pairing code"), ("zh-CN", "配对码")])
def test_without_a_code_it_says_so(tmp_path: Path, language: str, word: str) -> None:
    code, said = started(tmp_path, language=language)
    assert code == 2
    assert word in said


def test_a_second_hub_in_the_folder_is_refused(tmp_path: Path) -> None:
    lock = LockFile(tmp_path / "hub")
    lock.take()
    try:
        code, said = started(tmp_path)
    finally:
        lock.release()
    assert code == 2
    assert str(os.getpid()) in said


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    write(tmp_path, PAIRING)
    (tmp_path / "hub.db").write_bytes(b"no database at all, but long enough to look like one" * 100)
    code, said = started(tmp_path)
    assert code == 2
    assert "hub.db" in said.replace(" ", "")


async def journal(folder: Path, events: int, acked: int) -> None:
    """A file with a journal of which the cloud has acknowledged the first part."""
    await migrate(f"sqlite:///{folder / 'hub.db'}")
    chain, rows = "", []
    for seq in range(1, events + 1):
        body = encode_event(HubEvent(seq, seq, "k", "api", order_id=f"o{seq}", reason="r" * 2000, prev=chain))
        chain = chained(chain, body)
        if seq > acked:
            rows.append((*STORE, seq, seq, body.decode()))
    connection = sqlite3.connect(folder / "hub.db")
    connection.execute(
        "INSERT INTO poi_hub_books (product_shard_id, brand_id, poi_id, hub_id, journal_id, last_seq, chain, acked_seq)"
        " VALUES (?, ?, ?, 'h1', 'j1', ?, ?, ?)",
        (*STORE, events, chain, acked),
    )
    connection.executemany(
        "INSERT INTO poi_hub_event (product_shard_id, brand_id, poi_id, seq, at, body) VALUES (?, ?, ?, ?, ?, ?)", rows
    )
    connection.commit()
    connection.close()


async def test_the_journal_is_exported_without_a_service(tmp_path: Path) -> None:
    await journal(tmp_path, 6, 2)
    found = run("hub", "export", "--data", str(tmp_path))
    assert found.returncode == 0, found.stderr
    lines = [json.loads(line) for line in found.stdout.splitlines()]
    assert [(line["hub_id"], line["journal_id"], line["seq"]) for line in lines] == [
        ("h1", "j1", seq) for seq in (3, 4, 5, 6)
    ]
    body = found.stdout.splitlines()[0].encode().partition(b'"event":')[2][:-1]
    assert msgspec.json.decode(body, type=HubEvent).order_id == "o3"
    assert chained(lines[0]["chain"], body) == lines[1]["chain"]


async def test_of_a_damaged_file_as_much_as_can_be_read(tmp_path: Path) -> None:
    await journal(tmp_path, 200, 0)
    file = tmp_path / "hub.db"
    content = bytearray(file.read_bytes())
    where = content.index(b'"order_id":"o100"')
    page = where - where % 4096
    content[page : page + 4096] = b"\xff" * 4096
    file.write_bytes(content)
    with pytest.raises(StorageFault, match=r"hub\.db"):
        require_sound(file)
    found = run("hub", "export", "--data", str(tmp_path), str(tmp_path / "saved"))
    assert found.returncode == 1, found.stderr
    seqs = [json.loads(line)["seq"] for line in (tmp_path / "saved").read_bytes().splitlines()]
    assert seqs == sorted(set(seqs))
    assert 190 <= len(seqs) < 200
    assert seqs[0] == 1
    assert seqs[-1] == 200


def test_nothing_to_export_is_an_error(tmp_path: Path) -> None:
    found = run("hub", "export", "--data", str(tmp_path))
    assert found.returncode == 2
    assert "hub.db" in found.stderr.replace("\n", "")
