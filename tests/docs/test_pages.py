"""The pages that are made from the program are as the program is now; if not: `make docs`."""

import re
from types import ModuleType

import pytest

from eightysix.core.outcome import Code
from eightysix.settings import Settings
from eightysix.wire.problem import Problem
from tests.docs import command_page, http_page
from tests.docs.__main__ import ROOT


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """English, and a terminal of no particular width."""
    monkeypatch.delenv("EIGHTYSIX_LANG", raising=False)
    monkeypatch.setenv("COLUMNS", "80")


@pytest.mark.parametrize("made", [command_page, http_page], ids=lambda made: made.PATH)
def test_the_page_is_up_to_date(made: ModuleType) -> None:
    assert (ROOT / made.PATH).read_text(encoding="utf-8") == made.page(), "run `make docs`"


def test_every_error_is_told_once() -> None:
    assert sorted(http_page.precedence()) == sorted([*Problem, *Code])


def test_refusals_of_the_core_stand_in_their_order() -> None:
    told = [code for code in http_page.precedence() if isinstance(code, Code)]
    assert told == list(Code)


def test_every_link_within_the_page_leads_somewhere() -> None:
    text = http_page.page()
    headings = {
        re.sub(r"[^a-z0-9 _-]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    }
    links = set(re.findall(r"\]\(#([^)]*)\)", text))
    assert links
    assert links <= headings


def test_every_command_has_a_section() -> None:
    text = (ROOT / command_page.PATH).read_text(encoding="utf-8")
    commands = ("serve", "migrate", "import-menu", "import-stock", "export-stock", "replay", "bench", "check", "demo")
    for command in (*commands, "export-log", "settings"):
        assert f"## `eightysix {command}`" in text


@pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md"])
def test_the_readme_names_the_real_address(name: str) -> None:
    defaults = Settings()
    found = set(re.findall(r"http://[\w.]+:\d+", (ROOT / name).read_text(encoding="utf-8")))
    assert found == {f"http://{defaults.host}:{defaults.port}"}
