"""What differs, and its repair."""

from eightysix.api.auth import Action
from eightysix.api.endpoint import Endpoint, JsonBody
from eightysix.api.reconciliation import Reconciliation
from eightysix.wire.reconciliation import ReconcileAnswer, ReconcileBody


def reconciliation_calls(reconciliation: Reconciliation) -> list[Endpoint]:
    return [
        Endpoint(
            method="POST",
            path="/api/v1/poi/stock/reconcile",
            summary=("What differs between a device, the stocks and the orders; repair", "核对门店库存差异并修复"),
            action=Action.SET_STOCK,
            run=reconciliation.reconcile,
            body=JsonBody(ReconcileBody),
            answers={200: (ReconcileAnswer,)},
        ),
    ]
