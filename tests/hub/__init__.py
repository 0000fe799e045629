"""The hub's own parts, each by itself."""
