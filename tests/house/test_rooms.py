"""Two rules of the rooms that import-linter's layers can't say (the others stand in pyproject.toml)."""

import ast
from collections.abc import Iterator
from pathlib import Path

from .tree import modules

OPS_IS_KNOWN_TO = {"app", "ops"}
CLIENT_KNOWS = {"client", "wire"}


def room(path: Path) -> str:
    """The room a module stands in: src/eightysix/ROOM/… or src/eightysix/ROOM.py."""
    return path.parts[2].removesuffix(".py")


def imported_rooms(path: Path, tree: ast.Module) -> Iterator[str]:
    """The rooms that a module imports directly, absolutely or relatively."""
    package = [*path.with_suffix("").parts[1:-1]]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            origin = ".".join([*above, *([node.module] if node.module else [])])
            names = [f"{origin}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            parts = name.split(".")
            if parts[0] == "eightysix" and len(parts) > 1:
                yield parts[1]


def test_ops_is_known_to_app_alone() -> None:
    offenders = [
        str(path)
        for path, _, tree in modules()
        if room(path) not in OPS_IS_KNOWN_TO and "ops" in imported_rooms(path, tree)
    ]
    assert not offenders


def test_the_client_knows_only_the_wire() -> None:
    offenders = {
        str(path): sorted(others)
        for path, _, tree in modules()
        if room(path) == "client" and (others := set(imported_rooms(path, tree)) - CLIENT_KNOWS)
    }
    assert not offenders


def test_imports_are_seen() -> None:
    """The two rules above mean something only if both ways of importing are read."""
    source = (
        "import eightysix.ops\nfrom eightysix import app\nfrom ..wire import order\nfrom . import lock\nimport json\n"
    )
    seen = set(imported_rooms(Path("src/eightysix/client/call.py"), ast.parse(source)))
    assert seen == {"ops", "app", "wire", "client"}
