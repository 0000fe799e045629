"""What a page tells a reader to type: the curl commands of its `sh` blocks, in order, and what each must come to.

Without a word before it, a command answers 200 and, sent again, 200 with `"replayed": true` and the same otherwise. A
comment right before it says what else is meant:

    # 201, again 409 ALREADY_EXISTS     its status, and the status (and code) of a repeat
    # 200, again the same               a repeat gets the same answer to the letter
    # 200, again 200                    a repeat succeeds too, whatever it says

A line such as `KEY_ID=the-key_id-of-that-answer` takes a field of the answer before it, for the commands that follow.
"""

import re
from pathlib import Path
from typing import Any, NamedTuple

_BLOCK = re.compile(r"^```(?:sh|bash)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_MARK = re.compile(r"# (\d{3}), again (?:(the same)|(\d{3})(?: ([A-Z_]+))?)")
_TAKE = re.compile(r"([A-Z_]+)=the-(\w+)-of-that-answer")
_GIVEN = re.compile(r"ADDRESS=http://\S+|KEY=the-key-that-was-printed")
_ASSIGNMENT = re.compile(r"[A-Z_]+=")


class Answer(NamedTuple):
    """What curl got; JSON where it is JSON."""

    status: int
    body: Any


class Example(NamedTuple):
    """A command, and what it and a repeat of it come to. `again` None: the same answer, but replayed."""

    command: str
    status: int = 200
    again: int | None = None
    code: str | None = None
    is_same: bool = False

    def check(self, first: Answer, second: Answer) -> None:
        """Both answers are as the page says."""
        told = f"{self.command}\n{first}\n{second}"
        assert first.status == self.status, told
        assert first.status < 300, told
        if self.is_same:
            assert second == first, told
        elif self.again is None:
            assert second == (200, first.body | {"replayed": True}), told
        else:
            assert second.status == self.again, told
            assert self.code is None or second.body["code"] == self.code, told


class Take(NamedTuple):
    """A field of the answer before is kept under a name."""

    name: str
    field: str


def steps(page: Path) -> list[Example | Take]:
    """What the page tells to do. AssertionError for what this can't make out."""
    found: list[Example | Take] = []
    for block in _BLOCK.findall(page.read_text(encoding="utf-8")):
        if "curl " in block or "-of-that-answer" in block:
            found += _block_steps(block.splitlines())
    return found


def _block_steps(lines: list[str]) -> list[Example | Take]:
    found: list[Example | Take] = []
    mark, at = "", 0
    while at < len(lines):
        line, at = lines[at], at + 1
        if line.startswith("curl "):
            command = [line]
            while at < len(lines) and not _begins(lines[at]):
                command.append(lines[at])
                at += 1
            found.append(_example("\n".join(command), mark))
            mark = ""
        elif taken := _TAKE.fullmatch(line):
            found.append(Take(taken[1], taken[2]))
        else:
            assert not mark, f"a mark without a command: {mark}"
            assert not _ASSIGNMENT.match(line) or _GIVEN.fullmatch(line), f"where would this come from? {line}"
            mark = line if re.match(r"# \d", line) else ""
    assert not mark, f"a mark without a command: {mark}"
    return found


def _begins(line: str) -> bool:
    """Whether something new begins here."""
    return not line.strip() or line.startswith(("curl ", "#")) or _ASSIGNMENT.match(line) is not None


def _example(command: str, mark: str) -> Example:
    if not mark:
        return Example(command)
    read = _MARK.fullmatch(mark)
    assert read is not None, f"not a mark: {mark}"
    again = int(read[3]) if read[3] else None
    return Example(command, int(read[1]), again, read[4], is_same=read[2] is not None)
