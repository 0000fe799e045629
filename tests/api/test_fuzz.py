"""Schemathesis reads the OpenAPI document and sends what fits and what doesn't: no 5xx, no undocumented answer."""

import asyncio
import os
import sys
from pathlib import Path

from .shop import Shop

_CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
_EXAMPLES = os.environ.get("EIGHTYSIX_TEST_FUZZ_EXAMPLES", "3")


async def test_no_fault_and_nothing_undocumented(own_shop: Shop, tmp_path: Path) -> None:
    program = Path(sys.executable).with_name("schemathesis")
    child = await asyncio.create_subprocess_exec(
        program, "run", f"{own_shop.http.base_url}/openapi.json", "--header", f"Authorization: Bearer {own_shop.key}",
        "--checks", _CHECKS, "--max-examples", _EXAMPLES, "--phases", "coverage,fuzzing", "--no-color",
        "--continue-on-failure", cwd=tmp_path, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    told, _ = await asyncio.wait_for(child.communicate(), 110)
    assert child.returncode == 0, told.decode()[-8000:]
