"""Whether a stock's and an order's log rows are found along their chains."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from .change import LogRow
from .finding import Books, Finding, Rule
from .key import StockKey


def chain_findings(books: Books) -> Iterator[Finding]:
    """Follow each chain upwards. What a row of an earlier program doesn't say is no finding."""
    logs = sorted(books.logs, key=lambda row: row.seq)
    if not logs:
        return
    stocks: dict[StockKey, int] = {}
    orders: dict[str, LogRow] = {}
    for row in logs:
        last = stocks.get(row.key, 0)
        if row.stock_prev is not None and not _leads_on(row.stock_prev, last, logs):
            yield Finding(
                Rule.LOG_CHAIN, books.store, row.key, seq=row.seq, expected=last, found=row.stock_prev, detail="stock"
            )
        stocks[row.key] = row.seq
        if row.order_id is not None:
            if row.order_prev is not None and not _is_last(row.order_prev, orders.get(row.order_id), logs):
                yield _order_finding(books, row.order_id, row, orders.get(row.order_id), row.order_prev)
            orders[row.order_id] = row
    yield from _end_findings(books, orders, logs)


def _end_findings(books: Books, orders: dict[str, LogRow], logs: Sequence[LogRow]) -> Iterator[Finding]:
    """An order's chain starts at its last row."""
    newest: defaultdict[str, int] = defaultdict(int)
    for line in books.reservations:
        if line.log_seq is not None:
            newest[line.order_id] = max(newest[line.order_id], line.log_seq)
    for order_id, found in sorted(newest.items()):
        if not _is_last(found, orders.get(order_id), logs):
            yield _order_finding(books, order_id, logs[-1], orders.get(order_id), found)


def _order_finding(books: Books, order_id: str, row: LogRow, last: LogRow | None, found: int) -> Finding:
    expected = 0 if last is None else last.seq
    return Finding(Rule.LOG_CHAIN, books.store, row.key, order_id, row.seq, expected, found, "order")


def _is_last(found: int, last: LogRow | None, logs: Sequence[LogRow]) -> bool:
    """Whether that is an order's last row; an earlier program wrote rows without stepping on."""
    if last is None:
        return _leads_on(found, 0, logs)
    return last.order_prev is None or found == last.seq


def _leads_on(found: int, last: int, logs: Sequence[LogRow]) -> bool:
    """Whether it is the last row, or, where none is kept, one before the first that is."""
    return found == last if last else found < logs[0].seq
