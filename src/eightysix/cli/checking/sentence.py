"""A finding in words, in English and Chinese."""

from collections.abc import Mapping

from eightysix.cli.language import speaks_chinese
from eightysix.core.finding import Finding, Rule
from eightysix.core.quantity import as_number

_QUANTITIES = frozenset({
    Rule.LOCKED_SUM, Rule.NEGATIVE, Rule.PROMISED, Rule.LOG_COUNTERS, Rule.LOG_STEP, Rule.LOG_BEFORE, Rule.LOG_ORDER,
    Rule.RESERVATION_QUANTITY, Rule.RESERVATION_STATE, Rule.CHANNEL_USED, Rule.OVERSOLD_INCIDENTS,
})  # fmt: skip

SENTENCES: Mapping[Rule, tuple[str, str]] = {
    Rule.LOCKED_SUM: (
        "{item}: locked is {found}, but the live locks hold {expected}.",
        "{item}：锁定数量为 {found}，但有效锁定合计为 {expected}。",
    ),
    Rule.NEGATIVE: ("{item}: {detail} is {found}, below zero.", "{item}：{detail} 为 {found}，小于零。"),
    Rule.PROMISED: (
        "{item}: {found} are promised, but only {expected} are there.",
        "{item}：已承诺 {found}，但实际只有 {expected}。",
    ),
    Rule.TURN: (
        "{item}: its status is {found}, but with this count and no manual 86 it must be {expected}.",
        "{item}：状态为 {found}，但按当前数量且未人工估清，应为 {expected}。",
    ),
    Rule.VERSION: (
        "{item}: the version is {found}, the log says {expected}.",
        "{item}：版本为 {found}，而日志为 {expected}。",
    ),
    Rule.LOG_COUNTERS: (
        "{item}: {detail} is {found}, the last log row says {expected}.",
        "{item}：{detail} 为 {found}，而最后一条日志为 {expected}。",
    ),
    Rule.LOG_STEP: (
        "{item}: log row {seq} ({detail} of {expected}, order {order}) does not explain the change of {found}.",
        "{item}：日志 {seq}（{detail} {expected}，订单 {order}）无法解释 {found} 的变化。",
    ),
    Rule.LOG_BEFORE: (
        "{item}: log row {seq} starts from {found} ({detail}), but the one before it ended at {expected}.",
        "{item}：日志 {seq} 变更前的 {detail} 为 {found}，而上一条日志变更后为 {expected}。",
    ),
    Rule.LOG_CHAIN: (
        "Up to log row {seq} the last one of this {detail} (order {order}) is {expected}, but {found} is named.",
        "截至日志 {seq}，该 {detail}（订单 {order}）的最后一条日志为 {expected}，但记录的是 {found}。",
    ),
    Rule.LOG_GAP: ("Sequence value {seq} is missing in the log, or there twice.", "日志中序号 {seq} 缺失或重复。"),
    Rule.LOG_TIME: (
        "Time goes back at sequence value {seq}: from {expected} to {found} ms.",
        "序号 {seq} 处时间倒退：从 {expected} 到 {found} 毫秒。",
    ),
    Rule.LOG_STOCK: (
        "{item}: the log names it at {seq}, but it has no row.",
        "{item}：日志 {seq} 提到它，但没有对应的库存行。",
    ),
    Rule.LOG_ORDER: (
        "{item}: order {order} holds {expected}, but by the log it should hold {found}.",
        "{item}：订单 {order} 持有 {expected}，但按日志应为 {found}。",
    ),
    Rule.OUTBOX_CHAIN: (
        "The chain of messages is broken at {seq}: it names {found} instead of {expected}.",
        "消息链在 {seq} 处断开：指向 {found}，应为 {expected}。",
    ),
    Rule.OUTBOX_STOCK: (
        "{item}: message {seq} points at it, but that change was of another item.",
        "{item}：消息 {seq} 指向它，但该变更属于另一商品。",
    ),
    Rule.DUE_MISSING: (
        "Order {order} holds locks until {expected}, but its due row says {found}.",
        "订单 {order} 的锁定到 {expected} 为止，但到期记录为 {found}。",
    ),
    Rule.DUE_IDLE: (
        "Order {order} holds nothing, but has a due row at {found}.",
        "订单 {order} 没有任何锁定，却有到期记录 {found}。",
    ),
    Rule.EXPIRY_APART: (
        "The locks of order {order} die at different times: {found} and {expected}.",
        "订单 {order} 的锁定到期时间不一致：{found} 与 {expected}。",
    ),
    Rule.CLOSED_HOLDS: ("Order {order} is closed, but still holds stock.", "订单 {order} 已关闭，却仍持有库存。"),
    Rule.RESERVATION_QUANTITY: (
        "Order {order}, line {detail}: {found} returned of {expected} paid.",
        "订单 {order} 的行 {detail}：已付 {expected}，却退回 {found}。",
    ),
    Rule.RESERVATION_STATE: (
        "Order {order}, line {detail}: it counts as returned in full, with {found} of {expected}.",
        "订单 {order} 的行 {detail}：标记为全部退回，实际 {found}/{expected}。",
    ),
    Rule.CHANNEL_USED: (
        "{item}: channel {detail} has used {found}, its reservations say {expected}.",
        "{item}：渠道 {detail} 已用 {found}，而预占记录合计为 {expected}。",
    ),
    Rule.RESTORE_TWICE: (
        "{item}: log row {seq} restores it for slot {found}, after one for {expected} or later.",
        "{item}：日志 {seq} 按时段 {found} 恢复，而此前已恢复到 {expected} 或更晚。",
    ),
    Rule.RESTORE_ROW: (
        "{item}: its period begins at {found}, but log row {seq} restored it at {expected}.",
        "{item}：周期起点为 {found}，但日志 {seq} 在 {expected} 恢复了它。",
    ),
    Rule.TIMER_LATE: (
        "{item}: it is due at {expected}, but the store's timer wakes at {found}.",
        "{item}：应在 {expected} 恢复，但门店定时器为 {found}。",
    ),
    Rule.JOURNAL_POSITION: (
        "Log row {seq} tells of event {found} of journal {detail}, which stands at {expected}.",
        "日志 {seq} 含有设备日志 {detail} 的事件 {found}，而该设备日志只到 {expected}。",
    ),
    Rule.HUB_GRANT: (
        "{item}, order {order}: no hub may hold anything of it, yet {found} is granted or locked {detail}.",
        "{item}，订单 {order}：不应有门店主机持有它，但仍有 {found} 被分配或锁定 {detail}。",
    ),
    Rule.HUB_JOURNAL: (
        "The hub's journal is broken at event {seq} ({detail}): {expected} was expected, {found} found.",
        "门店主机日志在事件 {seq} 处断裂（{detail}）：应为 {expected}，实际为 {found}。",
    ),
    Rule.HUB_WAITS: (
        "{item}: the hub waits for something that it never wrote down ({detail}): {found}, of {expected}.",
        "{item}：门店主机在等待从未记录的事项（{detail}）：{found}，应为 {expected}。",
    ),
    Rule.OVERSOLD_INCIDENTS: (
        "{item}: oversold by {found}, but open incidents account for {expected} only.",
        "{item}：超卖 {found}，但事故记录只有 {expected}。",
    ),
}


def sentence(finding: Finding) -> str:
    """What is wrong, where, in the reader's language."""
    english, chinese = SENTENCES[finding.rule]
    values = {
        "item": _item(finding),
        "order": finding.order_id or "–",
        "seq": finding.seq,
        "detail": finding.detail,
        "expected": _shown(finding, finding.expected),
        "found": _shown(finding, finding.found),
    }
    where = f"[{finding.store.brand_id}/{finding.store.poi_id}] "
    return where + (chinese if speaks_chinese() else english).format(**values)


def _item(finding: Finding) -> str:
    if finding.key is None:
        return "store" if not speaks_chinese() else "门店"
    return f"{'SPU' if finding.key.object_type == 1 else 'SKU'} {finding.key.object_id}"


def _shown(finding: Finding, value: int | None) -> str:
    if value is None:
        return "–"
    return str(as_number(value)) if finding.rule in _QUANTITIES else str(value)
