"""Who changed what of a store's stocks: pages as JSON, and as CSV.

A CSV answer is bounded like a page and says in `X-Cursor` where the next one goes on. It isn't one long stream: a store
may have millions of rows, and a stream of them would hold up a stop of the service and end without a status when the
database goes away in the middle. Parts put behind each other are one file, for only the first has the header.
"""

import asyncio

from eightysix.catalog.catalog import Catalog
from eightysix.core.change import LogRow
from eightysix.core.key import StoreKey
from eightysix.core.log_query import LogQuery, LogSpan
from eightysix.storage.change_log import ChangeLog
from eightysix.wire import change_log_csv
from eightysix.wire.change_log import (
    LogAnswer,
    LogBody,
    LogExportQuery,
    log_row_answer,
    read_cursor,
    write_cursor,
)

from .endpoint import Call
from .reply import Reply, json_reply
from .scope import store_named
from .stock_file import BYTE_ORDER_MARK, CURSOR_HEADER

_PART = 500
"""Rows read and written before others get a turn on the event loop."""

_READS_MOST = 100
"""Reads for one CSV answer, which may find little with a rare filter."""

CSV_HEADERS = [
    (b"content-type", b"text/csv"),  # the framework adds the encoding
    (b"content-disposition", b'attachment; filename="stock-log.csv"'),
]


class Log:
    """Answers the calls about the change log."""

    def __init__(self, log: ChangeLog, catalog: Catalog) -> None:
        self._log = log
        self._catalog = catalog

    async def page(self, call: Call) -> Reply:
        """POST a question; one page of rows, newest first."""
        body: LogBody = call.body
        store = store_named(call.caller, self._catalog.current, body.brand_id, body.poi_id)
        query, most = body.query(), body.most()
        page = await self._log.page(store, query, _span(body.cursor, store, query), most)
        cursor = None if page.rest is None else write_cursor(store, query, page.rest)
        return json_reply(LogAnswer([log_row_answer(row) for row in page.rows], cursor))

    async def export(self, call: Call) -> Reply:
        """GET up to `limit` rows as CSV."""
        asked: LogExportQuery = call.query
        store = store_named(call.caller, self._catalog.current, asked.brand_id, asked.poi_id)
        query, most = asked.query(), asked.most()
        rest = _span(asked.cursor, store, query)
        parts = [] if asked.cursor else [BYTE_ORDER_MARK * asked.excel, change_log_csv.header().encode()]
        for _ in range(_READS_MOST):
            page = await self._log.page(store, query, rest, min(most, _PART))
            parts.append(_lines(page.rows))
            most -= len(page.rows)
            rest = page.rest
            if rest is None or most == 0:
                break
            await asyncio.sleep(0)
        headers = [*CSV_HEADERS]
        if rest is not None:
            headers.append((CURSOR_HEADER, write_cursor(store, query, rest).encode()))
        return Reply(200, b"".join(parts), headers)


def _span(cursor: str | None, store: StoreKey, query: LogQuery) -> LogSpan | None:
    return None if cursor is None else read_cursor(cursor, store, query)


def _lines(rows: list[LogRow]) -> bytes:
    return change_log_csv.lines(map(log_row_answer, rows)).encode()
