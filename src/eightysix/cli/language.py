"""Which of the two languages a command speaks: English, or Simplified Chinese where EIGHTYSIX_LANG says so."""

import os


def speaks_chinese() -> bool:
    """Whether EIGHTYSIX_LANG (`en`, `zh-CN`) asks for Chinese."""
    return os.environ.get("EIGHTYSIX_LANG", "en").lower().startswith("zh")


def told(english: str, chinese: str) -> str:
    """The one of two sentences that the reader understands."""
    return chinese if speaks_chinese() else english
