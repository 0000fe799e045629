"""The client as a command makes it, and what it says when a call doesn't succeed."""

import typer
from rich.console import Console

from eightysix.cli.language import speaks_chinese, told
from eightysix.client import Client, ClientError, Policy, Refused, Unauthorised

DEADLINE_SECONDS = 30.0


def caller(url: str, key: str | None, *, seconds: float = DEADLINE_SECONDS) -> Client:
    """A client that speaks the reader's language. ValueError for a bad address."""
    policy = Policy(deadline_seconds=seconds, attempt_seconds=seconds)
    return Client(url, key, connections=1, language="zh-CN" if speaks_chinese() else "en", policy=policy)


def given_up(fault: ClientError | ValueError, console: Console) -> typer.Exit:
    """Say what went wrong; the exit: 1 where the service refuses, 2 where nobody can be reached."""
    if isinstance(fault, Refused | Unauthorised):
        console.print(str(fault), style="red", markup=False, highlight=False)
        for row in fault.rows if isinstance(fault, Refused) else ():
            line = told(f"row {row.row}", f"第 {row.row} 行")
            console.print(f"  {line}: {row.field or ''} {row.message}", markup=False, highlight=False)
        return typer.Exit(1)
    sentence = told("The service can't be reached", "无法连接服务")
    console.print(f"{sentence}: {fault}", style="red", markup=False, highlight=False)
    return typer.Exit(2)
