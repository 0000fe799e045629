"""docs/SETTINGS.md and the code name the same settings."""

import re

from eightysix.settings import PREFIX, Settings

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


def documented() -> dict[str, str]:
    """The settings that have a row of their own in one of the page's tables, with the default that it states."""
    rows = re.findall(r"^\| `(EIGHTYSIX_\w+)` \| (.+?) \|", (ROOT / PAGE).read_text(encoding="utf-8"), re.MULTILINE)
    assert len(rows) == len({name for name, _ in rows}), "a setting stands there twice"
    return dict(rows)


def test_every_setting_is_documented() -> None:
    unknown = named_in("src", "tests", "deploy", "bench") - set(documented())
    assert not unknown, f"not in {PAGE}"


def test_the_service_s_settings_stand_there_with_their_defaults() -> None:
    page = documented()
    stated = {name: page.get(PREFIX + name.upper()) for name in Settings.__struct_fields__}
    assert stated == {name: f"`{getattr(Settings(), name)}`" for name in Settings.__struct_fields__}


def test_every_documented_setting_exists() -> None:
    service = {PREFIX + name.upper() for name in (*Settings.__struct_fields__, "config")}
    assert not set(documented()) - named_in("src", "tests", "deploy", "bench") - service
