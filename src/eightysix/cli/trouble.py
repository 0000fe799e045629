"""Why a command can't do its work, in the reader's language: our sentence, then what the part in question said."""

from eightysix.api.server import PortTaken
from eightysix.app import SchemaBehind
from eightysix.hub.pairing import NotPaired
from eightysix.settings import BadSetting
from eightysix.storage.migrate import SchemaAhead
from eightysix.storage.port import Rejected, StorageFault, Unavailable
from eightysix.storage.sqlite.lockfile import DatabaseInUse
from eightysix.storage.url import BadDatabaseUrl
from eightysix.sync.bus_url import BadBusUrl
from eightysix.sync.rocketmq.remoting import RemotingFailed

from .language import told

_SENTENCES: tuple[tuple[type[Exception], str, str], ...] = (
    (BadSetting, "A setting can't be used", "设置无效"),
    (NotPaired, "The hub can't start", "中枢无法启动"),
    (BadDatabaseUrl, "The database's address can't be used", "数据库地址无效"),
    (BadBusUrl, "The message bus's address can't be used", "消息总线地址无效"),
    (RemotingFailed, "The message bus can't be reached", "无法连接消息总线"),
    (PortTaken, "The address is taken", "监听地址已被占用"),
    (
        SchemaBehind,
        "The database's tables are older than this program",
        "数据库结构落后于本程序，请先运行 eightysix migrate",
    ),
    (SchemaAhead, "The database's tables are newer than this program", "数据库结构比本程序新，请升级程序"),
    (DatabaseInUse, "Another process uses this database", "该数据库正被另一个进程使用"),
    (Unavailable, "The database can't be reached", "无法连接数据库"),
    (Rejected, "The database can't be used as it is set up", "数据库的配置不符合要求"),
    (StorageFault, "The database can't be used", "数据库不可用"),
)
"""The first that fits tells."""


def trouble(error: Exception) -> str:
    """The sentence for `error`, with its own words behind it."""
    detail = str(error) or type(error).__name__
    for kind, english, chinese in _SENTENCES:
        if isinstance(error, kind):
            return told(f"{english}: {detail}", f"{chinese}：{detail}")
    return detail
