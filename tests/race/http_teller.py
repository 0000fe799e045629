"""A served API, asked over HTTP as an order service asks it."""

import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from decimal import Decimal

from msgspec import UNSET

from eightysix.client import AsyncClient, Attempt, ClientError, Refused
from eightysix.core.command import ChannelSetting, DeductStock, LockStock, SetStock, Setting, UnlockStock
from eightysix.core.quantity import UNIT
from eightysix.core.stock import Allocation
from eightysix.wire.answer import OrderAnswer
from eightysix.wire.order import LockLine
from eightysix.wire.stock import ChannelStockBody, SettingBody

from .message import Answer, AtHttp, RaceCommand


class HttpTeller:
    """Calls one service; what is safe is tried again by the client, as the API asks."""

    def __init__(self) -> None:
        self._client: AsyncClient
        self.faults: Counter[str] = Counter()
        """How often a call was tried again, by cause."""

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, target: AtHttp) -> AsyncIterator["HttpTeller"]:
        """The teller, its connections closed at the end."""
        teller = cls()
        async with AsyncClient(target.url, target.key, connections=32, observe=teller._hear) as teller._client:
            yield teller

    def _hear(self, attempt: Attempt) -> None:
        if attempt.again and attempt.trouble is not None:
            self.faults[attempt.trouble.value] += 1

    async def ask(self, command: RaceCommand) -> Answer:
        if isinstance(command, SetStock):
            return await self._set(command)
        about = type(command).__name__, command.store.poi_id, command.order_id
        try:
            done = await self._verb(command)
        except Refused as refused:
            return Answer(*about, code=refused.code)
        except ClientError as fault:
            return Answer(*about, fault=str(fault))
        quantity = int(sum(line.quantity for line in done.lines) * UNIT)
        return Answer(*about, done.state, replayed=done.replayed, quantity=quantity)

    async def _verb(self, command: LockStock | DeductStock | UnlockStock) -> OrderAnswer:
        order = (command.store.brand_id, command.store.poi_id), command.order_id
        if isinstance(command, LockStock):
            lines = [LockLine(line.sku_id, Decimal(line.quantity or 0) / UNIT, line.line_no) for line in command.lines]
            return await self._client.lock(*order, command.channel_code, lines, expires_in=command.expires_in)
        if isinstance(command, DeductStock):
            return await self._client.deduct(*order, relock=command.relock)
        return await self._client.unlock(*order)

    async def _set(self, command: SetStock) -> Answer:
        settings = [_setting(each) for each in command.settings]
        try:
            for result in await self._client.update(command.store.brand_id, settings, [command.store.poi_id]):
                result.get()
        except ClientError as fault:
            return Answer("SetStock", command.store.poi_id, "", "DONE", fault=str(fault))
        return Answer("SetStock", command.store.poi_id, "", "DONE")


def _setting(setting: Setting) -> SettingBody:
    assert isinstance(setting.plan, int)
    assert isinstance(setting.real, int)
    return SettingBody(
        setting.key.object_id,
        setting.key.object_type,
        stock_type=setting.type,
        plan_quantity=Decimal(setting.plan) / UNIT,
        real_quantity=Decimal(setting.real) / UNIT,
        allocation="none" if setting.allocation is UNSET else _ALLOCATIONS[Allocation(setting.allocation)],
        channel_stocks=[_channel(each) for each in setting.channels],
    )


_ALLOCATIONS = {Allocation.NONE: "none", Allocation.GUARANTEE: "guarantee", Allocation.LIMIT: "limit"}


def _channel(setting: ChannelSetting) -> ChannelStockBody:
    body = ChannelStockBody(setting.channel_code, weight=setting.weight)
    if isinstance(setting.limit, int):
        body.limit_quantity = Decimal(setting.limit) / UNIT
    if isinstance(setting.guarantee, int):
        body.guarantee_quantity = Decimal(setting.guarantee) / UNIT
    return body
