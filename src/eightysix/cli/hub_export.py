"""`eightysix hub export`: a hub's journal saved by hand, beside a running hub or without one."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console

from eightysix.app.hub import FILE
from eightysix.core.hub_event import decode_event
from eightysix.storage.port import StorageFault
from eightysix.storage.sqlite.salvage import Book, Salvage, Salvaged

from .language import told
from .trouble import trouble

FOLDER = Path("var/hub")

CHINESE = "把云端尚未确认的事件写成 JSON 行，只读；文件损坏时尽量读取，有缺失时退出码为 1，完全无法读取时为 2。"


class Line(msgspec.Struct, frozen=True):
    """An event of the journal with what tells where it belongs. `chain` is the journal's digest before it; `event` is
    as the journal has it, byte for byte."""

    hub_id: str
    journal_id: str
    brand_id: str = msgspec.field(name="brandId")
    poi_id: str = msgspec.field(name="poiId")
    seq: int
    chain: str
    event: msgspec.Raw


def hub_export(
    file: Annotated[
        Path | None, typer.Argument(help=told("Where to; default: standard output.", "默认标准输出。"))
    ] = None,
    data: Annotated[Path, typer.Option(help=told("The hub's folder.", "中枢的数据目录。"))] = FOLDER,
) -> None:
    """Write the events that the cloud hasn't acknowledged as JSON lines, in order; the database is only read.

    Of a damaged file as much as can be read. Exit code 1: some events are missing; 2: nothing could be read.
    """
    try:
        salvage = Salvage(data / FILE)
        book = salvage.book()
        seqs = _save(book, salvage, file)
    except (StorageFault, OSError) as error:
        Console(stderr=True).print(trouble(error), style="red", markup=False)
        raise typer.Exit(2) from None
    missing = sorted(set(range(book.acked_seq + 1, book.last_seq + 1)) - seqs)
    said = told(f"{len(seqs)} events of {book.hub_id} were saved", f"已保存 {book.hub_id} 的 {len(seqs)} 个事件")
    typer.echo(said, err=True)
    if missing or salvage.why is not None:
        shown = f"{missing[0]}-{missing[-1]}" if missing else "-"
        lost = told(
            f"{len(missing)} events can't be read ({shown}): {salvage.why or 'they are not in the file'}",
            f"有 {len(missing)} 个事件无法读取（{shown}）：{salvage.why or '文件中没有'}",
        )
        Console(stderr=True).print(lost, style="red", markup=False)
        raise typer.Exit(1)


def _save(book: Book, salvage: Salvage, file: Path | None) -> set[int]:
    """Write the lines; which events they are."""
    seqs: set[int] = set()
    if file is None:
        for seq, line in _lines(book, salvage):
            sys.stdout.buffer.write(line)
            seqs.add(seq)
        sys.stdout.buffer.flush()
        return seqs
    with file.open("wb") as out:
        for seq, line in _lines(book, salvage):
            out.write(line)
            seqs.add(seq)
    return seqs


def _lines(book: Book, salvage: Salvage) -> Iterator[tuple[int, bytes]]:
    for event in salvage.events(book):
        yield event.seq, msgspec.json.encode(_line(book, event)) + b"\n"


def _line(book: Book, event: Salvaged) -> Line:
    try:
        chain = decode_event(event.body).prev
    except msgspec.MsgspecError:  # saved all the same: somebody may make something of it
        chain = ""
    return Line(book.hub_id, book.journal_id, book.brand_id, book.poi_id, event.seq, chain, msgspec.Raw(event.body))
