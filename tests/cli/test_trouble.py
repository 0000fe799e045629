"""Why a command can't start is told in the reader's language."""

import pytest
from typer.testing import CliRunner

from eightysix.cli import build

CASES = [
    ({"EIGHTYSIX_QUEUE_COMMANDS": "0"}, ["serve", "--port", "0"], "A setting can't be used", "设置无效"),
    ({}, ["serve", "--database", "foo://x"], "The database's address can't be used", "数据库地址无效"),
    ({}, ["migrate", "--database", "postgresql://x@127.0.0.1:1/y"], "can't be reached", "无法连接数据库"),
]


@pytest.mark.parametrize(("environment", "arguments", "english", "chinese"), CASES)
def test_in_both_languages(
    environment: dict[str, str], arguments: list[str], english: str, chinese: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    for language, expected in (("en", english), ("zh-CN", chinese)):
        monkeypatch.setenv("EIGHTYSIX_LANG", language)
        result = CliRunner().invoke(build(), arguments)
        assert result.exit_code == 2
        assert expected in result.stderr.replace("\n", " ")
