"""A served API, asked over HTTP as an order service asks it."""

import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

from msgspec import UNSET

from eightysix.cli.calling.http import HttpClient
from eightysix.core.command import ChannelSetting, DeductStock, LockStock, SetStock, Setting, UnlockStock
from eightysix.core.quantity import UNIT
from eightysix.core.stock import Allocation

from .message import Answer, AtHttp, RaceCommand

_PATHS = {LockStock: "lock", DeductStock: "deduct", UnlockStock: "unlock"}


class HttpTeller:
    """Calls one service; 429 and 503 are tried again by the client, as the API asks."""

    def __init__(self, client: HttpClient) -> None:
        self._client = client

    @property
    def faults(self) -> Counter[str]:
        """How often a call was tried again, by cause."""
        return self._client.repeated

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, target: AtHttp) -> AsyncIterator["HttpTeller"]:
        """The teller, its connections closed at the end."""
        client = HttpClient(target.url, target.key, connections=32)
        try:
            yield cls(client)
        finally:
            await client.close()

    async def ask(self, command: RaceCommand) -> Answer:
        if isinstance(command, SetStock):
            return await self._set(command)
        about = type(command).__name__, command.store.poi_id, command.order_id
        path = f"/api/v1/stock/{_PATHS[type(command)]}"
        body: dict[str, Any] = {**_store(command), "order_id": command.order_id}
        if isinstance(command, LockStock):
            body["channel_code"] = command.channel_code
            body["lines"] = [
                {"sku_id": line.sku_id, "line_no": line.line_no, "quantity": (line.quantity or 0) / UNIT}
                for line in command.lines
            ]
            if command.expires_in is not None:
                body["expires_in"] = command.expires_in
        elif isinstance(command, DeductStock):
            body["relock"] = command.relock
        answer = await self._client.call("POST", path, body)
        if not answer.is_ok:
            fault = answer.message if answer.status >= 500 else None
            return Answer(*about, code=answer.code, fault=fault)
        quantity = round(sum(line["quantity"] for line in answer.body["lines"]) * UNIT)
        return Answer(*about, answer.body["state"], replayed=answer.body["replayed"], quantity=quantity)

    async def _set(self, command: SetStock) -> Answer:
        body = {**_store(command), "items": [_setting(each) for each in command.settings]}
        answer = await self._client.call("POST", "/api/v1/poi/stock/update", body)
        refused = not answer.is_ok or any(result["status"] >= 300 for result in answer.body["results"])
        return Answer("SetStock", command.store.poi_id, "", "DONE", fault=str(answer.body) if refused else None)


def _store(command: RaceCommand) -> dict[str, Any]:
    return {"brandId": command.store.brand_id, "poiId": command.store.poi_id}


def _setting(setting: Setting) -> dict[str, Any]:
    assert isinstance(setting.plan, int)
    assert isinstance(setting.real, int)
    return {
        "object_type": setting.key.object_type,
        "object_id": setting.key.object_id,
        "stock_type": setting.type,
        "plan_quantity": setting.plan / UNIT,
        "real_quantity": setting.real / UNIT,
        "allocation": "none" if setting.allocation is UNSET else Allocation(setting.allocation).name.lower(),
        "channel_stocks": [_channel(each) for each in setting.channels],
    }


def _channel(setting: ChannelSetting) -> dict[str, Any]:
    body: dict[str, Any] = {"channel_code": setting.channel_code}
    if isinstance(setting.limit, int):
        body["limit_quantity"] = setting.limit / UNIT
    if setting.guarantee is not UNSET:
        body["guarantee_quantity"] = setting.guarantee / UNIT
    if setting.weight is not UNSET:
        body["weight"] = setting.weight
    return body
