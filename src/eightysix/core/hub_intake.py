"""What the cloud makes of a hub's journal (DESIGN section 7)."""

from .command import TellHubEvent
from .shelf import Decision, Shelf


def tell(command: TellHubEvent, shelf: Shelf) -> Decision:
    """Take over the journal's next event; one that is stored already is told so."""
    raise NotImplementedError
