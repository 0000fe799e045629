"""Who changed what: stocks, configuration."""

from eightysix.api.auth import Action
from eightysix.api.change_log import Log
from eightysix.api.endpoint import Endpoint, JsonBody
from eightysix.api.keys import Audit
from eightysix.wire.administration import (
    AuditLine,
    AuditQuery,
    Page,
)
from eightysix.wire.change_log import LogAnswer, LogBody, LogExportQuery


def log_calls(log: Log) -> list[Endpoint]:
    path = "/api/v1/poi/stock/log"
    return [
        Endpoint(
            method="POST",
            path=path,
            summary=("Who changed what of a store's stocks, newest first", "查询门店库存变更记录（从新到旧）"),
            action=Action.READ_LOG,
            run=log.page,
            body=JsonBody(LogBody),
            answers={200: (LogAnswer,)},
        ),
        Endpoint(
            method="GET",
            path=f"{path}/export",
            summary=(
                "The same as CSV; X-Cursor, where it comes, leads to the next part",
                "导出变更记录为 CSV；如有 X-Cursor，则用它取下一部分",
            ),
            action=Action.READ_LOG,
            run=log.export,
            query=LogExportQuery,
            answers={200: (str,)},
            answer_type="text/csv",
        ),
    ]


def audit_calls(audit: Audit) -> list[Endpoint]:
    return [
        Endpoint(
            method="GET",
            path="/api/v1/audit",
            summary=("Who changed what of the configuration, newest first", "查询配置变更记录（最新在前）"),
            action=Action.READ_AUDIT,
            run=audit.lines,
            query=AuditQuery,
            answers={200: (Page[AuditLine],)},
        ),
    ]
