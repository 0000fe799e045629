"""The commands, one file each: a file `import_menu.py` with a function `import_menu` is the command `import-menu`."""

import pkgutil
from importlib import import_module

import typer

from .language import told


def build() -> typer.Typer:
    """The application with every command that has a file here."""
    app = typer.Typer(
        name="eightysix",
        help=told("The stock service for restaurant platforms.", "餐饮平台的库存服务。"),
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_show_locals=False,  # locals may hold secrets
    )
    for found in pkgutil.iter_modules(__path__):
        command = None if found.ispkg else getattr(import_module(f"{__name__}.{found.name}"), found.name, None)
        if callable(command):
            app.command(found.name.replace("_", "-"))(command)
    return app


def main() -> None:
    """The console script."""
    build()()
