"""docs/CLI.md, made from the commands themselves."""

import typer
import typer.cli

from eightysix.cli import build

PATH = "docs/CLI.md"
_INTRODUCTION = """\
Made from the program by `make docs`; a test compares. Settings that commands share: [SETTINGS.md](SETTINGS.md).
With `EIGHTYSIX_LANG=zh-CN` the commands speak Chinese.
"""


def page() -> str:
    """The page as it should be."""
    command = typer.main.get_command(build())
    made = typer.cli.get_docs_for_click(obj=command, ctx=typer.Context(command), name="eightysix", title="Commands")
    title, rest = made.split("\n\n", 1)
    return f"{title}\n\n{_INTRODUCTION}\n{rest.strip()}\n"
