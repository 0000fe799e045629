"""Order histories as they come: what is recognised, repaired, rejected, and that every row is accounted for."""

import gzip
from pathlib import Path

import pytest

from eightysix.cli.replaying.account import Rejection, Remark, Repair
from eightysix.cli.replaying.cleaning import CleanHistory, Cleaning, clean, count_name_repairs, parse_quantity
from eightysix.cli.replaying.columns import Columns, ColumnsError, Role, recognise
from eightysix.cli.replaying.menu import NameBook
from eightysix.cli.replaying.moments import ClockChange, DateOrder, date_order, parse_moment
from eightysix.cli.replaying.table import TableError, parse_table, read_table

LONDON = "Europe/London"
HEADER = "Order ID,Order Date,Item Name,Quantity,Total products\r\n"


def cleaned(text: str, names: NameBook | None = None, **how: object) -> CleanHistory:
    names = names or NameBook()
    table = parse_table(text.encode())
    history = clean(table, recognise(table.header), names, Cleaning(zone=LONDON, **how))
    count_name_repairs(history, names)
    assert history.account.is_proved
    return history


@pytest.mark.parametrize("header", [
    "Order Number,Order Date,Item Name,Quantity,Product Price,Total products",
    "order_id;ORDERED AT;dish;Qty;unit price;Line Count",
    "Ticket No.,Date/Time,Product,QTY,Price,Total Items",
    "订单号,下单时间,菜品名称,数量,单价,行数",
])  # fmt: skip
def test_columns_are_recognised_by_their_meaning(header):
    delimiter = ";" if ";" in header else ","
    assert recognise(header.split(delimiter)) == Columns(0, 1, 2, 3, 4, 5)


def test_columns_in_any_order_and_more_than_needed():
    columns = recognise(["Qty", "Waiter", "Item", "Date", "Receipt"])
    assert columns == Columns(order=4, date=3, item=2, quantity=0)


def test_a_column_can_be_named():
    columns = recognise(["Bestellung", "Date", "Item", "Qty"], {Role.ORDER: "bestellung"})
    assert columns.order == 0


def test_what_is_missing_is_said():
    with pytest.raises(ColumnsError) as unclear:
        recognise(["Order ID", "Item"], {Role.DATE: "Moment"})
    assert unclear.value.missing == (Role.DATE, Role.QUANTITY)
    assert unclear.value.named == {Role.DATE: "Moment"}


def test_a_file_may_be_gzipped_marked_or_in_an_old_encoding(tmp_path: Path):
    text = HEADER + "1,01/02/2018 12:00,Jalapeño,1,1\r\n"
    plain = parse_table(text.encode()).rows
    for name, content in {
        "a.csv.gz": gzip.compress(text.encode("utf-8-sig")),
        "b.csv": text.encode("cp1252"),
        "c.csv": text.encode("utf-16"),
        "d.csv": text.replace(",", ";").encode(),
    }.items():
        (tmp_path / name).write_bytes(content)
        assert read_table(tmp_path / name).rows == plain


@pytest.mark.parametrize(("content", "reason"), [
    (b"", "empty"), (b"\r\n  \n", "empty"), (gzip.compress(b"a,b", mtime=0)[:-4], "damaged"),
    (b"a,b\x00\n1,2", "binary"),
])  # fmt: skip
def test_what_is_no_table_is_refused(content, reason):
    with pytest.raises(TableError) as refused:
        parse_table(content)
    assert refused.value.reason == reason


def test_a_missing_file_is_refused(tmp_path: Path):
    with pytest.raises(TableError, match="missing"):
        read_table(tmp_path / "none.csv")


def test_orders_come_out_in_time_order_whatever_the_files_order():
    history = cleaned(
        HEADER + "9,31/12/2018 20:00,Soup,1,1\n8,31/12/2018 19:00,Soup,2,1\n10,30/12/2018 19:00,Soup,1,1\n"
    )
    assert [order.order_id for order in history.orders] == ["10", "8", "9"]
    assert history.orders[1].lines[0].quantity == 2000


def test_an_exact_duplicate_is_dropped_and_counted():
    rows = "1,31/12/2018 20:00,Soup,1,3\n1,31/12/2018 20:00,Rice,1,3\n1,31/12/2018 20:00,Soup,1,3\n"
    history = cleaned(HEADER + rows)
    account = history.account
    assert (account.rows_read, account.rows_kept, account.duplicates) == (3, 2, 1)
    assert account.examples["duplicate"] == [4]
    assert account.remarks == {Remark.LINES_COUNT_DUPLICATES: 1}


def test_duplicates_can_be_kept_as_lines_of_their_own():
    rows = "1,31/12/2018 20:00,Soup,1,2\n1,31/12/2018 20:00,Soup,1,2\n"
    history = cleaned(HEADER + rows, keep_duplicates=True)
    assert [line.line_no for line in history.orders[0].lines] == [0, 1]
    assert history.account.duplicates == 0
    assert history.account.remarks == {}


def test_the_same_dish_on_two_lines_keeps_both():
    history = cleaned(HEADER + "1,31/12/2018 20:00,Soup,1,2\n1,31/12/2018 20:00,soup,3,2\n")
    assert [(line.line_no, line.quantity) for line in history.orders[0].lines] == [(0, 1000), (1, 3000)]
    assert history.account.repaired[Repair.REPEATED_ITEM] == 1


def test_names_that_differ_by_case_width_or_space_are_one_dish():
    names = NameBook()
    text = "".join(f"{at},31/12/2018 20:00,{name},1,1\n" for at, name in enumerate(
        ["Pilau Rice", "Pilau Rice", "pilau rice", "Pilau  Rice ", "Ｐilau Rice", "Naan"]))  # fmt: skip
    history = cleaned(HEADER + text, names)
    assert [dish.name for dish in names.dishes().values()] == ["Naan", "Pilau Rice"]
    assert history.account.repaired == {Repair.NAME_CASE: 2, Repair.NAME_SPACE: 1}


def test_the_menus_spelling_wins_and_its_unsold_dishes_are_kept():
    names = NameBook(["PILAU RICE", "Lassi"])
    cleaned(HEADER + "1,31/12/2018 20:00,Pilau Rice,1,1\n2,31/12/2018 20:00,Naan,1,1\n", names)
    assert [dish.name for dish in names.dishes().values()] == ["Lassi", "Naan", "PILAU RICE"]
    assert (names.sold, names.not_on_menu) == (2, 1)


@pytest.mark.parametrize(("row", "why"), [
    ("", Rejection.BLANK), (" , ,", Rejection.BLANK), ("1,31/12/2018", Rejection.SHORT),
    (",31/12/2018,Soup,1", Rejection.NO_ORDER), (f"{'9' * 65},31/12/2018,Soup,1", Rejection.BAD_ORDER),
    ("1\x07,31/12/2018,Soup,1", Rejection.BAD_ORDER), ("1,31/12/2018, ,1", Rejection.NO_ITEM),
    ("1,31/13/2018,Soup,1", Rejection.BAD_DATE), ("1,yesterday,Soup,1", Rejection.BAD_DATE),
    ("1,31/12/2018 25:00,Soup,1", Rejection.BAD_DATE), ("1,31/12/2018,Soup,two", Rejection.BAD_QUANTITY),
    ("1,31/12/2018,Soup,NaN", Rejection.BAD_QUANTITY), ("1,31/12/2018,Soup,-1", Rejection.NOT_POSITIVE),
    ("1,31/12/2018,Soup,0", Rejection.NOT_POSITIVE), ("1,31/12/2018,Soup,0.0001", Rejection.TOO_FINE),
    ("1,31/12/2018,Soup,1e12", Rejection.TOO_LARGE),
])  # fmt: skip
def test_a_row_that_cannot_be_sent_is_counted_by_kind(row, why):
    history = cleaned(HEADER + "7,31/12/2018,Soup,1,1\n" + row + "\n8,31/12/2018,Soup,1,1\n")
    account = history.account
    assert (account.rows_read, account.rows_kept, account.rejected) == (3, 2, {why: 1})
    assert account.examples[why] == [3]


@pytest.mark.parametrize(
    ("text", "quantity"), [("2", 2000), (" 1.5 ", 1500), ("1,5", 1500), ("x3", 3000), ("3X", 3000), ("2×", 2000)]
)
def test_quantities_as_people_write_them(text, quantity):
    assert parse_quantity(text) == quantity


def test_only_the_first_line_numbers_are_kept():
    history = cleaned(HEADER + "1,31/12/2018,Soup,none,1\n" * 9)
    assert history.account.rejected == {Rejection.BAD_QUANTITY: 9}
    assert history.account.examples[Rejection.BAD_QUANTITY] == [2, 3, 4, 5, 6]


def test_an_order_with_two_dates_takes_the_earlier():
    history = cleaned(HEADER + "1,31/12/2018 20:01,Soup,1,2\n1,31/12/2018 20:00,Rice,1,2\n")
    assert history.orders[0].at == parse_moment("2018-12-31 20:00", DateOrder.DAY_FIRST, LONDON).at
    assert history.account.repaired == {Repair.OTHER_DATE: 1}


@pytest.mark.parametrize("text", [
    "31/07/2018 20:05", "31.07.2018 20:05:00", "31-07-18 8:05 pm", "2018-07-31T19:05Z", "2018-07-31 20:05+01:00",
    "2018/07/31 20:05:00.000", "1533063900", "1533063900000",
])  # fmt: skip
def test_one_instant_in_many_dresses(text):
    assert parse_moment(text, DateOrder.DAY_FIRST, LONDON).at == 1533063900000


def test_month_first_is_found_out():
    assert date_order(["03/04/2018", "07/31/2018 10:00"]) == (DateOrder.MONTH_FIRST, True)
    assert date_order(["03/04/2018", "31/07/2018"]) == (DateOrder.DAY_FIRST, True)


def test_dates_without_proof_are_taken_as_day_first_and_said():
    history = cleaned(HEADER + "1,03/04/2018,Soup,1,1\n")
    assert history.dates is DateOrder.DAY_FIRST
    assert history.account.remarks == {Remark.DATES_UNPROVED: 1}
    assert cleaned(HEADER + "1,2018-04-03,Soup,1,1\n").account.remarks == {}


def test_a_wall_time_in_the_gap_is_the_first_instant_after_it():
    history = cleaned(HEADER + "1,25/03/2018 01:30,Soup,1,1\n")
    assert history.orders[0].at == parse_moment("2018-03-25T01:00Z", DateOrder.DAY_FIRST, LONDON).at
    assert history.account.repaired == {Repair.CLOCK_GAP: 1}


def test_a_doubled_wall_time_is_its_first_occurrence():
    moment = parse_moment("28/10/2018 01:30:20", DateOrder.DAY_FIRST, LONDON)
    assert moment.change is ClockChange.DOUBLED
    assert moment.at == parse_moment("2018-10-28T00:30:20Z", DateOrder.DAY_FIRST, LONDON).at
