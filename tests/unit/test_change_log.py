"""How a log row's content reads on the wire."""

from decimal import Decimal

import msgspec
import pytest

from eightysix.core.change import Kind, LogRow
from eightysix.core.key import sku_key
from eightysix.wire.change_log import log_row_answer
from eightysix.wire.spreadsheet import plain_text

MINUTE = 60_000


def shown(**content):
    """The changes as (field, channel, before, after), and the details."""
    row = LogRow(
        1, sku_key(7), Kind.SET, -1_500, 2_500, 1_000, 0, 0, None, None, "me", "api", None, None, 86_400_000, None,
        msgspec.json.encode(content).decode(),
    )  # fmt: skip
    answer = log_row_answer(row)
    return [msgspec.structs.astuple(change) for change in answer.changes], answer.details


@pytest.mark.parametrize(
    ("content", "change"),
    [
        ({"status": [1, 2]}, ("stock_status", None, 1, 2)),
        ({"type": [2, 1]}, ("stock_type", None, 2, 1)),
        ({"manual": [False, True]}, ("manual", None, False, True)),
        ({"plan": [0, 12_500]}, ("plan_quantity", None, 0, Decimal("12.5"))),
        ({"low": [None, 3_000]}, ("low_quantity", None, None, 3)),
        ({"restore_to": [1, 3]}, ("restore_to", None, "plan", "keep")),
        ({"allocation": [0, 1]}, ("allocation", None, "none", "guarantee")),
        ({"auto_restore_at": [None, MINUTE]}, ("auto_restore_at", None, None, "1970-01-01T00:01:00.000Z")),
        (
            {"channels": {"POS": [{"open": 2_000, "released_at": 0}, {"open": 2_000, "released_at": MINUTE}]}},
            ("released_at", "POS", None, "1970-01-01T00:01:00.000Z"),
        ),
        (
            {"channels": {"POS": [None, {"status": 1, "type": 1, "limit": None, "guarantee": 4_000, "weight": 0}]}},
            ("guarantee_quantity", "POS", 0, 4),
        ),
    ],
)  # fmt: skip
def test_a_field_reads_as_on_the_wire(content, change):
    assert shown(**content) == ([change], None)


def test_what_is_no_field_is_a_detail():
    why = {"due_at": MINUTE, "rule": "r1", "slot": 77, "to": 2}
    assert shown(restore=why, type=[2, 1]) == (
        [("stock_type", None, 2, 1)],
        {"due_at": "1970-01-01T00:01:00.000Z", "rule": "r1", "restore_to": "unlimited"},
    )
    assert shown(missed=[0, MINUTE], rule=None) == (
        [],
        {"missed": ["1970-01-01T00:00:00.000Z", "1970-01-01T00:01:00.000Z"], "rule": None},
    )
    assert shown(late={"kind": "deduct", "quantity": 2_000, "at_risk": [6_000, 4_500]}) == (
        [],
        {"late": {"kind": "deduct", "quantity": 2, "at_risk": [6, Decimal("4.5")]}},
    )
    assert shown(something=[1, 2], new={"a": 1}) == ([], {"something": [1, 2], "new": {"a": 1}})


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        (None, ""), ("", ""), ("soup", "soup"), ("=1", "'=1"), ("+1", "'+1"), ("-1", "'-1"), ("@a", "'@a"),
        ("\t=1", "'\t'=1"), (" =1", "' =1"), ("＝1", "'＝1"), ("a=1", "a=1"), ("a;=1", "a;'=1"), ("a; -1", "a;' -1"),
        ("a\n=1", "a\n'=1"), ("'=1", "'=1"), ("order-1", "order-1"), ("a - b", "a - b"),
    ],
)  # fmt: skip
def test_no_text_can_be_a_formula(text, cell):
    assert plain_text(text) == cell
