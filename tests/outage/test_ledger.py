"""The ledger finds what it is there to find: rows that are right, and each thing that can be wrong with them."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.outage.guest import At
from tests.outage.ledger import DEDUCTED, LOCKED, Ledger, Row, Rows

SOUP, RICE = 1, 2


def books() -> tuple[Ledger, Rows, Rows]:
    """Ten soups and ten rices; two soups paid at the hub, one rice locked there, three rices paid and one locked
    online. The hub holds four of each."""
    ledger = Ledger("store", {SOUP: 10, RICE: 10})
    ledger.locked("a", At.HUB, {SOUP: 2})
    ledger.became("a", DEDUCTED)
    ledger.locked("b", At.HUB, {RICE: 1})
    ledger.locked("c", At.ONLINE, {RICE: 3})
    ledger.became("c", DEDUCTED)
    ledger.locked("d", At.ONLINE, {RICE: 1})
    at_hub = {"a": {SOUP: (2, DEDUCTED)}, "b": {RICE: (1, LOCKED)}}
    online = {"c": {RICE: (3, DEDUCTED)}, "d": {RICE: (1, LOCKED)}}
    cloud = Rows({SOUP: Row(8, 0, 4), RICE: Row(7, 1, 4)}, at_hub | online)
    hub = Rows({SOUP: Row(8, 0, 4), RICE: Row(7, 1, 3)}, dict(at_hub))
    return ledger, cloud, hub


def test_what_adds_up_is_let_pass() -> None:
    ledger, cloud, hub = books()
    assert ledger.complaints(cloud, hub) == []


def _stock(side: str, sku: int, **changed: int) -> Callable[[Ledger, Rows, Rows], None]:
    def change(ledger: Ledger, cloud: Rows, hub: Rows) -> None:
        rows = cloud if side == "cloud" else hub
        rows.stocks[sku] = replace(rows.stocks[sku], **changed)

    return change


@pytest.mark.parametrize(
    ("break_it", "complaint"),
    [
        pytest.param(_stock("cloud", SOUP, real=6), "cloud has 6, 2 are sold", id="an event counted twice"),
        pytest.param(_stock("cloud", SOUP, real=10), "cloud has 10, 2 are sold", id="an event lost"),
        pytest.param(_stock("hub", RICE, real=10, grant=6), "hub has 10, 3 are sold", id="a row not heard of"),
        pytest.param(_stock("cloud", RICE, locked=2), "cloud has locked 2", id="a hub's lock counted in the cloud"),
        pytest.param(_stock("cloud", SOUP, grant=3), "counts 3 as the hub's", id="a grant freed too soon"),
        pytest.param(_stock("hub", SOUP, oversold=1), "hub has oversold 1", id="oversold"),
        pytest.param(lambda _l, cloud, _h: cloud.orders.pop("a"), "a: acknowledged", id="an order not told"),
        pytest.param(lambda _l, _c, hub: hub.orders.pop("b"), "b: acknowledged", id="an order gone at the hub"),
        pytest.param(
            lambda _l, cloud, _h: cloud.orders.update(a={SOUP: (2, LOCKED)}), "a: acknowledged", id="a payment not told"
        ),
        pytest.param(
            lambda _l, cloud, _h: cloud.orders.update(x={SOUP: (1, LOCKED)}), "nobody placed", id="an order too many"
        ),
        pytest.param(
            lambda ledger, _c, _h: ledger.locked("e", At.ONLINE, {RICE: 6}),
            "3 are sold, 8 promised, of 10",
            id="sold beyond",
        ),
        pytest.param(lambda _l, _c, hub: setattr(hub, "untold", 1), "hasn't told 1", id="a journal not told"),
        pytest.param(lambda _l, cloud, _h: setattr(cloud, "incidents", 1), "1 incidents", id="an incident"),
    ],
)
def test_what_does_not_is_found(break_it: Callable[[Ledger, Rows, Rows], object], complaint: str) -> None:
    ledger, cloud, hub = books()
    break_it(ledger, cloud, hub)
    assert any(complaint in each for each in ledger.complaints(cloud, hub)), ledger.complaints(cloud, hub)
