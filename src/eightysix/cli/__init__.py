"""The commands, one file each: a file `import_menu.py` with a function `import_menu` is the command `import-menu`."""

import sys
from importlib import import_module
from inspect import getdoc

import typer

from .language import told

_COMMANDS = {
    "bench": "在同一个 PostgreSQL 上、同一次运行中，与手写 SQL 并列比较。",
    "bus_setup": "在消息总线上建立主题和消费组；已有的保持一致，可重复执行。",
    "check": "校验数据库的全部约束；有破坏时退出码为 1，无法读取时为 2。",
    "demo": "启动演示：服务、品牌、门店、菜单和实时订单。结束时全部删除。",
    "export_log": "把门店的变更记录写成 CSV（从新到旧）。服务拒绝时退出码为 1，无法连接时为 2。",
    "export_stock": "把库存导出为 CSV，可修改后再用 import-stock 导入。",
    "hub": "运行门店中枢，直到 SIGTERM 或 Ctrl-C。首次启动需要配对码；export 可手工保存日志。",
    "import_menu": "导入菜单，全部成功或全部不导入。服务拒绝时退出码为 1，无法连接时为 2。",
    "import_stock": "导入 CSV 库存，逐行给出结果；有行被拒绝时退出码为 1，无法连接时为 2。",
    "migrate": "把数据库升级到本程序的表结构。",
    "new_generation": "从备份恢复数据库后开始新的一代：所有跟随门店的设备都会重新拉取全部数据。",
    "platform_key": "直接在数据库中新建平台密钥，用于没有任何可用平台密钥时。",
    "reconcile": "核对门店的计数与设备的数据；有差异未修复时退出码为 1，无法连接时为 2。",
    "replay": "重放历史订单。有行对不上或校验有问题时退出码为 1，输入有误时为 2。",
    "serve": "提供 API 服务，直到 SIGTERM 或 Ctrl-C；已接受的请求都会先得到答复。",
    "settings": "列出每项设置、取值及来源；密码等不显示。",
}
"""Every command, and what it does; in English its docstring says so."""


def build(wanted: str | None = None) -> typer.Typer:
    """The application with every command; or with `wanted` alone, which spares loading what the others need."""
    about = told("The stock service for restaurant platforms.", "餐饮平台的库存服务。")
    app = typer.Typer(
        name="eightysix",
        help=about,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_show_locals=False,  # locals may hold secrets
    )
    app.callback(help=about)(_nothing)  # or a single command would be taken for the whole application
    for name, chinese in _COMMANDS.items():
        called = name.replace("_", "-")
        if wanted is not None and called != wanted:
            continue
        module = import_module(f"{__name__}.{name}")
        command = getattr(module, name)
        says = told(getdoc(command) or "", chinese)
        if hasattr(module, "commands"):  # it has others within
            app.add_typer(module.commands, name=called, help=says)
        else:
            app.command(called, help=says)(command)
    return app


def _nothing() -> None: ...


def main() -> None:
    """The console script."""
    first = sys.argv[1] if len(sys.argv) > 1 else ""
    build(first if first.replace("-", "_") in _COMMANDS else None)()
