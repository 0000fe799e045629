"""The hand-written service of the negative controls: the same commands in plain SQL, with one flaw chosen.

Without a flaw it is right, if slow: one row lock for everything, check and write in one transaction. Each flaw is a
cause of real oversells. It has tables of its own; quantities in thousandths.
"""

import asyncio
import contextlib
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Sequence

from eightysix.core.command import DeductStock, LockStock, SetStock, UnlockStock
from eightysix.core.quantity import UNIT

from . import sql
from .market import spu_of
from .message import Answer, AtCareless, Flaw, RaceCommand

TABLES = (
    "CREATE TABLE careless_stock (id INT PRIMARY KEY, there INT NOT NULL, locked INT NOT NULL)",
    """CREATE TABLE careless_channel (id INT, code VARCHAR(32), cap INT, guarantee INT NOT NULL, used INT NOT NULL,
    PRIMARY KEY (id, code))""",
    """CREATE TABLE careless_line (order_id VARCHAR(64), sku_id INT, line_no INT, code VARCHAR(32) NOT NULL,
    state VARCHAR(16) NOT NULL, quantity INT NOT NULL, dies_at DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (order_id, sku_id, line_no))""",
    "CREATE TABLE careless_closed (order_id VARCHAR(64) PRIMARY KEY)",
)
NAMES = ("careless_stock", "careless_channel", "careless_line", "careless_closed")
HEAD = 0
"""The stock row that everybody locks first."""

_UNLOCKED = {Flaw.TWO_TRANSACTIONS, Flaw.READ_MODIFY_WRITE}
_HELD_SECONDS = 900

HeldLine = tuple[int, int, str, int]
"""SKU, line_no, channel, quantity."""


class CarelessTeller:
    """One connection of the hand-written service, one command at a time."""

    def __init__(self, connection: sql.Sql, flaw: Flaw) -> None:
        self._sql = connection
        self._flaw = flaw
        self._turn = asyncio.Lock()
        self.faults: Counter[str] = Counter()

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, target: AtCareless) -> AsyncIterator["CarelessTeller"]:
        """The teller, its connection closed at the end."""
        connection = await sql.connect(target.url)
        try:
            yield cls(connection, target.flaw)
        finally:
            await connection.close()

    async def ask(self, command: RaceCommand) -> Answer:
        about = type(command).__name__, command.store.poi_id, getattr(command, "order_id", "")
        async with self._turn:
            try:
                state, code = await self._decide(command)
            except sql.Refused as refused:
                self.faults["Refused"] += 1
                await self._sql.run("ROLLBACK")
                return Answer(*about, fault=str(refused))
        return Answer(*about, state, code)

    async def _decide(self, command: RaceCommand) -> tuple[str | None, str | None]:
        match command:
            case LockStock():
                return await self._lock(command)
            case DeductStock():
                return await self._leave(command.order_id, "DEDUCTED")
            case UnlockStock():
                return await self._leave(command.order_id, "UNLOCKED")
            case SetStock():
                return await self._set(command)

    async def _set(self, command: SetStock) -> tuple[str, None]:
        for each in command.settings:
            await self._sql.run(f"INSERT INTO careless_stock VALUES ({each.key.object_id}, {each.real}, 0)")
            for channel in each.channels:
                cap = channel.limit if isinstance(channel.limit, int) else "NULL"
                guarantee = channel.guarantee if isinstance(channel.guarantee, int) else 0
                await self._sql.run(
                    f"INSERT INTO careless_channel VALUES "
                    f"({each.key.object_id}, '{channel.channel_code}', {cap}, {guarantee}, 0)"
                )
        return "DONE", None

    # --- lock

    async def _lock(self, command: LockStock) -> tuple[str | None, str | None]:
        await self._expire()
        if self._flaw not in _UNLOCKED:
            await self._begin()
        refusal, computed = await self._check(command)
        if refusal is not None:
            if self._flaw not in _UNLOCKED:
                await self._sql.run("ROLLBACK")
            return None, refusal
        if self._flaw in _UNLOCKED:
            await self._sql.begin()
        for stock_id, amount in _needs(command).items():
            locked = computed[stock_id] if self._flaw is Flaw.READ_MODIFY_WRITE else f"locked + {amount}"
            await self._sql.run(f"UPDATE careless_stock SET locked = {locked} WHERE id = {stock_id}")
            await self._use(stock_id, command.channel_code, amount)
        dies_at = time.time() + (command.expires_in or _HELD_SECONDS)
        for line in command.lines:
            await self._sql.run(
                f"INSERT INTO careless_line VALUES ('{command.order_id}', {line.sku_id}, {line.line_no}, "
                f"'{command.channel_code}', 'LOCKED', {line.quantity}, {dies_at})"
            )
        await self._sql.run("COMMIT")
        return "LOCKED", None

    async def _check(self, command: LockStock) -> tuple[str | None, dict[int, int]]:
        """Why not, or None; and what `locked` will be, as this read sees it."""
        order = f"order_id = '{command.order_id}'"
        if await self._sql.rows(f"SELECT 1 FROM careless_closed WHERE {order}"):
            return "ORDER_CANCELLED", {}
        if await self._sql.rows(f"SELECT 1 FROM careless_line WHERE {order}"):
            return "THERE", {}
        needs = _needs(command)
        ids = ",".join(map(str, needs))
        stocks = {
            row[0]: (row[1], row[2])
            for row in await self._sql.rows(f"SELECT id, there, locked FROM careless_stock WHERE id IN ({ids})")
        }
        asked = [_needs_of([line]) for line in _pairs(command)] if self._flaw is Flaw.LINES_ALONE else [needs]
        for each in asked:
            for stock_id, amount in each.items():
                if stock_id in stocks and not await self._fits(
                    stock_id, command.channel_code, amount, *stocks[stock_id]
                ):
                    return "OUT_OF_STOCK", {}
        return None, {stock_id: stocks.get(stock_id, (0, 0))[1] + amount for stock_id, amount in needs.items()}

    async def _fits(self, stock_id: int, code: str, amount: int, there: int, locked: int) -> bool:
        left, capped = there - locked, None
        for other, cap, guarantee, used in await self._sql.rows(
            f"SELECT code, cap, guarantee, used FROM careless_channel WHERE id = {stock_id}"
        ):
            if other == code:
                capped = None if cap is None else cap - used
            elif self._flaw is not Flaw.NO_GUARANTEE:
                left -= max(0, guarantee - used)
        if capped is not None and amount > capped and self._flaw is not Flaw.TOTAL_ONLY:
            return False
        return amount <= left or self._flaw is Flaw.CHANNEL_ONLY

    # --- deduct, unlock, expire

    async def _leave(self, order_id: str, state: str) -> tuple[str | None, str | None]:
        """The order's locked lines come to their end."""
        unguarded = self._flaw is Flaw.STATE_UNGUARDED
        if not unguarded:
            await self._begin()
        lines = await self._sql.rows(
            f"SELECT sku_id, line_no, code, quantity FROM careless_line WHERE order_id = '{order_id}' "
            f"AND state = 'LOCKED' {'' if unguarded else f'AND dies_at > {time.time()}'}"
        )
        if unguarded:
            await self._sql.begin()
        for line in lines:
            await self._end(order_id, (line[0], line[1], line[2], line[3]), state)
        if state == "UNLOCKED" and (lines or self._flaw is not Flaw.CANCEL_FORGOTTEN):
            known = await self._sql.rows(f"SELECT 1 FROM careless_closed WHERE order_id = '{order_id}'")
            if not known:
                await self._sql.run(f"INSERT INTO careless_closed VALUES ('{order_id}')")
        await self._sql.run("COMMIT")
        return (state, None) if lines else (None, "NOTHING_LOCKED")

    async def _expire(self) -> None:
        """Free every lock whose time has passed."""
        unguarded = self._flaw is Flaw.STATE_UNGUARDED
        if not unguarded:
            await self._begin()
        due = await self._sql.rows(
            "SELECT order_id, sku_id, line_no, code, quantity FROM careless_line "
            f"WHERE state = 'LOCKED' AND dies_at <= {time.time()}"
        )
        if unguarded:
            await self._sql.begin()
        for order_id, *line in due:
            await self._end(order_id, (line[0], line[1], line[2], line[3]), "EXPIRED")
        await self._sql.run("COMMIT")

    async def _end(self, order_id: str, line: HeldLine, state: str) -> None:
        sku_id, line_no, code, quantity = line
        for stock_id in _chain(sku_id):
            sold = quantity if state == "DEDUCTED" else 0
            await self._sql.run(
                f"UPDATE careless_stock SET locked = locked - {quantity}, there = there - {sold} WHERE id = {stock_id}"
            )
            await self._use(stock_id, code, sold - quantity)
        await self._sql.run(
            f"UPDATE careless_line SET state = '{state}' "
            f"WHERE order_id = '{order_id}' AND sku_id = {sku_id} AND line_no = {line_no}"
        )

    async def _use(self, stock_id: int, code: str, amount: int) -> None:
        if amount:
            await self._sql.run(
                f"UPDATE careless_channel SET used = used + {amount} WHERE id = {stock_id} AND code = '{code}'"
            )

    async def _begin(self) -> None:
        await self._sql.begin()
        await self._sql.rows(f"SELECT 1 FROM careless_stock WHERE id = {HEAD} FOR UPDATE")


def _chain(sku_id: int) -> tuple[int, ...]:
    spu_id = spu_of(sku_id)
    return (sku_id,) if spu_id is None else (sku_id, spu_id)


def _pairs(command: LockStock) -> list[tuple[int, int]]:
    return [(line.sku_id, line.quantity or UNIT) for line in command.lines]


def _needs(command: LockStock) -> dict[int, int]:
    return _needs_of(_pairs(command))


def _needs_of(lines: Sequence[tuple[int, int]]) -> dict[int, int]:
    """How much of each stock these lines need together, in the order in which rows are locked."""
    needs: defaultdict[int, int] = defaultdict(int)
    for sku_id, quantity in lines:
        for stock_id in _chain(sku_id):
            needs[stock_id] += quantity
    return dict(sorted(needs.items()))
