"""One connection to MariaDB/MySQL: hostile text, faults by number, cancelled callers, lost servers, wrong settings."""

import asyncio
import secrets
from collections.abc import AsyncIterator

import pytest

from eightysix.core.bucket import BUCKETS
from eightysix.core.change import Head
from eightysix.core.invariant import InvariantError
from eightysix.core.key import StockKey, StoreKey
from eightysix.core.reservation import Take
from eightysix.storage.migrate import migrate
from eightysix.storage.mysql import literal
from eightysix.storage.mysql.fault import fault_of
from eightysix.storage.mysql.lane import MysqlLane
from eightysix.storage.mysql.session import Session
from eightysix.storage.mysql.table import RESERVATION
from eightysix.storage.open import open_database
from eightysix.storage.port import Conflict, GuardFailed, LockTimeout, LostConnection, Rejected, Unavailable
from eightysix.storage.url import parse

from .scene import Scene, a_reservation, a_stock, changes, new_batch_number

HOSTILE = [
    "'", "\\", "\\'", "''", '"', "`", "%s", "%(a)s", "?", ";", "--", "/* */", "#",
    "\\0", "\x00", "\n", "\r", "\x1a", "\t",
    "'; DROP TABLE poi_item_stock; --", "🍜", "菜'\\菜", "a\u0301", "\\\\'", "x" * 64, "NULL", "\u2028", "{}", "$1",
    ":a", "@a",
]  # fmt: skip


@pytest.fixture(params=["mysql_server", "proxy_server"])
async def session(request: pytest.FixtureRequest) -> AsyncIterator[Session]:
    opened = Session(parse(request.getfixturevalue(request.param)))
    await opened.open()
    yield opened
    await opened.close()


async def test_hostile_text_goes_and_comes_as_it_is(session: Session) -> None:
    for text in HOSTILE:
        assert await session.rows(f"SELECT {literal.text(text)} AS given, 1 AS one") == ((text, 1),)


@pytest.mark.parametrize("text", ["\ud800", "a\udcff"])
def test_what_is_no_text_is_rejected(text: str) -> None:
    with pytest.raises(Rejected):
        literal.text(text)


@pytest.mark.parametrize(
    ("thousandths", "written"),
    [
        (0, "0.000"),
        (1, "0.001"),
        (-1, "-0.001"),
        (1000, "1.000"),
        (-1500, "-1.500"),
        (999_999_999_999, "999999999.999"),
    ],
)
def test_quantities_are_exact_decimals(thousandths: int, written: str) -> None:
    assert literal.quantity(thousandths) == written
    assert literal.thousandths(written) == thousandths
    assert literal.thousandths("5") == 5000
    assert literal.thousandths("5.1") == 5100


def test_enumerations_and_booleans_are_written_as_numbers() -> None:
    assert literal.integer(True) == "1"
    line = a_reservation("o", 7, takes=(Take(2, 7, counted=False),))
    assert RESERVATION.row("5,'b','p'", line).count("True") == 0


@pytest.mark.parametrize(
    ("number", "fault"),
    [
        (1205, LockTimeout), (3572, LockTimeout), (1213, Conflict), (1062, GuardFailed), (4025, Rejected),
        (3819, Rejected), (1264, Rejected), (1406, Rejected), (2006, LostConnection), (2013, LostConnection),
        (0, LostConnection), (1815, LostConnection), (1040, Unavailable), (1064, Rejected),
    ],
)  # fmt: skip
def test_error_numbers_have_their_meaning(number: int, fault: type[Exception]) -> None:
    assert type(fault_of(number, "why")) is fault


async def test_a_cancelled_caller_leaves_its_statement_to_end_and_the_next_one_gets_its_own_answer(
    session: Session,
) -> None:
    waiting = asyncio.create_task(session.rows("SELECT SLEEP(0.3), 'first' AS answer"))
    _, pending = await asyncio.wait({waiting}, timeout=0.05)
    assert pending
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert await session.rows("SELECT 'second' AS answer") == (("second",),)


async def test_a_connection_that_the_server_ends_is_lost_and_can_be_replaced(mysql_server: str) -> None:
    session = Session(parse(mysql_server))
    await session.open()
    ((own,),) = await session.rows("SELECT CONNECTION_ID()")
    with pytest.raises((LostConnection, Conflict)):
        await session.change(f"KILL {own}")
    with pytest.raises(LostConnection):
        await session.rows("SELECT 1")
    assert not session.is_open
    await session.reopen()
    assert await session.rows("SELECT 1") == ((1,),)
    await session.close()


async def test_an_answer_that_cannot_be_read_closes_the_connection(mysql_server: str) -> None:
    session = Session(parse(mysql_server))
    await session.open()
    # the connection's own id, so that the server says UTF-8 and sends what isn't
    await session.change("SET character_set_results = NULL")
    with pytest.raises(LostConnection):
        await session.rows("SELECT CONVERT('é' USING latin1) AS answer")
    assert not session.is_open
    with pytest.raises(LostConnection):
        await session.rows("SELECT 1")


async def test_no_server_is_unavailable() -> None:
    with pytest.raises(Unavailable):
        await open_database("mysql://nobody@127.0.0.1:1/nothing", owner="nobody")


async def test_a_wrong_password_is_unavailable_and_not_shown(mysql_server: str) -> None:
    target = parse(mysql_server)
    url = f"mysql://{target.user}:wrong-secret@{target.host}:{target.port}/{target.database}"
    with pytest.raises(Unavailable) as raised:
        await open_database(url, owner="nobody")
    assert "wrong-secret" not in str(raised.value)


@pytest.mark.parametrize(
    ("setting", "word"),
    [
        ("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ", "READ-COMMITTED"),
        ("SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_BACKSLASH_ESCAPES'", "NO_BACKSLASH_ESCAPES"),
        ("SET SESSION sql_mode = ''", "strict"),
    ],
)
async def test_a_server_that_is_set_up_otherwise_is_refused(mysql_server: str, setting: str, word: str) -> None:
    session = Session(parse(mysql_server))
    await session.open()
    await session.change(setting)
    with pytest.raises(Rejected, match=word):
        await session._check()
    await session.close()


async def test_a_lane_refuses_stores_of_another_physical_shard(mysql_server: str) -> None:
    lane = MysqlLane(Session(parse(mysql_server)), "owner", 1, 5, 8)
    with pytest.raises(InvariantError):
        await lane.begin([StoreKey(5, "b", "p"), StoreKey(6, "b", "q")], 1)
    with pytest.raises(InvariantError):
        await lane.save({StoreKey(bucket, "b", "p"): changes() for bucket in range(BUCKETS)})


async def test_a_statement_of_many_rows_is_cut_and_all_of_them_are_saved(mysql_url: str) -> None:
    await migrate(mysql_url)
    database = await open_database(mysql_url, owner=f"many-{secrets.token_hex(4)}")
    scene = Scene(database)
    store = scene.store()
    lane = await scene.lane(store)
    first = [a_stock(StockKey(2, number), version=1) for number in range(1, 1_202)]
    lines = [a_reservation(f"{number:063}'", 1) for number in range(1_201)]
    await lane.begin([store], new_batch_number())
    await lane.save(
        {store: changes(stocks=[(None, row) for row in first], reservations=[(None, row) for row in lines])}
    )
    second = [a_stock(StockKey(2, number), version=2, real=number) for number in range(1, 1_202)]
    await lane.save({store: changes(stocks=list(zip(first, second, strict=True)), head_before=Head(), head=Head())})
    loaded = await lane.load_stocks({store: {row.key for row in second}})
    assert sorted(row.real for row in loaded[store].stocks) == list(range(1, 1_202))
    await lane.commit()
    await scene.close()
    await database.close()
