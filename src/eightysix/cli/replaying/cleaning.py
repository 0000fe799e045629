"""A table of text becomes orders: parsed, repaired, counted. Pure; the account says what became of every row."""

from collections import Counter, defaultdict
from decimal import Decimal, InvalidOperation
from typing import NamedTuple

from eightysix.core.quantity import QuantityError, thousandths

from .account import Account, Rejection, Remark, Repair
from .columns import Columns
from .menu import NameBook, name_key, squeezed
from .moments import ClockChange, DateOrder, Moment, date_order, parse_moment
from .table import Row, TextTable

_ID_LENGTH = 64
_QUANTITY_REJECTIONS = {
    "not_finite": Rejection.BAD_QUANTITY,
    "negative": Rejection.NOT_POSITIVE,
    "too_fine": Rejection.TOO_FINE,
    "too_large": Rejection.TOO_LARGE,
}
_CLOCK_REPAIRS = {ClockChange.GAP: Repair.CLOCK_GAP, ClockChange.DOUBLED: Repair.CLOCK_DOUBLED}


class CleanLine(NamedTuple):
    """One line of an order, its name as written. `line_no` tells lines of one dish apart; `quantity` in thousandths."""

    name: str
    quantity: int
    line_no: int
    row: int
    """The file's line it came from."""


class CleanOrder(NamedTuple):
    """One order of one store, placed `at` (milliseconds)."""

    order_id: str
    at: int
    lines: tuple[CleanLine, ...]


class CleanHistory(NamedTuple):
    """A file's orders in order of time, and the account of its rows."""

    orders: tuple[CleanOrder, ...]
    account: Account
    dates: DateOrder


class Cleaning(NamedTuple):
    """How to read a history."""

    zone: str
    dates: DateOrder | None = None
    """None: found out from the dates themselves."""
    keep_duplicates: bool = False
    """Whether an exact repetition of a row is a line of its own instead of a duplicate."""


class _Parsed(NamedTuple):
    line: int
    order_id: str
    moment: Moment
    name: str
    quantity: int
    stated_lines: str
    is_again: bool = False


def clean(table: TextTable, columns: Columns, names: NameBook, how: Cleaning) -> CleanHistory:
    """Parse, repair and group the rows of one file. `names` learns every spelling of the rows that are sent."""
    account = Account(rows_read=len(table.rows))
    proved = True
    dates = how.dates
    if dates is None:
        dates, proved = date_order(row.cells[columns.date] for row in table.rows if len(row.cells) > columns.date)
    seen: set[tuple[str, ...]] = set()
    grouped: defaultdict[str, list[_Parsed]] = defaultdict(list)
    readable = _Dates(dates, how.zone)
    for row in table.rows:
        parsed = _parse(row, columns, readable)
        if isinstance(parsed, Rejection):
            account.reject(parsed, row.line)
            continue
        if row.cells in seen:
            parsed = parsed._replace(is_again=True)
        seen.add(row.cells)
        grouped[parsed.order_id].append(parsed)
    orders = [_order(order_id, rows, account, how, names) for order_id, rows in grouped.items()]
    if not proved and orders:
        account.remarks[Remark.DATES_UNPROVED] += 1
    orders.sort(key=lambda order: (order.at, order.order_id))
    return CleanHistory(tuple(orders), account, dates)


def count_name_repairs(history: CleanHistory, names: NameBook) -> None:
    """Once every file has been read: count the lines that go under another spelling than their own."""
    for order in history.orders:
        for line in order.lines:
            settled = names.settled(line.name)
            if squeezed(line.name) != line.name:
                history.account.repair(Repair.NAME_SPACE, line.row)
            if squeezed(line.name) != settled:
                history.account.repair(Repair.NAME_CASE, line.row)


def _parse(row: Row, columns: Columns, how: "_Dates") -> _Parsed | Rejection:
    cells = row.cells
    if not any(cell.strip() for cell in cells):
        return Rejection.BLANK
    if len(cells) <= max(columns.order, columns.date, columns.item, columns.quantity):
        return Rejection.SHORT
    order_id = cells[columns.order].strip()
    if not order_id:
        return Rejection.NO_ORDER
    if len(order_id) > _ID_LENGTH or not order_id.isprintable():
        return Rejection.BAD_ORDER
    if not cells[columns.item].strip():
        return Rejection.NO_ITEM
    moment = how.moment(cells[columns.date])
    if moment is None:
        return Rejection.BAD_DATE
    quantity = parse_quantity(cells[columns.quantity])
    if isinstance(quantity, Rejection):
        return quantity
    stated = cells[columns.lines].strip() if columns.lines is not None and len(cells) > columns.lines else ""
    return _Parsed(row.line, order_id, moment, cells[columns.item], quantity, stated)


def parse_quantity(text: str) -> int | Rejection:
    """Thousandths of "2", "1.5", "1,5", "x3" or "3x"; more than zero."""
    plain = text.strip().lower().strip("x×").strip()
    if plain.count(",") == 1 and "." not in plain:
        plain = plain.replace(",", ".")
    try:
        quantity = thousandths(Decimal(plain))
    except InvalidOperation:
        return Rejection.BAD_QUANTITY
    except QuantityError as fault:
        return _QUANTITY_REJECTIONS[fault.reason]
    return quantity or Rejection.NOT_POSITIVE


class _Dates:
    """One file's dates; a history has few distinct ones, so each is read once."""

    def __init__(self, order: DateOrder, zone: str) -> None:
        self._order, self._zone = order, zone
        self._known: dict[str, Moment | None] = {}

    def moment(self, text: str) -> Moment | None:
        if text not in self._known:
            self._known[text] = parse_moment(text, self._order, self._zone)
        return self._known[text]


def _order(order_id: str, rows: list[_Parsed], account: Account, how: Cleaning, names: NameBook) -> CleanOrder:
    """One order of its rows, in the file's order: duplicates dropped, lines of one dish numbered, the earliest date."""
    kept = rows if how.keep_duplicates else [row for row in rows if not row.is_again]
    for row in rows:
        if row.is_again and not how.keep_duplicates:
            account.duplicate(row.line)
    at = min(row.moment.at for row in kept)
    lines: list[CleanLine] = []
    uses: Counter[str] = Counter()
    for row in kept:
        key = name_key(row.name)
        lines.append(CleanLine(row.name, row.quantity, uses[key], row.line))
        names.see(row.name)
        if uses[key]:
            account.repair(Repair.REPEATED_ITEM, row.line)
        uses[key] += 1
        if row.moment.at != at:
            account.repair(Repair.OTHER_DATE, row.line)
        if row.moment.change is not None:
            account.repair(_CLOCK_REPAIRS[row.moment.change], row.line)
    account.rows_kept += len(kept)
    _remark_on_lines(rows, len(kept), account)
    return CleanOrder(order_id, at, tuple(lines))


def _remark_on_lines(rows: list[_Parsed], kept: int, account: Account) -> None:
    """An order that says how many lines it has: does it agree with the rows that are left, or with those that came?"""
    stated = rows[0].stated_lines
    if not stated.isdigit() or int(stated) == kept:
        return
    counts_duplicates = int(stated) == len(rows)
    account.remarks[Remark.LINES_COUNT_DUPLICATES if counts_duplicates else Remark.LINES_DIFFER] += 1
