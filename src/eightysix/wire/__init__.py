"""Request bodies, answers and messages as types: what crosses the line, shared by api, sync, hub and client."""
