"""The shape of the program's modules: small, and each saying what it owns."""

import ast

from .tree import files, modules

MODULE_LINES_MAX = 500
FUNCTION_LINES_MAX = 60
NOT_A_NOUN = {"utils", "util", "helpers", "helper", "common", "misc", "base", "manager"}


def test_the_program_is_found() -> None:
    assert any(path.name == "port.py" for path, _, _ in modules())


def test_modules_are_short() -> None:
    long = {str(path): lines for path, source, _ in modules() if (lines := source.count("\n")) > MODULE_LINES_MAX}
    assert not long, f"more than {MODULE_LINES_MAX} lines: two nouns in one file?"


def test_functions_are_short() -> None:
    long = {
        f"{path}:{node.lineno} {node.name}": lines
        for path, _, tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (lines := (node.end_lineno or node.lineno) - node.lineno + 1) > FUNCTION_LINES_MAX
    }
    assert not long, f"more than {FUNCTION_LINES_MAX} lines: two thoughts in one function?"


def test_modules_say_what_they_own() -> None:
    silent = [str(path) for path, _, tree in modules() if not ast.get_docstring(tree)]
    assert not silent, "modules without a docstring"


def test_files_are_named_by_a_noun() -> None:
    vague = [str(path) for path in files() if path.stem.lower() in NOT_A_NOUN or path.parent.name.lower() in NOT_A_NOUN]
    assert not vague, "what is the noun?"
