"""Messages, languages, settings: small things that must be complete."""

import re
import string
from pathlib import Path

import pytest

import eightysix
from eightysix.core.outcome import Code
from eightysix.settings import BadSetting, load
from eightysix.wire.language import Language, preferred
from eightysix.wire.messages import MESSAGES, sentence
from eightysix.wire.problem import STATUS, Problem


@pytest.mark.parametrize("code", [*Problem, *Code])
def test_every_code_has_a_status_and_both_languages(code: Problem | Code) -> None:
    english, chinese = MESSAGES[code]
    assert 400 <= STATUS[code] <= 503
    assert english.isascii()
    assert any("\u4e00" <= char <= "\u9fff" for char in chinese)
    assert _blanks(english) == _blanks(chinese)


def _blanks(message: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(message) if name}


@pytest.mark.parametrize(
    ("header", "language"),
    [
        (b"", Language.ENGLISH),
        (b"zh", Language.CHINESE),
        (b"zh-Hans-CN, en;q=0.8", Language.CHINESE),
        (b"en, zh;q=0.9", Language.ENGLISH),
        (b"en;q=0.2, zh;q=0.9", Language.CHINESE),
        (b"fr, de;q=0.9", Language.ENGLISH),
        (b"zh;q=0", Language.ENGLISH),
        (b"zh;q=x, ;;;,\xff", Language.ENGLISH),
    ],
)
def test_accept_language(header: bytes, language: Language) -> None:
    assert preferred(header) is language


def test_where_a_setting_comes_from(tmp_path: Path) -> None:
    file = tmp_path / "e.toml"
    file.write_text('port = 1\nhost = "::1"\n')
    settings, found = load(
        {"EIGHTYSIX_PORT": "2", "EIGHTYSIX_DATABASE_URL": "mysql://u:secret@h/d"}, file, {"host": "h"}
    )
    assert (settings.port, settings.host) == (2, "h")
    shown = {one.name: (one.value, one.origin) for one in found}
    assert shown["port"] == (2, "EIGHTYSIX_PORT")
    assert shown["host"] == ("h", "--host")
    assert shown["lang"] == ("en", "default")
    assert "secret" not in str(shown["database_url"])


@pytest.mark.parametrize("text", ["prot = 1", "port = 'x'", "port = "])
def test_a_wrong_setting_is_named(tmp_path: Path, text: str) -> None:
    file = tmp_path / "e.toml"
    file.write_text(text)
    with pytest.raises(BadSetting, match=r"port|prot|e\.toml"):
        load({}, file)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "-1"), ("PORT", "65536"), ("WORKERS", "0"), ("LANES_PER_SHARD", "0"), ("QUEUE_COMMANDS", "0"),
        ("DEADLINE_SECONDS", "0"), ("DEADLINE_SECONDS", "nan"), ("DEADLINE_SECONDS", "inf"),
        ("CATALOG_REFRESH_SECONDS", "0"), ("CATALOG_REFRESH_SECONDS", "60"), ("STOP_SECONDS", "-1"),
    ],
)  # fmt: skip
def test_a_setting_out_of_its_range_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(BadSetting, match=rf"{name.lower()}: .*EIGHTYSIX_{name}"):
        load({f"EIGHTYSIX_{name}": value})


def test_every_reason_is_told_in_chinese_too() -> None:
    """A `why` in the code fills a message's blank; its words stand in the list of phrases."""
    source = Path(eightysix.__file__).parent
    reasons = {
        reason
        for file in source.rglob("*.py")
        for reason in re.findall(r'\bwhy ?= ?"([^"]+)"', file.read_text("utf-8"))
    }
    assert len(reasons) > 10
    for reason in reasons:
        told = sentence(Problem.VALUE_INVALID, Language.CHINESE, why=reason)
        assert reason not in told, told
