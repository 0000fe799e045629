"""The account of a history's rows: every row has exactly one fate, and the sum is proved.

A repair is not a fate: a repaired row is sent as well.
"""

from bisect import insort
from collections import Counter
from enum import StrEnum

import msgspec

_LINES_KEPT = 5


class Rejection(StrEnum):
    """Why a row can't be sent."""

    BLANK = "blank"
    SHORT = "too_few_cells"
    NO_ORDER = "no_order_id"
    BAD_ORDER = "bad_order_id"
    NO_ITEM = "no_item_name"
    BAD_DATE = "bad_date"
    BAD_QUANTITY = "bad_quantity"
    NOT_POSITIVE = "quantity_not_positive"
    TOO_FINE = "quantity_too_fine"
    TOO_LARGE = "quantity_too_large"


class Repair(StrEnum):
    """What was put right in a row that is sent."""

    NAME_CASE = "name_case"
    NAME_SPACE = "name_space"
    REPEATED_ITEM = "repeated_item"
    OTHER_DATE = "other_date_in_order"
    CLOCK_GAP = "clock_gap"
    CLOCK_DOUBLED = "clock_doubled"


class Remark(StrEnum):
    """What is odd about an order, and left as it is."""

    LINES_DIFFER = "stated_lines_differ"
    LINES_COUNT_DUPLICATES = "stated_lines_count_the_duplicates"
    DATES_UNPROVED = "date_order_unproved"


class Account(msgspec.Struct):
    """The rows of one file. `examples` has the first line numbers of each kind."""

    rows_read: int = 0
    rows_kept: int = 0
    duplicates: int = 0
    rejected: Counter[str] = msgspec.field(default_factory=Counter)
    repaired: Counter[str] = msgspec.field(default_factory=Counter)
    remarks: Counter[str] = msgspec.field(default_factory=Counter)
    examples: dict[str, list[int]] = msgspec.field(default_factory=dict)

    def reject(self, why: Rejection, line: int) -> None:
        """A row that ends here."""
        self.rejected[why] += 1
        self._remember(why, line)

    def duplicate(self, line: int) -> None:
        """A row that says again what another row has said."""
        self.duplicates += 1
        self._remember("duplicate", line)

    def repair(self, what: Repair, line: int) -> None:
        """A row that is sent after `what` was put right."""
        self.repaired[what] += 1
        self._remember(what, line)

    @property
    def is_proved(self) -> bool:
        """Whether the fates add up to the rows read."""
        return self.rows_read == self.rows_kept + self.duplicates + self.rejected.total()

    def _remember(self, kind: str, line: int) -> None:
        lines = self.examples.setdefault(kind, [])
        if len(lines) < _LINES_KEPT or line < lines[-1]:
            insort(lines, line)
            del lines[_LINES_KEPT:]
