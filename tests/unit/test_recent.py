"""What was committed here last is told without reading it, but never where somebody else may have changed it."""

from eightysix.core.key import StockKey, StoreKey, sku_key
from eightysix.core.stock import LIMITED, ChannelStock, Stock
from eightysix.engine import Committed
from eightysix.sync.recent import ALL_MOST, STOCKS_MOST, Recent

STORE = StoreKey.of("fox", "1")
SOUP, RICE = sku_key(1), sku_key(2)


def committed(before: int, seq: int, *keys: StockKey, real: int = 5_000) -> Committed:
    stocks = {key: Stock(key, type=LIMITED, real=real, version=seq) for key in keys}
    channels = {SOUP: {"POS": ChannelStock(SOUP, "POS", limit=9_000)}}
    return Committed(before, seq, set(keys), stocks, channels, [])


def test_what_was_committed_is_known_and_once_told_forgotten() -> None:
    recent = Recent()
    recent.note(STORE, committed(0, 3, SOUP))
    rows = recent.take(STORE, [SOUP], 3)
    assert rows is not None
    assert (rows.stocks[SOUP].real, rows.channels[SOUP]["POS"].limit) == (5_000, 9_000)
    assert recent.take(STORE, [SOUP], 3) is None


def test_a_stock_without_a_row_is_known_as_such() -> None:
    recent = Recent()
    recent.note(STORE, Committed(0, 3, {SOUP, RICE}, {}, {}, []))
    rows = recent.take(STORE, [SOUP, RICE], 3)
    assert rows is not None
    assert (rows.stocks[RICE], dict(rows.channels[RICE])) == (Stock(RICE), {})


def test_batches_that_follow_one_another_are_known_together() -> None:
    recent = Recent()
    recent.note(STORE, committed(0, 3, SOUP))
    recent.note(STORE, committed(3, 5, RICE))
    recent.note(STORE, committed(5, 6, SOUP, real=4_000))
    rows = recent.take(STORE, [SOUP, RICE], 6)
    assert rows is not None
    assert (rows.stocks[SOUP].real, rows.stocks[RICE].version) == (4_000, 5)


def test_where_somebody_else_has_written_in_between_what_was_known_before_is_not() -> None:
    recent = Recent()
    recent.note(STORE, committed(0, 3, SOUP))
    recent.note(STORE, committed(4, 6, RICE))
    assert recent.take(STORE, [SOUP, RICE], 6) is None
    recent.note(STORE, committed(6, 7, RICE))
    assert recent.take(STORE, [RICE], 7) is not None


def test_a_change_that_is_newer_than_what_is_known_has_to_be_read() -> None:
    recent = Recent()
    recent.note(STORE, committed(0, 3, SOUP))
    assert recent.take(STORE, [SOUP], 4) is None


def test_what_depends_on_a_stock_that_is_not_known_has_to_be_read() -> None:
    recent = Recent()
    recent.note(STORE, committed(0, 3, SOUP))
    assert recent.take(STORE, [SOUP, RICE], 3) is None


def test_while_there_is_more_to_tell_it_stays_known() -> None:
    recent = Recent()
    recent.note(STORE, committed(0, 9, SOUP))
    assert recent.take(STORE, [SOUP], 4) is not None
    assert recent.take(STORE, [SOUP], 9) is not None


def test_what_was_written_to_longest_ago_goes_when_it_is_too_much() -> None:
    recent = Recent()
    stores = [StoreKey.of("fox", f"{number}") for number in range(ALL_MOST + 1)]
    for store in stores:
        recent.note(store, committed(0, 3, SOUP))
    assert recent.take(stores[0], [SOUP], 3) is None
    assert recent.take(stores[1], [SOUP], 3) is not None


def test_so_does_a_store_with_too_much_of_it() -> None:
    recent = Recent()
    keys = [sku_key(number) for number in range(STOCKS_MOST + 1)]
    recent.note(STORE, committed(0, 3, *keys))
    assert recent.take(STORE, keys[:1], 3) is None


def test_what_others_tell_of_from_now_on_is_forgotten() -> None:
    recent = Recent()
    for store in (STORE, other := StoreKey.of("fox", "2")):
        recent.note(store, committed(0, 3, SOUP))
    recent.forget(lambda store: store == other)
    assert recent.take(other, [SOUP], 3) is None
    assert recent.take(STORE, [SOUP], 3) is not None
