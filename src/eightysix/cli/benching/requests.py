"""Requests ready to be sent: everything but the order's id stands before the measurement starts."""

import msgspec

from eightysix.cli.benching.workload import BRAND, CHANNEL, HOLD_SECONDS, Choice, Load, choices, order_id, poi_id

_LINES = '"lines":[{"sku_id":%d,"line_no":0,"quantity":1},{"sku_id":%d,"line_no":%d,"quantity":1}]}'


class Order(msgspec.Struct, gc=False):
    """One order's two requests; the deduct names its lines no more: it is for the whole order."""

    lock: bytes
    deduct: bytes


class OrderBook:
    """Makes the requests of one load's orders, each with a new order id."""

    def __init__(self, load: Load, host: str, key: str) -> None:
        self._run_no = load.run_no
        self._order_no = 0
        self._choices = choices(load)
        self._lock_start = [_start("lock", store, host, key, _lock_tail(Choice(1, 1, 1))) for store in _stores(load)]
        self._deduct_start = [_start("deduct", store, host, key, _DEDUCT_TAIL) for store in _stores(load)]
        self._tails = {
            (a, b): _lock_tail(Choice(1, a, b))
            for a in range(1, load.items_asked + 1)
            for b in range(a, load.items_asked + 1)
        }

    def next(self) -> Order:
        """The next order."""
        self._order_no += 1
        choice = next(self._choices)
        name = order_id(self._run_no, self._order_no).encode()
        tail = self._tails[choice.sku_a, choice.sku_b]
        return Order(
            b"".join((self._lock_start[choice.store - 1], name, tail)),
            b"".join((self._deduct_start[choice.store - 1], name, _DEDUCT_TAIL)),
        )


def _stores(load: Load) -> range:
    return range(1, load.stores_asked + 1)


def _lock_tail(choice: Choice) -> bytes:
    """What follows the order's id in a lock, padded with a space after one-digit dishes (JSON allows it)."""
    text = f'","channel_code":"{CHANNEL}","expires_in":{HOLD_SECONDS},' + _LINES % (
        choice.sku_a, choice.sku_b, choice.line_b,
    )  # fmt: skip
    return text.ljust(_LOCK_TAIL_WIDTH).encode()


_LOCK_TAIL_WIDTH = len(f'","channel_code":"{CHANNEL}","expires_in":{HOLD_SECONDS},' + _LINES % (999, 999, 1))
_DEDUCT_TAIL = b'"}'


def _start(verb: str, store: int, host: str, key: str, tail: bytes) -> bytes:
    """The request up to the order's id."""
    body = f'{{"brandId":"{BRAND}","poiId":"{poi_id(store)}","order_id":"'
    length = len(body) + len(order_id(0, 0)) + len(tail)
    return (
        f"POST /api/v1/stock/{verb} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    ).encode()
