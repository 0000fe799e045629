"""Writes the pages that are made from the program: `make docs`."""

import sys
from pathlib import Path

from tests.docs import command_page, http_page

ROOT = Path(__file__).parents[2]

if __name__ == "__main__":
    for page in (command_page, http_page):
        (ROOT / page.PATH).write_text(page.page(), encoding="utf-8")
        sys.stdout.write(f"{page.PATH}\n")
