"""What the cloud grants a hub of its store's stocks, and takes back."""

from .command import MoveGrants
from .shelf import Decision, Shelf


def move_grants(command: MoveGrants, shelf: Shelf) -> Decision:
    """Give what is there, up to what is asked; take back what the hub gives."""
    raise NotImplementedError
