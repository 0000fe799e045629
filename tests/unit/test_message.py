"""Messages are told in numbers, digit for digit, and read back as they were."""

from decimal import Decimal

from eightysix.wire.message import StockMessage, StockState, decode_message, encode_message


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
