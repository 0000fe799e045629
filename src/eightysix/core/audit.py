"""Whether one store's books keep every promise. Pure: `eightysix check` hands in what it read in one snapshot."""

from collections import defaultdict
from collections.abc import Iterator

from .audit_books import books_findings
from .audit_chain import chain_findings
from .audit_hub import hub_findings
from .audit_journal import journal_findings
from .audit_log import log_findings, outbox_findings
from .audit_timer import restore_findings, timer_findings
from .catalogue import Catalogue
from .draft import turned
from .finding import Books, Finding, Rule
from .key import StockKey
from .reservation import Reservation, State, locked_by
from .stock import ChannelStock, Stock

PAID = (State.DEDUCTED, State.RETURNED)


def findings(books: Books, catalogue: Catalogue | None = None) -> list[Finding]:
    """Every broken promise, stocks first; empty when all is well. Only the catalogue tells what a rule makes due."""
    return [
        *_stock_findings(books),
        *_channel_findings(books, catalogue),
        *_order_findings(books),
        *log_findings(books),
        *chain_findings(books),
        *outbox_findings(books),
        *restore_findings(books),
        *timer_findings(books, catalogue),
        *journal_findings(books),
        *hub_findings(books),
        *books_findings(books),
    ]


def _stock_findings(books: Books) -> Iterator[Finding]:
    held = locked_by(books.reservations)
    incidents: defaultdict[StockKey, int] = defaultdict(int)
    for incident in books.incidents:
        if incident.is_open:
            incidents[incident.key] += incident.oversold
    known = {stock.key: stock for stock in books.stocks}
    for key in held.keys() - known.keys():
        known[key] = Stock(key)
    for key, stock in sorted(known.items()):
        if stock.locked != held[key]:
            yield Finding(Rule.LOCKED_SUM, books.store, key, expected=held[key], found=stock.locked)
        yield from _counter_findings(books, stock)
        if stock.oversold > incidents[key]:
            yield Finding(Rule.OVERSOLD_INCIDENTS, books.store, key, expected=incidents[key], found=stock.oversold)


def _counter_findings(books: Books, stock: Stock) -> Iterator[Finding]:
    for column in ("locked", "grant", "oversold", "plan"):
        if getattr(stock, column) < 0:
            yield Finding(Rule.NEGATIVE, books.store, stock.key, found=getattr(stock, column), detail=column)
    if stock.real < -stock.oversold:
        yield Finding(Rule.NEGATIVE, books.store, stock.key, found=stock.real, detail="real")
    there, promised = stock.real + stock.oversold, stock.locked + stock.grant
    if stock.is_limited and there < promised:
        yield Finding(Rule.PROMISED, books.store, stock.key, expected=there, found=promised)
    if turned(stock) is not stock:
        yield Finding(Rule.TURN, books.store, stock.key, expected=turned(stock).status, found=stock.status)


def _is_told(books: Books, catalogue: Catalogue | None, channel_code: str) -> bool:
    """Whether these are a hub's books, and what the channel has used is what the cloud says."""
    if books.books is None:
        return False
    channel = None if catalogue is None else catalogue.channel(books.store.brand_id, channel_code)
    return channel is None or not channel.in_store


def _channel_findings(books: Books, catalogue: Catalogue | None) -> Iterator[Finding]:
    capped: defaultdict[tuple[StockKey, str], list[ChannelStock]] = defaultdict(list)
    for row in books.channels:
        if row.used < 0 or row.guarantee < 0:
            detail = f"used/guarantee {row.channel_code}"
            yield Finding(Rule.NEGATIVE, books.store, row.key, found=min(row.used, row.guarantee), detail=detail)
        if row.counts and not _is_told(books, catalogue, row.channel_code):
            capped[row.key, row.channel_code].append(row)
    taken: defaultdict[tuple[StockKey, str], int] = defaultdict(int)
    for reservation in books.reservations:
        for take in reservation.takes:
            for row in capped.get((take.key, reservation.channel_code), ()):
                if reservation.locked_at >= row.period_at:
                    taken[row.key, row.channel_code] += take.amount(reservation.kept)
    for (key, code), (row, *_) in capped.items():
        if row.used != taken[key, code]:
            yield Finding(Rule.CHANNEL_USED, books.store, key, expected=taken[key, code], found=row.used, detail=code)


def _order_findings(books: Books) -> Iterator[Finding]:
    expiry: defaultdict[str, set[int]] = defaultdict(set)
    at_hubs: defaultdict[str, set[int]] = defaultdict(set)
    for reservation in books.reservations:
        if reservation.state is State.LOCKED:
            dies_at = expiry if reservation.hub_id is None else at_hubs
            dies_at[reservation.order_id].add(reservation.expires_at)
        yield from _reservation_findings(books, reservation)
    due: defaultdict[str, set[int]] = defaultdict(set)
    for row in books.due:
        due[row.order_id].add(row.due_at)
    for order_id, dies in sorted([*expiry.items(), *at_hubs.items()]):
        if len(dies) > 1:
            yield Finding(Rule.EXPIRY_APART, books.store, order_id=order_id, expected=max(dies), found=min(dies))
    for order_id, dies in sorted(expiry.items()):
        if due[order_id] != {max(dies)}:
            found = min(due[order_id], default=None)
            yield Finding(Rule.DUE_MISSING, books.store, order_id=order_id, expected=max(dies), found=found)
    for order_id in sorted(due.keys() - expiry.keys()):
        yield Finding(Rule.DUE_IDLE, books.store, order_id=order_id, found=min(due[order_id]))
    for order_id in sorted({fact.order_id for fact in books.facts} & (expiry.keys() | at_hubs.keys())):
        yield Finding(Rule.CLOSED_HOLDS, books.store, order_id=order_id)


def _reservation_findings(books: Books, reservation: Reservation) -> Iterator[Finding]:
    each = reservation
    detail = f"{each.sku_id}/{each.line_no}"
    paid = each.state in PAID
    if not 0 <= each.restocked <= each.returned <= each.quantity or (each.returned and not paid):
        yield Finding(
            Rule.RESERVATION_QUANTITY,
            books.store,
            order_id=each.order_id,
            expected=each.quantity if paid else 0,
            found=each.returned,
            detail=detail,
        )
    elif each.state is State.RETURNED and each.returned != each.quantity:
        yield Finding(
            Rule.RESERVATION_STATE,
            books.store,
            order_id=each.order_id,
            expected=each.quantity,
            found=each.returned,
            detail=detail,
        )
