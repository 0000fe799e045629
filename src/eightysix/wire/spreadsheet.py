"""Texts that a spreadsheet will open: none of them may be taken for a formula.

Somebody else chose an order's id or a reason, and whoever opens the file trusts us. A leading apostrophe makes a text
a text in every spreadsheet. It is put wherever a cell could begin: at the start, and behind what some settings take for
the end of a cell.
"""

import re

_FORMULA = re.compile(r"(^|[;\t\r\n])(?=\s*[=+\-@\t\r＝＋－＠])")


def plain_text(text: str | None) -> str:
    """The text as it may stand in a cell."""
    return "" if text is None else _FORMULA.sub(r"\1'", text)


_GUARDED = re.compile(r"(^|[;\t\r\n])'(?='*\s*[=+\-@\t\r＝＋－＠])")
_TO_GUARD = re.compile(r"(^|[;\t\r\n])(?='*\s*[=+\-@\t\r＝＋－＠])")


def guarded(text: str) -> str:
    """The text as it may stand in a cell of a file that will be read again by `unguarded`."""
    return _TO_GUARD.sub(r"\1'", text)


def unguarded(cell: str) -> str:
    """The text that `guarded` made the cell of; what people typed stays as it is."""
    return _GUARDED.sub(r"\1", cell)
