"""docs/CLIENT.md: every Python block is run, one after the other; what it prints is what its comments say."""

import ast
import asyncio
import inspect
import re
from pathlib import Path
from types import CodeType
from typing import Any

from tests.docs.__main__ import ROOT
from tests.docs.test_examples import Demo, demo

__all__ = ["demo"]

_BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
_PRINTED = re.compile(r"^\s*print\(.*\)  # (.+)$", re.MULTILINE)


def run(code: CodeType, names: dict[str, Any]) -> None:
    """A block with or without `await` at its top."""
    done = eval(code, names)
    if inspect.iscoroutine(done):
        asyncio.run(done)


async def test_every_example_of_the_client_says_what_it_prints(demo: Demo, tmp_path: Path) -> None:
    blocks = _BLOCK.findall((ROOT / "docs/CLIENT.md").read_text(encoding="utf-8"))
    assert len(blocks) >= 6
    printed: list[str] = []
    names: dict[str, Any] = {
        "ADDRESS": demo.environment["ADDRESS"],
        "KEY": demo.environment["KEY"],
        "FOLDER": str(tmp_path),
        "print": lambda *values: printed.append(" ".join(map(str, values))),
    }
    for block in blocks:
        printed.clear()
        code = compile(block, "docs/CLIENT.md", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        await asyncio.to_thread(run, code, names)
        assert printed == _PRINTED.findall(block), block
    for name in ("client", "patient"):
        names[name].close()
