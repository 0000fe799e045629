"""Where a service is."""

import httpx


def address(url: str) -> httpx.URL:
    """The service's address. ValueError for what isn't one."""
    try:
        found = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise ValueError(f"not an http address: {url}") from error
    if found.scheme not in {"http", "https"} or not found.host:
        raise ValueError(f"not an http address: {url}")
    return found
