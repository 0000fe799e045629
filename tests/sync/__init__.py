"""From a change to everybody who must know."""
