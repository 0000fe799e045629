"""A conversation of many calls as a value: what comes of it is given one by one."""

from collections.abc import Callable
from typing import Generic, TypeVar

import msgspec

from .setup import Setup
from .step import Steps

T = TypeVar("T")


class Series(msgspec.Struct, Generic[T], frozen=True):
    """`steps` gives T."""

    steps: Callable[[Setup], Steps[None]]
