"""What the pages tell a reader to type is typed here, against the demo that `make run` starts."""

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest

from tests.docs.__main__ import ROOT

from .example import Answer, Example, Take, steps

_PRINTED = {"ADDRESS": re.compile(r"(http://127\.0\.0\.1:\d+)\s"), "KEY": re.compile(r"\b(e86_[\w-]{40,})\s")}
PAGES = [path for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")] if steps(path)]


def commands(page: Path) -> list[str]:
    return [step.command for step in steps(page) if isinstance(step, Example)]


class Demo(NamedTuple):
    """A running demo: what it printed, as a shell's environment."""

    environment: dict[str, str]
    printed: str

    async def run(self, command: str) -> Answer:
        """Run a command as a reader would, with what was printed in ADDRESS and KEY."""
        shell = await asyncio.create_subprocess_exec(
            "bash", "-euc", f'curl() {{ command curl -sS -w "\\n%{{http_code}}" "$@"; }}\n{command}',
            env={**os.environ, "no_proxy": "127.0.0.1", **self.environment},
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, errors = await asyncio.wait_for(shell.communicate(), 60)
        assert shell.returncode == 0, errors.decode()
        content, _, status = out.decode().rpartition("\n")
        try:
            return Answer(int(status), msgspec.json.decode(content))
        except msgspec.DecodeError:
            return Answer(int(status), content)


@pytest.fixture
async def demo(tmp_path: Path) -> AsyncIterator[Demo]:
    """The demo with next to no guests, on a free port."""
    command = ("-c", "from eightysix.cli import main; main()", "demo", "--port", "0", "--rate", "0.1", "--folder")
    child = await asyncio.create_subprocess_exec(
        sys.executable, *command, str(tmp_path),
        env={**os.environ, "EIGHTYSIX_LANG": "en", "PYTHONUNBUFFERED": "1"},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    assert child.stdout is not None
    printed = ""
    try:
        async with asyncio.timeout(60):
            while "Ctrl-C" not in printed:
                line = await child.stdout.readline()
                assert line, printed
                printed += line.decode()
        found = {name: pattern.search(printed) for name, pattern in _PRINTED.items()}
        yield Demo({name: match[1] for name, match in found.items() if match}, printed)
        child.send_signal(signal.SIGINT)
        rest, _ = await asyncio.wait_for(child.communicate(), 60)
        assert child.returncode == 0, rest.decode()
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()


def test_every_page_with_commands_is_found() -> None:
    pages = {
        "README.md",
        "README.zh-CN.md",
        "KEYS.md",
        "STOCK.md",
        "CHANNELS.md",
        "RESTORE.md",
        "CHANGE_LOG.md",
        "WEBHOOKS.md",
        "SYNC.md",
        "HUB.md",
    }
    assert pages <= {page.name for page in PAGES}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
async def test_every_example_comes_to_what_the_page_says(page: Path, demo: Demo) -> None:
    """Each command is sent twice; what the page takes from an answer, it takes from the first."""
    first = Answer(0, {})
    for step in steps(page):
        if isinstance(step, Take):
            demo.environment[step.name] = str(first.body[step.field])
        else:
            first = await demo.run(step.command)
            step.check(first, await demo.run(step.command))


async def test_what_the_readme_says_of_refusals(demo: Demo) -> None:
    lock, deduct, *_ = commands(ROOT / "README.md")
    short = await demo.run(lock.replace("1005", "1001").replace('"quantity": 2', '"quantity": 5000'))
    assert (short.status, short.body["code"]) == (409, "OUT_OF_STOCK")
    [line] = short.body["shortages"]
    assert (line["sku_id"], line["requested"], line["blocked_by"]) == (1001, 5000, "quantity")
    assert 0 < line["available"] < 5000
    assert (await demo.run(lock)).status == (await demo.run(deduct)).status == 200
    late = await demo.run(lock)
    assert (late.status, late.body["code"]) == (409, "ALREADY_DEDUCTED")


async def test_the_call_that_the_demo_prints_works(demo: Demo) -> None:
    printed = next(line.strip() for line in demo.printed.splitlines() if line.strip().startswith("curl "))
    assert (await demo.run(printed)).status == 200
