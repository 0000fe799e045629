"""The order's verbs."""

from eightysix.api.auth import Action
from eightysix.api.endpoint import Endpoint, JsonBody
from eightysix.api.orders import VERBS
from eightysix.wire.answer import BatchAnswer, OrderAnswer
from eightysix.wire.order import BatchBody

_VERB_SUMMARIES = {
    "lock": ("Hold portions for an order", "锁定库存"),
    "deduct": ("The order is paid", "支付扣减"),
    "unlock": ("The order is cancelled before payment", "取消解锁"),
    "return": ("Paid portions come back", "退回"),
    "amend": ("New quantities for live lines, or more time", "修改数量或延长锁定"),
}


def orders_calls() -> list[Endpoint]:
    verbs = [
        Endpoint(
            method="POST",
            path=f"/api/v1/stock/{name}",
            summary=_VERB_SUMMARIES[name],
            action=Action.ORDER,
            run=name,
            body=JsonBody(body),
            answers={200: (OrderAnswer,)},
            refusals=(409,),
        )
        for name, body in VERBS.items()
    ]
    batch = Endpoint(
        method="POST",
        path="/api/v1/stock/batch",
        summary=("Up to 1,000 verbs, each decided on its own", "批量操作，逐个判定"),
        action=Action.ORDER,
        run="batch",
        body=JsonBody(BatchBody),
        answers={200: (BatchAnswer,)},
    )
    return [*verbs, batch]
