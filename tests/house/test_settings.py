"""docs/SETTINGS.md and the code name the same settings."""

import re

import pytest

from .tree import ROOT, texts

SETTING = re.compile(r"\bEIGHTYSIX_[A-Z][A-Z0-9_]*[A-Z0-9]\b")
PAGE = "docs/SETTINGS.md"


def named_in(*folders: str) -> set[str]:
    return {
        name
        for path, text in texts()
        if path.parts[0] in folders and path.suffix != ".md" and path.parts[:2] != ("tests", "house")
        for name in SETTING.findall(text)
    }


def documented() -> set[str]:
    """The settings that have a row of their own in one of the page's tables."""
    rows = re.findall(r"^\| `(EIGHTYSIX_\w+)` \|", (ROOT / PAGE).read_text(encoding="utf-8"), re.MULTILINE)
    assert len(rows) == len(set(rows)), "a setting stands there twice"
    return set(rows)


def test_every_setting_is_documented() -> None:
    unknown = named_in("src", "tests", "deploy", "bench") - documented()
    assert not unknown, f"not in {PAGE}"


def test_every_documented_setting_exists() -> None:
    if "EIGHTYSIX_PORT" not in named_in("src"):
        pytest.skip("the program reads no settings yet")
    assert not documented() - named_in("src", "tests", "deploy", "bench")
