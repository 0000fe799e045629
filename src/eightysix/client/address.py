"""Where a service is."""

from urllib.parse import urlsplit, urlunsplit


def address(url: str) -> str:
    """The service's address, its host as DNS has it. ValueError for what isn't one."""
    try:
        parts = urlsplit(url)
        port, host = parts.port, (parts.hostname or "").encode("idna").decode()
    except ValueError as error:
        raise ValueError(f"not an http address: {url}") from error
    if parts.scheme not in {"http", "https"} or not host or any(sign.isspace() for sign in url):
        raise ValueError(f"not an http address: {url}")
    if parts.netloc.isascii():
        return url
    who, at, _ = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=who + at + host + (f":{port}" if port else "")))
