"""Settling an incident: cancel what was promised too much, accept it, or count anew."""

from .command import ResolveIncident
from .shelf import Decision, Shelf


def resolve(command: ResolveIncident, shelf: Shelf) -> Decision:
    """Settle it once."""
    raise NotImplementedError
