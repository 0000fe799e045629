"""Several files become one history: cleaned one by one, a store each, with one book of names for the brand."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from .cleaning import CleanHistory, Cleaning, clean, count_name_repairs
from .columns import ColumnsError, Role, item_column, recognise
from .menu import Dish, NameBook, name_key
from .table import TableError, TextTable, read_table


class HistoryError(Exception):
    """A file that can't be used; `cause` says why."""

    def __init__(self, path: Path, cause: TableError | ColumnsError) -> None:
        super().__init__(f"{path}: {cause}")
        self.path, self.cause = path, cause


class StoreHistory(NamedTuple):
    """One file, and the store that it is of."""

    path: Path
    poi_id: str
    history: CleanHistory


class BrandHistory(NamedTuple):
    """All files. `dishes` by name key; see `sku_of`."""

    stores: tuple[StoreHistory, ...]
    dishes: Mapping[str, Dish]
    names: NameBook

    def sku_of(self, name: str) -> int:
        """The SKU of a dish, however its name is written."""
        return self.dishes[name_key(name)].sku_id


def read_histories(
    files: Sequence[tuple[Path, str]],
    menus: Sequence[Path],
    named: Mapping[Role, str],
    how: Cleaning,
    done: Callable[[Path], object] = lambda _: None,
) -> BrandHistory:
    """Read every file with its store's poiId, and the menus whose spellings win. Raises HistoryError."""
    names = NameBook([name for path in menus for name in _menu_names(path)])
    stores = []
    for path, poi_id in files:
        table = _table(path)
        try:
            history = clean(table, recognise(table.header, named), names, how)
        except ColumnsError as cause:
            raise HistoryError(path, cause) from cause
        stores.append(StoreHistory(path, poi_id, history))
        done(path)
    for store in stores:
        count_name_repairs(store.history, names)
    return BrandHistory(tuple(stores), names.dishes(), names)


def _menu_names(path: Path) -> list[str]:
    """The column of item names; its header is recognised as a history's is, and of several the first is taken."""
    table = _table(path)
    try:
        at = item_column(table.header)
    except ColumnsError as cause:
        raise HistoryError(path, cause) from cause
    return [row.cells[at] for row in table.rows if len(row.cells) > at]


def _table(path: Path) -> TextTable:
    try:
        return read_table(path)
    except TableError as cause:
        raise HistoryError(path, cause) from cause
