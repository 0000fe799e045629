"""Schemathesis over /openapi.json of a real service: what fits is served, the rest refused, nothing undocumented.

Orders and stocks go first, on the brand that was set up; the rest changes and removes brands, stores, items and keys.
EIGHTYSIX_TEST_FUZZ_EXAMPLES (default 10) is the number of random requests an operation; with more, each run is another
one and its seed is in the output.
"""

import asyncio
import os
import re
import sys
from pathlib import Path

import httpx
import pytest

from .service import Served, serving

HERE = Path(__file__).parent
EXAMPLES = int(os.environ.get("EIGHTYSIX_TEST_FUZZ_EXAMPLES", "10"))
LIMIT_SECONDS = 240 if EXAMPLES <= 10 else 60 * EXAMPLES
ORDERS = "/stock/"


async def fuzz(served: Served, key_id: str, folder: Path, *options: str) -> str:
    """One run of schemathesis; answers what it printed, or fails with that."""
    chosen = ("--generation-deterministic",) if EXAMPLES <= 10 else ("--generation-database", "none")
    child = await asyncio.create_subprocess_exec(
        Path(sys.executable).with_name("schemathesis"), "--config-file", HERE / "schemathesis.toml",
        "run", f"{served.url}/openapi.json", "--header", f"Authorization: Bearer {served.key}", "--no-color",
        "--max-examples", str(EXAMPLES), *chosen, *options, cwd=folder, stdin=asyncio.subprocess.DEVNULL,
        env={**os.environ, "FUZZ_HOOKS": str(HERE / "hooks.py"), "FUZZ_KEY_ID": key_id},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        told, _ = await asyncio.wait_for(child.communicate(), LIMIT_SECONDS)
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    assert child.returncode == 0, told.decode()[-20_000:]
    return told.decode()


def selected(told: str) -> tuple[int, int]:
    """How many operations a run took, and how many there are."""
    found = re.search(r"Selected: (\d+)/(\d+)", told)
    assert found is not None
    return int(found[1]), int(found[2])


@pytest.mark.timeout(2 * LIMIT_SECONDS + 60)
async def test_the_document_tells_the_truth(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        async with httpx.AsyncClient(base_url=served.url, headers={"authorization": f"Bearer {served.key}"}) as http:
            key_id = (await http.get("/api/v1/keys")).json()["items"][0]["key_id"]
            orders = await fuzz(served, key_id, tmp_path, "--include-path-regex", ORDERS)
            others = await fuzz(served, key_id, tmp_path, "--exclude-path-regex", ORDERS)
            assert (await http.get("/api/v1/keys")).status_code == 200  # the key was good to the end
        (some, all_), (rest, _) = selected(orders), selected(others)
        assert some + rest == all_
        assert "returned only 401/403" not in orders + others
        assert await served.stop() == 0
        assert served.faults() == ""
        assert await served.audit() == ""
