"""`eightysix bus-setup`: the topics and groups of consumers that a message bus must have before it is used."""

import os
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from eightysix.settings import BadSetting, load
from eightysix.sync.bus_url import BadBusUrl, set_up_bus
from eightysix.sync.rocketmq.remoting import RemotingFailed

from .language import told
from .trouble import trouble


def bus_setup(
    bus: Annotated[str | None, typer.Option(help=told("The bus's URL.", "消息总线地址。"))] = None,
    config: Annotated[Path | None, typer.Option(help=told("A TOML file of settings.", "TOML 设置文件。"))] = None,
) -> None:
    """Make the topics and groups of consumers on the message bus; what is there stays as it is."""
    try:
        settings, _ = load(os.environ, config, {"bus_url": bus})
        topics = set_up_bus(settings.bus_url)
    except (BadSetting, BadBusUrl, RemotingFailed) as error:
        Console(stderr=True).print(trouble(error), style="red", markup=False)
        raise typer.Exit(2) from None
    if topics:
        typer.echo(told(f"Topics: {', '.join(topics)}.", f"主题：{'、'.join(topics)}。"))
    else:
        typer.echo(told("The bus within a process needs no topics.", "进程内总线无需建立主题。"))
