"""What a store's POS tells."""

from eightysix.api.auth import Action
from eightysix.api.body import MAX_IMPORT_BYTES
from eightysix.api.endpoint import Endpoint, JsonBody
from eightysix.api.pos import Pos
from eightysix.wire.pos_report import ReportBody, StockReportAnswer
from eightysix.wire.replay import RawReplayBody, ReplayAnswer, ReplayBody


def pos_calls(pos: Pos) -> list[Endpoint]:
    return [
        Endpoint(
            method="POST",
            path="/api/v1/poi/stock/sync-from-pos",
            summary=("A POS reports a stock, based on the row it last saw", "POS 上报库存（基于其最后看到的版本）"),
            action=Action.TELL,
            run=pos.report,
            body=JsonBody(ReportBody),
            answers={200: (StockReportAnswer,)},
            refusals=(409,),
        ),
        Endpoint(
            method="POST",
            path="/api/v1/poi/stock/replay",
            summary=("What happened in a store while it was cut off, in order", "补报门店离线期间的事件（按顺序）"),
            action=Action.TELL,
            run=pos.replay,
            body=JsonBody(ReplayBody, RawReplayBody),
            most_bytes=MAX_IMPORT_BYTES,
            answers={200: (ReplayAnswer,)},
            refusals=(409,),
        ),
    ]
