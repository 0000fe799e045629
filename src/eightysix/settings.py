"""Every setting, read once from the environment and a file, and passed on as values.

The environment (`EIGHTYSIX_<NAME>`) wins over the file, the file over the default; a command's option wins over all.
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

PREFIX = "EIGHTYSIX_"
FILE = "eightysix.toml"


class BadSetting(ValueError):
    """A setting can't be used; the message names it and where it stands."""


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What can be set. Durations end in their unit."""

    database_url: str = "sqlite:///var/eightysix.db"
    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535)] = 8686
    workers: Annotated[int, Meta(ge=1, le=64)] = 1
    lang: str = "en"
    log_level: str = "info"
    lanes_per_shard: Annotated[int, Meta(ge=1, le=64)] | None = None
    queue_commands: Annotated[int, Meta(ge=1)] = 4096
    deadline_seconds: Annotated[float, Meta(ge=0.01, le=60)] = 2.0
    catalog_refresh_seconds: Annotated[float, Meta(ge=0.01, le=4)] = 1.0
    """At most 4: a revoked key must work nowhere after 5 s."""
    log_retention_days: Annotated[int, Meta(ge=30, le=36_500)] = 400
    webhook_allow_private: bool = False
    webhook_allow_http: bool = False
    webhook_retention_days: Annotated[int, Meta(ge=1, le=3_650)] = 14
    streams: Annotated[int, Meta(ge=0, le=100_000)] = 10_000
    """Of one process, at most. Each is an open file: see `ulimit -n`."""
    stream_heartbeat_seconds: Annotated[float, Meta(ge=0.05, le=300)] = 15.0
    stream_check_seconds: Annotated[float, Meta(ge=0.05, le=60)] = 2.0
    """How often the streams' places are compared with the stores' heads."""
    stream_stall_seconds: Annotated[float, Meta(ge=0.1, le=600)] = 30.0
    lag_seconds: Annotated[float, Meta(ge=0.1, le=86_400)] = 30.0
    """A device whose oldest change not acknowledged is older than that lags."""
    stop_seconds: Annotated[float, Meta(ge=0, le=3600)] = 10.0
    bus_url: str = ""
    """Empty: the bus within this process."""
    relay: bool = True
    relay_tries: Annotated[int, Meta(ge=1, le=1000)] = 8
    relay_drain_seconds: Annotated[float, Meta(ge=0, le=3600)] = 5.0
    order_events: bool | None = None
    """Whether events of the order service are consumed; None: where the bus reaches others than this process."""
    order_event_wait_seconds: Annotated[float, Meta(ge=1, le=86_400)] = 900.0
    order_event_retention_days: Annotated[int, Meta(ge=31, le=36_500)] = 90
    """Above the 30 days that an event may be old."""


class Found(msgspec.Struct, frozen=True):
    """One setting's value and where it came from."""

    name: str
    value: Any
    origin: str


def load(
    environment: Mapping[str, str], file: Path | None = None, options: Mapping[str, Any] | None = None
) -> tuple[Settings, list[Found]]:
    """The settings, and each with its origin. Raises `BadSetting`."""
    origins: dict[str, str] = {}
    values: dict[str, Any] = {}
    path = file or Path(environment.get(PREFIX + "CONFIG", FILE))
    named = file is not None or PREFIX + "CONFIG" in environment
    for name, value in _file(path, must_exist=named).items():
        values[name], origins[name] = value, str(path)
    for name in Settings.__struct_fields__:
        if (value := environment.get(PREFIX + name.upper())) is not None:
            values[name], origins[name] = value, PREFIX + name.upper()
    for name, value in (options or {}).items():
        if value is not None:
            values[name], origins[name] = value, f"--{name.removesuffix('_url').replace('_', '-')}"
    settings = _settings(values, origins)
    found = [
        Found(name, shown(name, getattr(settings, name)), origins.get(name, "default"))
        for name in Settings.__struct_fields__
    ]
    return settings, found


def shown(name: str, value: Any) -> Any:
    """A setting as it may be seen: a URL without its password."""
    if not name.endswith("_url") or not value:
        return value
    try:
        return make_url(value).render_as_string(hide_password=True)
    except (ArgumentError, ValueError):  # the second where it has several hosts
        return "***" if "@" in value else value


def _settings(values: Mapping[str, Any], origins: Mapping[str, str]) -> Settings:
    unknown = sorted(set(values) - set(Settings.__struct_fields__))
    if unknown:
        raise BadSetting(f"{unknown[0]}: no such setting (in {origins[unknown[0]]})")
    for name, value in values.items():
        try:
            msgspec.convert({name: value}, Settings, strict=False)
        except msgspec.ValidationError as error:
            raise BadSetting(f"{name}: {error} (in {origins[name]})") from None
    return msgspec.convert(dict(values), Settings, strict=False)


def _file(path: Path, *, must_exist: bool) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except FileNotFoundError:
        if must_exist:
            raise BadSetting(f"{path}: no such file") from None
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadSetting(f"{path}: {error}") from None
