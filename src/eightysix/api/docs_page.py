"""A page that shows every endpoint. It needs nothing from elsewhere: no script, no font, no other host."""

from collections.abc import Sequence
from html import escape

from eightysix.wire.language import Language

from .endpoint import Endpoint

_STYLE = """
:root{color-scheme:light dark;font:16px/1.5 system-ui,sans-serif}
body{max-width:60rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.5rem}
table{border-collapse:collapse;width:100%}
th,td{text-align:left;padding:.4rem .6rem;border-bottom:1px solid #8884;vertical-align:top}
code{font:.9em ui-monospace,monospace}
"""

_WORDS = {
    Language.ENGLISH: (
        "EightySix: the API",
        "Every call, its fields and its answers, for programs: ",
        "The messages of streams, webhooks and the message bus: ",
        "Send the key with each call: ",
        ("Call", "What it does", "Needs the right to"),
    ),
    Language.CHINESE: (
        "EightySix 接口",
        "全部接口、字段与返回值的机器可读描述：",
        "事件流、Webhook 与消息总线的消息描述：",
        "每次调用请携带密钥：",
        ("接口", "说明", "所需权限"),
    ),
}


def docs_page(table: Sequence[Endpoint], language: Language) -> bytes:
    """The page in the reader's language."""
    title, described, messages, key, columns = _WORDS[language]
    chinese = language is Language.CHINESE
    rows = "".join(
        f"<tr><td><code>{endpoint.method} {escape(endpoint.path)}</code></td>"
        f"<td>{escape(endpoint.summary[1 if chinese else 0])}</td>"
        f"<td>{'' if endpoint.action is None else f'<code>{endpoint.action.value}</code>'}</td></tr>"
        for endpoint in table
    )
    head = "".join(f"<th>{column}</th>" for column in columns)
    return (
        f'<!doctype html><html lang="{language.value}"><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width"><title>{title}</title><style>{_STYLE}</style>'
        f'<h1>{title}</h1><p>{described}<a href="/openapi.json">/openapi.json</a></p>'
        f'<p>{messages}<a href="/asyncapi.json">/asyncapi.json</a></p>'
        f"<p>{key}<code>Authorization: Bearer &lt;key&gt;</code></p>"
        f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></html>"
    ).encode()
