"""Messages are told in numbers, digit for digit, and read back as they were."""

from decimal import Decimal

import pytest

from eightysix.core.key import StoreKey
from eightysix.wire.message import StockMessage, StockState, brand_of, decode_message, encode_message, group_of


def state(real: Decimal | int) -> StockState:
    return StockState(
        2, 7, 1, 2, False, 0, real, 0, 0, 0, 9, 1, "2026-01-01T00:00:00.000Z", 0, None, "plan", "none", None, False,
        channel_stocks=[], available=real, deleted=False, channels=[],
    )  # fmt: skip


def test_quantities_are_numbers_and_come_back_exactly() -> None:
    for real in (Decimal("1.5"), Decimal("0.001"), Decimal("999999999.999"), 3):
        told = StockMessage(brand_id="b", poi_id="s", seq=9, prev_seq=8, committed_at="x", data=state(real))
        text = encode_message(told)
        assert f'"real_quantity":{real}'.encode() in text
        assert decode_message(text) == told


def test_a_store_s_group_says_its_brand() -> None:
    for brand_id, poi_id in (("fox", "1"), ("5.a/b", "1/2"), ("芝麻", "店 1"), ("9", "9")):
        assert brand_of(group_of(StoreKey.of(brand_id, poi_id))) == brand_id


@pytest.mark.parametrize("group", ["", "abc", "x.fox/1", "-1.fox/1", "2.fox/1", "9.fox/1", "3.fox", "²."])
def test_what_is_no_store_s_group_is_refused(group: str) -> None:
    with pytest.raises(ValueError, match="message group"):
        brand_of(group)
