"""What the interpreter is told before a service works."""

import gc
import sys
from collections.abc import Iterator

import pytest

from eightysix.cli.settling import SWITCH_SECONDS, settle


@pytest.fixture
def as_it_was() -> Iterator[None]:
    interval, frozen = sys.getswitchinterval(), gc.get_freeze_count()
    yield
    sys.setswitchinterval(interval)
    if not frozen:
        gc.unfreeze()


@pytest.mark.usefixtures("as_it_was")
def test_threads_take_turns_quickly_and_what_is_there_is_not_collected_again() -> None:
    settle()
    assert sys.getswitchinterval() == pytest.approx(SWITCH_SECONDS)
    assert gc.get_freeze_count() > 0
