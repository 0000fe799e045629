"""The status as a page for people, in their language. It needs nothing from elsewhere: no script, no font."""

from html import escape

from eightysix.wire.language import Language

from .status import HubStatus

_STYLE = """
:root{color-scheme:light dark;font:16px/1.5 system-ui,sans-serif}
body{max-width:60rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.5rem}h2{font-size:1.1rem;margin-top:2rem}
table{border-collapse:collapse;width:100%}
th,td{text-align:left;padding:.3rem .6rem;border-bottom:1px solid #8884;vertical-align:top}
.good{color:#080}.bad{color:#c00}@media(prefers-color-scheme:dark){.good{color:#5d5}.bad{color:#f77}}
"""

_REFRESH_SECONDS = 5

_WORDS = {
    Language.ENGLISH: {
        "title": "The hub of {store}",
        "online": "Online",
        "offline": "Offline: the store sells on from what the hub holds",
        "since": "since {at}",
        "cloud": "Cloud",
        "hub": "Hub",
        "waiting": "Events that the cloud hasn't stored yet",
        "oldest": "The oldest of them",
        "seconds": "{n} s ago",
        "seq": "Last event, last stored",
        "requests": "Requests without an answer",
        "orders": "Live orders of the cloud",
        "cursor": "Cursor",
        "clock": "This clock is ahead of the cloud's by",
        "clock_off": "more than two minutes: set it right",
        "file": "File",
        "file_well": "takes what is written",
        "troubles": "Needs somebody",
        "errors": "What went wrong last",
        "grants": "What the hub holds",
        "columns": ("Item", "Held", "Free here", "The cloud's part"),
        "none": "nothing",
        "unknown": "not known yet",
    },
    Language.CHINESE: {
        "title": "门店中枢：{store}",
        "online": "在线",
        "offline": "离线：门店继续用中枢持有的额度售卖",
        "since": "自 {at}",
        "cloud": "云端",
        "hub": "中枢",
        "waiting": "云端尚未存下的事件",
        "oldest": "其中最早的",
        "seconds": "{n} 秒前",
        "seq": "最后的事件、最后已存下的事件",
        "requests": "未得到应答的额度申请",
        "orders": "云端的有效订单",
        "cursor": "游标",
        "clock": "本机时钟比云端快",
        "clock_off": "超过两分钟，请校准时钟",
        "file": "文件",
        "file_well": "可以写入",
        "troubles": "需要人工处理",
        "errors": "最近的错误",
        "grants": "中枢持有的额度",
        "columns": ("菜品", "持有", "可用", "云端部分"),
        "none": "无",
        "unknown": "尚未得知",
    },
}

_TROUBLES = {
    Language.ENGLISH: {
        "fenced": "this hub was replaced; what it holds was written off",
        "unknown": "the cloud doesn't know this hub or its key",
        "journal_lost": "the cloud was put back to an earlier state and lacks events that it had stored",
        "journal_mismatch": "this hub was put back to an earlier state; the cloud has other events",
        "totals_differ": "hub and cloud don't agree about what the hub holds",
        "refused": "the cloud refuses; the two programs may not fit each other",
    },
    Language.CHINESE: {
        "fenced": "本中枢已被替换，其持有的额度已核销",
        "unknown": "云端不认识本中枢或其密钥",
        "journal_lost": "云端被恢复到较早的状态，缺少它曾存下的事件",
        "journal_mismatch": "本中枢被恢复到较早的状态，云端存有其他事件",
        "totals_differ": "中枢与云端对持有额度的记录不一致",
        "refused": "云端拒绝；两个程序的版本可能不匹配",
    },
}


def status_page(status: HubStatus, language: Language) -> bytes:
    """The page; it asks for itself again every few seconds."""
    words = _WORDS[language]
    title = escape(str(words["title"]).format(store=f"{status.brand_id}/{status.poi_id}"))
    state = f'<p class="{"good" if status.online else "bad"}"><b>{words["online" if status.online else "offline"]}</b>'
    if status.since is not None:
        state += " " + str(words["since"]).format(at=escape(status.since))
    return (
        f'<!doctype html><html lang="{language.value}"><meta charset="utf-8">'
        f'<meta http-equiv="refresh" content="{_REFRESH_SECONDS}">'
        f'<meta name="viewport" content="width=device-width"><title>{title}</title><style>{_STYLE}</style>'
        f"<h1>{title}</h1>{state}</p>{_facts(status, language)}{_troubles(status, language)}"
        f"{_errors(status, language)}{_grants(status, language)}</html>"
    ).encode()


def _facts(status: HubStatus, language: Language) -> str:
    words, journal = _WORDS[language], status.journal
    age = journal.oldest_age_seconds
    ahead = status.clock_ahead_ms
    clock = str(words["unknown"]) if ahead is None else f"{ahead / 1000:.1f} s"
    if status.clock_is_off:
        clock += f' <b class="bad">{words["clock_off"]}</b>'
    why = status.file.why
    file = f"<span>{words['file_well']}</span>" if why is None else f'<b class="bad">{escape(why)}</b>'
    rows = (
        ("waiting", str(journal.waiting)),
        ("oldest", str(words["none"]) if age is None else str(words["seconds"]).format(n=age)),
        ("seq", f"{journal.last_seq}, {journal.acked_seq}"),
        ("requests", str(status.open_requests)),
        ("orders", str(status.cloud_orders)),
        ("clock", clock),
        ("file", f"{escape(status.file.path)}: {file}"),
        ("cloud", escape(status.cloud)),
        ("hub", escape(status.hub_id)),
        ("cursor", escape(status.cursor or str(words["none"]))),
    )
    return "<table>" + "".join(f"<tr><th>{words[name]}</th><td>{shown}</td></tr>" for name, shown in rows) + "</table>"


def _troubles(status: HubStatus, language: Language) -> str:
    if not status.troubles:
        return ""
    known = _TROUBLES[language]
    shown = "".join(f"<li>{escape(duty)}: {known.get(word, word)}</li>" for duty, word in status.troubles.items())
    return f'<h2 class="bad">{_WORDS[language]["troubles"]}</h2><ul>{shown}</ul>'


def _errors(status: HubStatus, language: Language) -> str:
    if not status.errors:
        return ""
    rows = "".join(
        f"<tr><td>{escape(each.at)}</td><td>{escape(each.call)}</td><td>{escape(each.why)}</td></tr>"
        for each in status.errors
    )
    return f"<h2>{_WORDS[language]['errors']}</h2><table>{rows}</table>"


def _grants(status: HubStatus, language: Language) -> str:
    words = _WORDS[language]
    head = "".join(f"<th>{name}</th>" for name in words["columns"])
    rows = "".join(
        f"<tr><td>{'SPU' if each.object_type == 1 else 'SKU'} {each.object_id}</td>"
        f"<td>{each.held}</td><td>{each.free}</td><td>{each.cloud}</td></tr>"
        for each in status.grants
    )
    return f"<h2>{words['grants']}</h2><table><tr>{head}</tr>{rows}</table>"
