"""A history file as a table of text: gzip or plain, whatever its encoding and delimiter. Says nothing about meaning."""

import csv
import gzip
import io
import zlib
from pathlib import Path
from typing import NamedTuple

_DELIMITERS = (",", ";", "\t", "|")
_GZIP = b"\x1f\x8b"


class TableError(Exception):
    """A file that is no table: `reason` is `empty`, `damaged`, `binary` or `missing`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Row(NamedTuple):
    """One record. `line` is the file's line on which it ends, counted from 1, as an editor shows it."""

    line: int
    cells: tuple[str, ...]


class TextTable(NamedTuple):
    """Header and records of a file."""

    header: tuple[str, ...]
    rows: tuple[Row, ...]


def read_table(path: Path) -> TextTable:
    """Read a CSV file, plain or gzipped. Raises `TableError`."""
    try:
        return parse_table(path.read_bytes())
    except OSError as fault:
        raise TableError("missing") from fault


def parse_table(content: bytes) -> TextTable:
    """The table in `content`: UTF-8 (with or without mark), UTF-16 with mark, or else Windows-1252.

    Raises `TableError`.
    """
    text = _text(_unzipped(content))
    if not text.strip():
        raise TableError("empty")
    if "\x00" in text:
        raise TableError("binary")
    first = text.lstrip("\r\n").split("\n", 1)[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(_DELIMITERS, key=first.count))
    try:
        header = next(cells for cells in reader if any(cell.strip() for cell in cells))
        rows = tuple(Row(reader.line_num, tuple(cells)) for cells in reader)
    except csv.Error as fault:
        raise TableError("damaged") from fault
    return TextTable(tuple(header), rows)


def _unzipped(content: bytes) -> bytes:
    if not content.startswith(_GZIP):
        return content
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as fault:
        raise TableError("damaged") from fault


def _text(content: bytes) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", errors="replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")
