"""What the back office and the people in a store set: stocks of one store or many, and the 86."""

from collections.abc import Callable
from typing import Annotated, Any, TypeVar

import msgspec

from eightysix.catalog.catalog import Catalog
from eightysix.core.admission import admit_setting
from eightysix.core.catalogue import category_of, tags_of
from eightysix.core.command import SetStock
from eightysix.core.key import ObjectType, StockKey, StoreKey
from eightysix.core.outcome import Code, Refused, StockRow, StocksSet
from eightysix.wire.answer import either, refused_answer, rejection_answer
from eightysix.wire.eighty_six import EightySixBody
from eightysix.wire.language import Language
from eightysix.wire.problem import STATUS, Problem, Rejection
from eightysix.wire.stock import (
    MAX_RESULTS,
    SettingPlan,
    UpdateManyBody,
    UpdateOneBody,
    stock_set_answer,
    stores_named,
)

from .auth import Doorkeeper
from .bulk import Result, Submit, set_in_each, set_in_one
from .endpoint import Call, Sent
from .reply import Reply, json_reply
from .scope import brand_named, store_named, stores_reached

_SETTINGS = 500
"""Settings in one command of an 86, so that no store's orders wait for long."""


class SettingResult(msgspec.Struct, frozen=True):
    """The status and body that the setting would have had as a call of its own."""

    status: int
    body: Annotated[Any, either("StockSetAnswer", "ErrorAnswer")]


class UpdateAnswer(msgspec.Struct, frozen=True):
    """Results in the order of the items."""

    results: list[SettingResult]


class StoreResult(msgspec.Struct, frozen=True):
    """What one item in one store came to, with the status and body that it would have had as a call of its own."""

    poi_id: str = msgspec.field(name="poiId")
    object_type: int
    object_id: int
    status: int
    body: Annotated[Any, either("StockSetAnswer", "ErrorAnswer")]


class StoresAnswer(msgspec.Struct, frozen=True):
    """Results store by store, in the order in which the stores were named (of all: by poiId), each item by item."""

    results: list[StoreResult]


class StockSetting:
    """Answers the calls that set stock."""

    def __init__(self, submit: Submit, catalog: Catalog, doorkeeper: Doorkeeper) -> None:
        self._submit = submit
        self._catalog = catalog
        self._doorkeeper = doorkeeper

    async def update(self, call: Call) -> Reply:
        """POST settings of stocks. What names one store by `poiId` is answered as one store's."""
        sent: Sent[UpdateOneBody | UpdateManyBody] = call.body
        body = sent.body
        named, plan = self._read(call, body, body.plan)
        if body.poi_id is None:
            return json_reply(await self._in_stores(call, body.brand_id, named, plan))
        store = store_named(call.caller, self._catalog.current, body.brand_id, body.poi_id)
        outcome = await self._submit(plan.command(store, call.caller.actor))
        if isinstance(outcome, StocksSet):
            results = [SettingResult(*_told(result, call.language)) for result in outcome.results]
            if sent.is_many:
                return json_reply(UpdateAnswer(results))
        elif isinstance(outcome, Refused):  # a request_id of another body; the store was taken away meanwhile
            results = [SettingResult(*_told(outcome, call.language))]
        else:
            raise TypeError(f"{SetStock.__name__} came to {type(outcome).__name__}")
        return json_reply(results[0].body, results[0].status)

    async def eighty_six(self, call: Call) -> Reply:
        """POST an 86, or its end."""
        body: EightySixBody = call.body

        def read() -> list[StockKey] | None:
            keys = body.keys_named()
            body.plan([])  # refuses what is wrong besides
            return keys

        named, keys = self._read(call, body, read)
        brand_named(call.caller, self._catalog.current, body.brand_id)
        if body.poi_id is not None:
            store_named(call.caller, self._catalog.current, body.brand_id, body.poi_id)
        plan = body.plan(self._selected(body) if keys is None else keys)
        return json_reply(await self._in_stores(call, body.brand_id, named, plan))

    def _read(
        self, call: Call, body: "UpdateOneBody | UpdateManyBody | EightySixBody", read: "Callable[[], _T]"
    ) -> "tuple[list[str] | None, _T]":
        """The stores that are named and what `read` makes of the body. What doesn't exist (404) is told before what is
        wrong (422)."""
        try:
            return stores_named(body), read()
        except Rejection as rejection:
            if STATUS[rejection.code] != 400:
                brand_named(call.caller, self._catalog.current, body.brand_id)
                if body.poi_id is not None:
                    store_named(call.caller, self._catalog.current, body.brand_id, body.poi_id)
                if isinstance(body, UpdateOneBody):
                    self._prefer_absence(body)
            raise

    def _prefer_absence(self, body: UpdateOneBody) -> None:
        refusal = admit_setting(body.brand_id, body.named(), self._catalog.current)
        if refusal is not None and STATUS[refusal.code] == 404:
            raise Rejection(refusal.code, refusal.field) from None

    def _selected(self, body: EightySixBody) -> list[StockKey]:
        """The SKUs of the category, or with the tag."""
        catalogue = self._catalog.current
        skus = [item for item in catalogue.items(body.brand_id) if item.object_type == ObjectType.SKU]
        if body.category is not None:
            keys = [sku.key for sku in skus if category_of(sku, catalogue) == body.category]
        else:
            keys = [sku.key for sku in skus if body.tag in tags_of(sku, catalogue)]
        if not keys:
            raise Rejection(Code.ITEM_NOT_FOUND, "tag" if body.category is None else "category")
        return sorted(keys)

    async def _in_stores(self, call: Call, brand_id: str, named: list[str] | None, plan: SettingPlan) -> StoresAnswer:
        caller = call.caller
        reached = stores_reached(caller, self._catalog.current, brand_id, named)
        if named is not None and len(reached) < len(named) and await self._catalog.look_again():
            reached = stores_reached(caller, self._catalog.current, brand_id, named)
        if named is None and not reached:
            raise Rejection(Code.STORE_NOT_FOUND, "all")
        field = "all" if named is None else "poiIds"
        if len(named or reached) * len(plan.settings) > MAX_RESULTS:
            raise Rejection(Problem.TOO_MANY, field, most=MAX_RESULTS)
        self._doorkeeper.count_stores(caller, len(named or reached), field)
        commands = [
            plan.part(start, _SETTINGS).command(StoreKey.of(brand_id, poi_id), caller.actor)
            for poi_id in reached
            for start in plan.parts(_SETTINGS)
        ]
        if named is not None and len(commands) == 1 == len(named):
            done = [await set_in_one(self._submit, commands[0], background=False)]
        else:
            done = await set_in_each(self._submit, commands)
        found: dict[str, list[Result]] = {poi_id: [] for poi_id in reached}
        for command, results in zip(commands, done, strict=True):
            found[command.store.poi_id] += results
        absent: list[Result] = [Rejection(Code.STORE_NOT_FOUND, "poiIds")] * len(plan.settings)
        return StoresAnswer(
            [
                StoreResult(poi_id, *setting.key, *_told(result, call.language))
                for poi_id in named or reached
                for setting, result in zip(plan.settings, found.get(poi_id, absent), strict=True)
            ]
        )


_T = TypeVar("_T")


def _told(result: Result, language: Language) -> tuple[int, Any]:
    """Status and body."""
    if isinstance(result, StockRow):
        return 200, stock_set_answer(result)
    if isinstance(result, Rejection):
        return STATUS[result.code], rejection_answer(result, language)
    return STATUS[result.code], refused_answer(result, language)
