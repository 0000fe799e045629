"""A hub that is gone: its grants are written off, and it is fenced."""

from .command import WriteOffHub
from .shelf import Decision, Shelf


def write_off(command: WriteOffHub, shelf: Shelf) -> Decision:
    """Lower real and grant of every stock by what the hub holds, with an incident each."""
    raise NotImplementedError
