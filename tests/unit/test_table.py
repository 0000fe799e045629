"""The state table is the contract's, cell by cell; written here from the contract, not from the code."""

from eightysix.core.outcome import Code
from eightysix.core.table import TABLE, Situation, Step, Verb

CONTRACT = """
 | lock same | lock other | deduct | unlock | return | amend
none | act | act | ORDER_NOT_FOUND | act | ORDER_NOT_FOUND | ORDER_NOT_FOUND
live | replay | IDEMPOTENCY_MISMATCH | act | act | NOT_DEDUCTED | act
dead | act | act | LOCK_EXPIRED | act | NOT_DEDUCTED | LOCK_EXPIRED
deducted | ALREADY_DEDUCTED | ALREADY_DEDUCTED | replay | ALREADY_DEDUCTED | act | ALREADY_DEDUCTED
unlocked | ALREADY_UNLOCKED | ALREADY_UNLOCKED | ALREADY_UNLOCKED | replay | NOT_DEDUCTED | ALREADY_UNLOCKED
returned | ALREADY_RETURNED | ALREADY_RETURNED | ALREADY_RETURNED | ALREADY_RETURNED | replay | ALREADY_RETURNED
"""


def test_every_cell() -> None:
    _, *rows = CONTRACT.strip().splitlines()
    assert len(rows) == len(Situation)
    for row in rows:
        name, *cells = (cell.strip() for cell in row.split("|"))
        assert len(cells) == len(Verb)
        for verb, cell in zip(Verb, cells, strict=True):
            expected = {"act": Step.ACT, "replay": Step.REPLAY}.get(cell) if cell.islower() else Code(cell)
            assert TABLE[Situation[name.upper()]][verb] == expected, f"{name}, {verb.name}"


def test_codes_stand_in_order_of_precedence() -> None:
    order = [
        Code.STORE_NOT_FOUND,
        Code.QUANTITY_OUT_OF_RANGE,
        Code.ORDER_CANCELLED,
        Code.IDEMPOTENCY_MISMATCH,
        Code.ALREADY_DEDUCTED,
        Code.ORDER_NOT_FOUND,
        Code.LOCK_EXPIRED,
        Code.NOT_DEDUCTED,
        Code.QUANTITY_EXCEEDS_LOCK,
        Code.OUT_OF_STOCK,
    ]
    assert [code.rank for code in order] == sorted(code.rank for code in order)
