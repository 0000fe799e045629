"""Which hub of which store a folder is: made once by a code, kept in a file that only its owner may read."""

import asyncio
import os
from pathlib import Path

import msgspec
from msgspec.structs import replace

from eightysix.client import AsyncClient, ClientError, Refused, Unauthorised
from eightysix.core.key import StoreKey
from eightysix.storage.hub_books import HubBooksTable
from eightysix.wire.language import Language

FILE = "hub.json"

_OWNER_ONLY = 0o600


class NotPaired(Exception):
    """The folder can't be used as it was asked for; the message says why and what to do."""


class Pairing(msgspec.Struct, frozen=True):
    """What the cloud gave for the code, and where that cloud is."""

    cloud: str
    brand_id: str
    poi_id: str
    hub_id: str
    key: str
    has_rows: bool = False
    """Whether the folder's database has ever had all of the cloud's rows. Before that nothing can be sold: a stock
    without a row would be taken for one without a limit."""

    @property
    def place(self) -> tuple[str, str]:
        return self.brand_id, self.poi_id

    @property
    def store(self) -> str:
        return f"{self.brand_id}/{self.poi_id}"


_decode = msgspec.json.Decoder(Pairing).decode


def read(folder: Path) -> Pairing | None:
    """The folder's pairing; None where it has none yet. Raises NotPaired for a file that can't be read."""
    path = folder / FILE
    try:
        return _decode(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError) as error:
        raise NotPaired(f"{path} can't be read: {error}") from error


def write(folder: Path, pairing: Pairing) -> None:
    """Keep the pairing, whole or not at all, as the key in it is shown only once. Raises NotPaired."""
    path, fresh = folder / FILE, folder / f"{FILE}.new"
    try:
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _OWNER_ONLY)
        with os.fdopen(descriptor, "wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(pairing)))
            file.flush()
            os.fsync(descriptor)
        fresh.replace(path)
        _sync(folder)
    except OSError as error:
        raise NotPaired(f"{path} can't be written: {error.strerror or error}") from error


def settled_in(folder: Path, pairing: Pairing) -> None:
    """Remember that all rows are there. Raises NotPaired."""
    write(folder, replace(pairing, has_rows=True))


async def as_it_is(folder: Path, pairing: Pairing, books: HubBooksTable) -> Pairing:
    """The pairing, as having no rows where the database is a new one: the one that had them was lost. To be asked
    before books are begun. Raises NotPaired."""
    if not pairing.has_rows or await books.books(StoreKey.of(*pairing.place)) is not None:
        return pairing
    fresh = replace(pairing, has_rows=False)
    await asyncio.to_thread(write, folder, fresh)
    return fresh


async def pair(folder: Path, cloud: str, store: str, code: str, *, name: str, language: Language) -> Pairing:
    """Redeem a code. Raises NotPaired.

    What the code gave is kept in any case, though it be for another store: it is given once, and with it the store has
    a hub.
    """
    _try_to_write(folder)
    async with AsyncClient(cloud, language=language) as client:
        try:
            made = await client.pair_hub(code, name)
        except ClientError as error:
            raise NotPaired(f"{cloud}: {error}") from error
    pairing = Pairing(cloud, made.brand_id, made.poi_id, made.hub_id, made.key)
    write(folder, pairing)
    check(pairing, store)
    return pairing


async def moved(folder: Path, pairing: Pairing, cloud: str, language: Language) -> Pairing:
    """The pairing with the cloud's new address, once it knows the hub there. Raises NotPaired."""
    async with AsyncClient(cloud, pairing.key, language=language) as client:
        try:
            await client.store_copy(pairing.place)
        except (Refused, Unauthorised) as error:
            raise NotPaired(
                f"{cloud} doesn't know the hub of {pairing.store} that was paired with {pairing.cloud}: {error}"
            ) from error
        except ClientError as error:
            raise NotPaired(f"{cloud} can't be reached, and was never asked before: {error}") from error
    changed = replace(pairing, cloud=cloud)
    write(folder, changed)
    return changed


def check(pairing: Pairing, store: str) -> None:
    """Raises NotPaired where the folder is another store's hub."""
    if pairing.store != store:
        raise NotPaired(
            f"this folder is the hub of {pairing.store}, not of {store}: start it with --store {pairing.store}, "
            "or give this store a folder and a code of its own"
        )


def _try_to_write(folder: Path) -> None:
    """A code works once: a folder that takes no file has to be known before it is sent."""
    probe = folder / f"{FILE}.new"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b" " * 4096)
        probe.unlink()
    except OSError as error:
        raise NotPaired(f"{folder} can't be written: {error.strerror or error}") from error


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
