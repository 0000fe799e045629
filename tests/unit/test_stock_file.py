"""CSV of stocks: what is written is read again as it was, and nothing in it is a formula."""

import csv
import io
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eightysix.core.change import Kind
from eightysix.core.command import ChannelSetting, Setting
from eightysix.core.key import StockKey
from eightysix.core.stock import Allocation, ChannelStock, RestoreTo, Stock
from eightysix.wire.problem import Rejection
from eightysix.wire.spreadsheet import guarded, plain_text, unguarded
from eightysix.wire.stock import ChannelStockBody, SettingBody
from eightysix.wire.stock_file import CHANNEL_COLUMNS, Exported, FileRow, header_line, lines, read_rows

POS, ODD = "POS", "=cmd.x"
KEY = StockKey(2, 7)


def read(text: str, *, poi_id: str | None = "s1", request_id: str | None = None) -> list[FileRow]:
    return read_rows(text.encode(), {POS, ODD}, poi_id, request_id)


def wrong(text: str) -> tuple[str, str | None]:
    [row] = read(text)
    assert row.wrong is not None
    return row.wrong.code.value, row.wrong.field


ids = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=8)


@given(ids | st.sampled_from(["=1+1", "-5", "@x", "'=x", "a;=b", "a;'-b", "''", "＝x"]))
def test_ids_come_back_and_are_no_formulas(name: str) -> None:
    cell = guarded(name)
    assert unguarded(cell) == name
    assert plain_text(cell).lstrip("'") == cell.lstrip("'")
    assert cell[0] not in "=+-@＝＋－＠"


def test_what_is_written_is_read_again() -> None:
    stock = Stock(KEY, 2, 2, manual=True, plan=12_500, real=300, settings_version=4, auto_restore_type=1,
                  auto_restore_at=1_795_435_200_123, allocation=Allocation.LIMIT, low=2_500,
                  restore_to=RestoreTo.KEEP)  # fmt: skip
    rows = {
        POS: ChannelStock(KEY, POS, limit=1_500, guarantee=100, weight=3, low=500),
        ODD: ChannelStock(KEY, ODD, status=2, type=2),
    }
    codes = [ODD, POS]
    text = header_line(codes) + lines([Exported("=s1", "=SUM(A1)", stock, rows)], codes)
    header, row = csv.reader(io.StringIO(text))
    assert not any(cell[:1] in "=+-@" for cell in (*header, *row) if cell)
    [found] = read(text, poi_id=None)
    assert found.wrong is None
    assert (found.line, found.poi_id, found.request_id, found.codes) == (2, "=s1", None, (ODD, POS))
    assert found.setting == Setting(
        KEY, 2, 2, 12_500, 300, manual=True, auto_restore_type=1, auto_restore_at=1_795_435_200_123,
        restore_to=RestoreTo.KEEP, expected_version=4, allocation=Allocation.LIMIT, low=2_500,
        channels=(ChannelSetting(ODD, 2, 2, None, 0, 0, None), ChannelSetting(POS, 1, 1, 1_500, 100, 3, 500)),
    )  # fmt: skip


def test_whatever_can_be_set_has_a_column() -> None:
    """What is missing would be lost between an export and an import."""
    settable = set(SettingBody.__struct_fields__) - {"channel_stocks"}
    assert set(header_line([]).strip().split(",")) == settable | {"poi_id", "name", "request_id"}
    assert set(CHANNEL_COLUMNS) == set(ChannelStockBody.__struct_fields__) - {"channel_code"}


def test_empty_cells_leave_things_alone() -> None:
    [row] = read("sku_id,real_quantity,POS.weight,name\n7,,,Rice\n")
    assert row.setting == Setting(KEY)


def test_a_count_below_nothing_is_left_out() -> None:
    text = header_line([]) + lines([Exported("s1", "x", Stock(KEY, real=-3_000), {})], [])
    [row] = read(text)
    assert row.setting is not None
    assert not isinstance(row.setting.real, int)


def test_a_file_of_a_million_rows_is_not_read_to_its_end() -> None:
    body = b"object_id\n" + b"7\n" * 1_000_000
    tracemalloc.start()
    with pytest.raises(Rejection, match="TOO_MANY"):
        read_rows(body, {POS}, "s1", None)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 10 * len(body)


def test_additions_and_counts() -> None:
    text = "object_id,op,quantity,request_id\n7,add,-2.5,r1\n8,COUNT,3,\n9,add,1,\n10,set,,\n"
    rows = read(text, request_id="file")
    assert [row.request_id for row in rows] == ["r1", "file", "file", None]
    assert [row.setting and (row.setting.kind, row.setting.quantity) for row in rows[:2]] == [
        (Kind.ADD, -2_500), (Kind.COUNT, 3_000),
    ]  # fmt: skip


def test_what_is_wrong_is_said_of_its_row() -> None:
    assert wrong("object_id,op,quantity\n7,add,1\n") == ("MISSING_FIELD", "request_id")
    assert wrong("object_id,op,quantity\n7,count,\n") == ("MISSING_FIELD", "quantity")
    assert wrong("object_id,op,quantity,real_quantity\n7,count,1,1\n") == ("VALUE_INVALID", "real_quantity")
    assert wrong("object_id,op,quantity,low_quantity\n7,count,1,none\n") == ("VALUE_INVALID", "low_quantity")
    assert wrong("object_id,op\n7,double\n") == ("UNKNOWN_VALUE", "op")
    assert wrong("object_id,real_quantity\n7,1_0\n") == ("WRONG_TYPE", "real_quantity")
    assert wrong("object_id,real_quantity\n7,-1\n") == ("QUANTITY_OUT_OF_RANGE", "real_quantity")
    assert wrong("object_id,allocation\n7,half\n") == ("UNKNOWN_VALUE", "allocation")
    assert wrong("object_id,manual\n7,perhaps\n") == ("WRONG_TYPE", "manual")
    assert wrong("object_id,auto_restore_at\n7,tomorrow\n") == ("WRONG_TYPE", "auto_restore_at")
    assert wrong("object_id,POS.limit_quantity\n7,x\n") == ("WRONG_TYPE", "POS.limit_quantity")
    assert wrong("object_id,POS.stock_status\n7,3\n") == ("NUMBER_OUT_OF_RANGE", "POS.stock_status")
    assert wrong("object_id,plan_quantity\n,3\n") == ("MISSING_FIELD", "object_id")
    assert wrong("object_id,object_type\n7,dish\n") == ("WRONG_TYPE", "object_type")
    assert wrong("object_id,stock_status\n7,1,1\n") == ("VALUE_INVALID", None)
    [_, again] = read("object_id,stock_status\n7,1\n7,2\n")
    assert again.wrong is not None
