"""What the pages tell a reader to type is typed here, against the demo that `make run` starts."""

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from tests.docs.__main__ import ROOT

_BLOCK = re.compile(r"^```(?:sh|bash)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_CURL = re.compile(r"^curl .*?(?=^curl |\Z)", re.MULTILINE | re.DOTALL)
_PRINTED = {"ADDRESS": re.compile(r"(http://127\.0\.0\.1:\d+)\s"), "KEY": re.compile(r"\b(e86_[\w-]{40,})\s")}


def examples(page: Path) -> list[str]:
    """Every curl command of a page, in order."""
    blocks = _BLOCK.findall(page.read_text(encoding="utf-8"))
    return [command.strip() for block in blocks for command in _CURL.findall(block)]


PAGES = [path for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")] if examples(path)]


class Answer(NamedTuple):
    """What curl got."""

    status: int
    body: dict[str, Any]


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
        return Answer(int(status), msgspec.json.decode(content))


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


def test_both_readmes_have_examples() -> None:
    assert {"README.md", "README.zh-CN.md"} <= {page.name for page in PAGES}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
async def test_every_example_succeeds_and_a_repeat_replays(page: Path, demo: Demo) -> None:
    for command in examples(page):
        first = await demo.run(command)
        assert 200 <= first.status < 300, (command, first)
        again = await demo.run(command)
        assert again == (200, first.body | {"replayed": True}), command


async def test_what_the_readme_says_of_refusals(demo: Demo) -> None:
    lock, deduct = examples(ROOT / "README.md")
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
