"""The files of this checkout, as the house rules look at them."""

import ast
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src/eightysix"


@cache
def files() -> tuple[Path, ...]:
    """Every file that is tracked or could be added, by path relative to ROOT; ignored ones are left out."""
    command = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split("\0")
    return tuple(Path(name) for name in sorted(set(listed)) if name and (ROOT / name).is_file())


def texts() -> Iterator[tuple[Path, str]]:
    """(path, content) of every file that is text."""
    for path in files():
        content = (ROOT / path).read_bytes()
        if b"\0" not in content[:8_000]:
            yield path, content.decode(errors="replace")


@cache
def modules() -> tuple[tuple[Path, str, ast.Module], ...]:
    """(path, source, syntax tree) of every module of the program."""
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        source = path.read_text(encoding="utf-8")
        found.append((path.relative_to(ROOT), source, ast.parse(source)))
    return tuple(found)
