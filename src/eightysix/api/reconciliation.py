"""Comparing what there is with what a device has, and with what the orders say."""

from eightysix.catalog.catalog import Catalog
from eightysix.core.command import ReconcileStock
from eightysix.core.outcome import Refused, StockReconciled
from eightysix.storage.device import Devices
from eightysix.wire.answer import refused_answer
from eightysix.wire.problem import STATUS
from eightysix.wire.reconciliation import COUNTERS, ReconcileBody, reconcile_answer

from .bulk import Submit
from .endpoint import Call
from .reply import Reply, json_reply
from .scope import store_named


class Reconciliation:
    """Answers the call about differences."""

    def __init__(self, submit: Submit, devices: Devices, catalog: Catalog) -> None:
        self._submit = submit
        self._devices = devices
        self._catalog = catalog

    async def reconcile(self, call: Call) -> Reply:
        """POST what a device has."""
        body: ReconcileBody = call.body
        store_named(call.caller, self._catalog.current, body.brand_id, body.poi_id)
        command = body.command(call.caller.actor)
        outcome = await self._submit(command, background=True)
        if isinstance(outcome, StockReconciled):
            if command.device_id is not None and command.rows is not None:
                drift = sum(each.cause not in COUNTERS for each in outcome.drifts)
                await self._devices.reconciled(command.store, command.device_id, drift, outcome.at)
            return json_reply(reconcile_answer(outcome))
        if isinstance(outcome, Refused):
            return json_reply(refused_answer(outcome, call.language), STATUS[outcome.code])
        raise TypeError(f"{ReconcileStock.__name__} came to {type(outcome).__name__}")
