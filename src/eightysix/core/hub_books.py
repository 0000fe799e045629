"""What a hub writes down for itself: requests, the cloud's answers, rows, acknowledgements."""

from .command import AckEvents, AskGrants, MirrorStock, SettleGrants, TellVerb
from .shelf import Decision, Shelf


def ask(command: AskGrants, shelf: Shelf) -> Decision:
    """Journal a request; what it gives back is the cloud's from now on."""
    raise NotImplementedError


def settle(command: SettleGrants, shelf: Shelf) -> Decision:
    """Take over what the cloud has given."""
    raise NotImplementedError


def mirror(command: MirrorStock, shelf: Shelf) -> Decision:
    """Take over rows of the cloud."""
    raise NotImplementedError


def acknowledge(command: AckEvents, shelf: Shelf) -> Decision:
    """Forget events that the cloud has stored."""
    raise NotImplementedError


def tell_verb(command: TellVerb, shelf: Shelf) -> Decision:
    """Journal a verb that the cloud decides on."""
    raise NotImplementedError
