"""Instants that the wire shows, read back."""

from datetime import datetime

from eightysix.core.instant import from_datetime


def from_iso(shown: str) -> int:
    """Milliseconds of an instant as messages show it."""
    return from_datetime(datetime.fromisoformat(shown))
