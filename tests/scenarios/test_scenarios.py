"""Every scenario file is a test; a failure names the file, the line and what happened instead."""

from pathlib import Path

import pytest

from .language import play

FILES = sorted(Path(__file__).parent.glob("*.scenario"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_scenario(path: Path) -> None:
    at = (0, "")
    try:
        for at in play(path.read_text(encoding="utf-8")):  # noqa: B007 - the last line reached is reported
            pass
    except AssertionError as error:
        raise AssertionError(f"{path.name}:{at[0]}: {at[1]}: {error}") from error


def test_there_are_scenarios() -> None:
    assert len(FILES) >= 8
