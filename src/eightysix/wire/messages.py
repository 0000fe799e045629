"""Every message in both languages: what is wrong and, where it is known, where."""

from collections.abc import Mapping

from eightysix.core.outcome import Code

from .language import Language
from .problem import Problem

MESSAGES: dict[Problem | Code, tuple[str, str]] = {
    Problem.BODY_TOO_LARGE: (
        "The body is larger than {most} bytes.",
        "请求体超过 {most} 字节。",
    ),
    Problem.BODY_BROKEN: ("The body broke off, or its chunks are wrong.", "请求体中断或分块有误。"),
    Problem.MALFORMED_JSON: ("The body is not valid JSON: {why}.", "请求体不是有效的 JSON：{why}。"),
    Problem.WRONG_TYPE: ("Expected {expected}, got {got}.", "类型错误：应为 {expected}，实为 {got}。"),
    Problem.MISSING_FIELD: ("A required field is missing.", "缺少必填字段。"),
    Problem.UNKNOWN_FIELD: ("There is no such field here.", "未知字段。"),
    Problem.UNAUTHENTICATED: (
        "A valid key is needed: Authorization: Bearer <key>.",
        "需要有效的密钥：Authorization: Bearer <key>。",
    ),
    Problem.TOO_MANY_REQUESTS: (
        "This key may call {limit} times a second; try again shortly.",
        "该密钥每秒最多调用 {limit} 次，请稍后重试。",
    ),
    Problem.TOO_MANY_PAIRINGS: (
        "Too many pairing codes are being tried; try again shortly.",
        "配对码尝试过于频繁，请稍后重试。",
    ),
    Problem.FORBIDDEN: ("The role {role} may not do this.", "角色 {role} 无权执行此操作。"),
    Problem.NOT_FOUND: ("There is nothing at this address.", "该地址不存在。"),
    Problem.KEY_NOT_FOUND: ("There is no such key.", "密钥不存在。"),
    Problem.WEBHOOK_NOT_FOUND: ("There is no such webhook.", "Webhook 不存在。"),
    Problem.METHOD_NOT_ALLOWED: ("This address does not take {method}.", "该地址不支持 {method} 方法。"),
    Problem.UNKNOWN_VALUE: ("Not one of the known values.", "不是允许的取值。"),
    Problem.ID_INVALID: (
        "An id has 1 to {maximum} printable characters and no space at either end.",
        "标识须为 1 到 {maximum} 个可打印字符，首尾不能有空格。",
    ),
    Problem.NUMBER_OUT_OF_RANGE: (
        "The number must be from {least} to {most}.",
        "数值须在 {least} 到 {most} 之间。",
    ),
    Problem.TEXT_INVALID: (
        "The text must have 1 to {maximum} characters and no control characters.",
        "文本须为 1 到 {maximum} 个字符，且不含控制字符。",
    ),
    Problem.TOO_MANY: ("At most {most} are allowed in one call.", "一次调用最多允许 {most} 个。"),
    Problem.EMPTY: ("At least one is needed.", "至少需要一个。"),
    Problem.VALUE_INVALID: ("The value is wrong: {why}.", "取值错误：{why}。"),
    Problem.CSV_INVALID: (
        "The file has {count} wrong rows; nothing was imported.",
        "文件有 {count} 行错误，未导入任何内容。",
    ),
    Problem.ALREADY_EXISTS: ("It exists already: {what}.", "已存在：{what}。"),
    Problem.STILL_IN_USE: ("It is still used by {what}.", "仍被使用：{what}。"),
    Problem.ROTATION_RUNNING: (
        "The secret before the last rotation works until {until}; wait for that, or rotate without an overlap.",
        "上次轮换前的密钥在 {until} 前仍有效，请等待其失效，或不设重叠期轮换。",
    ),
    Problem.PAIRING_CODE_UNKNOWN: (
        "There is no such pairing code, or it was used or has ended; ask for a new one.",
        "配对码不存在、已被使用或已过期，请重新获取。",
    ),
    Problem.HUB_EXISTS: (
        "The store has the hub {what}; replace that first.",
        "该门店已有中枢 {what}，请先将其替换。",
    ),
    Problem.CURSOR_UNKNOWN: (
        "The cursor is of another time of this database; pull everything.",
        "游标属于该数据库的另一时期，请重新拉取全部数据。",
    ),
    Problem.CLOUD_AWAY: (
        "The cloud decides on this, and the store's hub can't reach it now.",
        "此操作由云端处理，门店中枢目前无法连接云端。",
    ),
    Problem.FILE_FAILING: ("The file {file} can't be used: {why}.", "文件 {file} 无法使用：{why}。"),
    Problem.OVERLOADED: (
        "Too many requests are waiting; try again shortly.",
        "等待处理的请求过多，请稍后重试。",
    ),
    Problem.UNAVAILABLE: (
        "The service can't do this right now; try again shortly.",
        "服务暂时不可用，请稍后重试。",
    ),
    Problem.INTERNAL: (
        "The service failed; the fault was logged and nothing was changed.",
        "服务内部错误，已记录；未做任何更改。",
    ),
    Code.BRAND_NOT_FOUND: ("There is no such brand.", "品牌不存在。"),
    Code.STORE_NOT_FOUND: ("There is no such store.", "门店不存在。"),
    Code.CHANNEL_NOT_FOUND: ("There is no such channel.", "渠道不存在。"),
    Code.ITEM_NOT_FOUND: ("There is no such item.", "商品不存在。"),
    Code.RULE_NOT_FOUND: ("There is no such restore rule.", "恢复规则不存在。"),
    Code.HUB_NOT_FOUND: ("The store has no such hub.", "该门店没有此中枢。"),
    Code.INCIDENT_NOT_FOUND: ("There is no such incident.", "事件不存在。"),
    Code.QUANTITY_TOO_FINE: (
        "The quantity has more decimals than the item allows (at most 3).",
        "数量的小数位超过商品允许的精度（最多 3 位）。",
    ),
    Code.QUANTITY_OUT_OF_RANGE: (
        "Orders want more than 0 (amended: 0 or more), stocks 0 or more, also after it; at most 999999999.999.",
        "超出范围：订单数量须大于 0（修改时可为 0），库存及增减后的库存不得小于 0，均不超过 999999999.999。",
    ),
    Code.FORCE_NOT_ALLOWED: ("A forced sale is not allowed here.", "此处不允许强制销售。"),
    Code.REASON_REQUIRED: ("A reason is needed.", "必须填写原因。"),
    Code.SETTING_INVALID: (
        "The settings contradict each other or the stock as it is.",
        "设置自相矛盾或与当前库存不符。",
    ),
    Code.HUB_FENCED: (
        "This hub was replaced; nothing is granted to it any more.",
        "该中枢已被替换，不再获得任何额度。",
    ),
    Code.USE_HUB: (
        "The store has a hub, and this channel sells through it.",
        "该门店设有中枢，此渠道须通过中枢下单。",
    ),
    Code.ORDER_AT_HUB: (
        "The order was taken at the store's hub, which alone decides on it.",
        "该订单由门店中枢受理，须由中枢处理。",
    ),
    Code.ORDER_CANCELLED: ("The order is cancelled.", "订单已取消。"),
    Code.IDEMPOTENCY_MISMATCH: (
        "The same id was used before with another content.",
        "相同的标识此前已用于不同的内容。",
    ),
    Code.JOURNAL_MISMATCH: (
        "This event of the journal was told before with another content.",
        "日志中的该事件此前已以不同内容上报。",
    ),
    Code.JOURNAL_GAP: (
        "The journal must go on with the event expected_seq.",
        "日志须从 expected_seq 指出的事件继续上报。",
    ),
    Code.ALREADY_DEDUCTED: ("Already paid and deducted.", "已支付扣减。"),
    Code.ALREADY_UNLOCKED: ("Already cancelled and unlocked.", "已取消解锁。"),
    Code.ALREADY_RETURNED: ("Already returned in full.", "已全部退回。"),
    Code.ORDER_NOT_FOUND: ("There is no such order or line.", "订单或订单行不存在。"),
    Code.LOCK_EXPIRED: ("The lock has expired.", "锁定已过期。"),
    Code.LOCK_EXPIRED_NO_STOCK: (
        "The lock has expired and there is not enough stock to lock again.",
        "锁定已过期，且库存不足，无法重新锁定。",
    ),
    Code.NOT_DEDUCTED: ("Not deducted, so nothing can be returned.", "尚未扣减，无法退回。"),
    Code.QUANTITY_EXCEEDS_LOCK: ("More than what is locked; amend first.", "超过已锁定数量，请先修改订单。"),
    Code.QUANTITY_EXCEEDS_DEDUCTED: ("More than what is left to return.", "超过可退回的数量。"),
    Code.VERSION_CONFLICT: ("The stock was changed by somebody else.", "库存已被其他操作修改。"),
    Code.STALE_REPORT: (
        "The stock was changed by somebody else since this was seen.",
        "库存已被其他操作修改。",
    ),
    Code.COUNT_BASE_MISSING: (
        "Orders have moved what is there: say what was believed to be there before it was counted.",
        "订单已改变现有数量，请同时提供盘点前所认为的数量。",
    ),
    Code.GRANT_EXCEEDED: (
        "More is given back than is held and free.",
        "交还的数量超过持有的可用额度。",
    ),
    Code.ALREADY_RESOLVED: ("The incident is resolved already.", "该事件已处理。"),
    Code.NOTHING_TO_CANCEL: (
        "No unpaid order of the cloud holds any of it; accept the incident, or count anew.",
        "没有可由云端取消的未付款订单占用该库存，请接受该事件或重新盘点。",
    ),
    Code.OUT_OF_STOCK: ("Not enough stock.", "库存不足。"),
}
"""(English, Simplified Chinese) of each code."""

_PHRASES = {
    "integer": "整数",
    "number": "数字",
    "string": "字符串",
    "boolean": "布尔值",
    "object": "对象",
    "array": "数组",
    "null": "空值",
    "datetime": "带时区的时间（ISO 8601）",
    "an online channel always denies": "线上渠道一律拒绝超卖",
    "an SPU has neither an SPU nor components": "SPU 不能再有 SPU 或组成项",
    "named twice": "重复出现",
    "not an IANA time zone": "不是 IANA 时区",
    "not a time such as 04:00": "不是形如 04:00 的时间",
    "a component can't be a combo": "组成项不能是套餐",
    "an item or a category, not both": "商品与类别只能二选一",
    "a time is named twice": "时间重复",
    "there is no object_id": "缺少 object_id",
    "a quantity goes with restore_to plan only": "只有 restore_to 为 plan 时才能指定数量",
    "a platform key has no scope": "平台密钥没有范围",
    "a hub has one store": "门店中枢只对应一家门店",
    "keys of this role have no channel": "该角色的密钥没有渠道范围",
    "later than the end of the caller's own key": "晚于调用方密钥自身的到期时间",
    "more than the caller's own key has": "超过调用方密钥自身的限额",
    "the key has ended": "密钥已过期",
    "not a cursor of ours": "游标无效",
    "not UTF-8": "不是 UTF-8 编码",
    "not CSV": "不是有效的 CSV",
    "the roles of a brand's keys only": "只能是品牌以下的角色",
    "only with op add and count": "仅用于 op 为 add 和 count 时",
    "only with op set": "仅用于 op 为 set 时",
    "one of poiId, poiIds and all": "poiId、poiIds、all 只能选一个",
    "one of object_ids, category and tag": "object_ids、category、tag 只能选一个",
    "only with object_ids": "仅与 object_ids 一起使用",
    "only with sold_out true": "仅用于 sold_out 为 true 时",
    "not within the years 1970 to 9999": "须在 1970 年至 9999 年之间",
    "neither an instant nor next_day nor never": "须为时间、next_day 或 never",
    "more cells than columns": "单元格多于列数",
    "truncated": "内容不完整",
    "not 32 hexadecimal digits": "不是 32 位十六进制数字",
    "either object_ids or all": "object_ids 与 all 只能选其一",
    "nested too deeply": "嵌套过深",
    "not a URL": "不是有效的 URL",
    "only https": "仅支持 https",
    "a URL without a user or password": "URL 不能包含用户名或密码",
    "a URL without a fragment": "URL 不能包含片段（#）",
    "this port isn't called": "不允许使用该端口",
    "the host has no address": "无法解析主机名",
    "not a public address": "不是公网地址",
    "either poiIds or from and to": "poiIds 与 from、to 只能选其一",
    "either a store or all": "门店与 all 只能选其一",
    "only with a store": "仅与门店一起使用",
    "either sku_id or spu_id": "sku_id 与 spu_id 只能选其一",
    "not 64 hexadecimal digits": "不是 64 位十六进制数字",
    "not the next one": "不是下一个",
    "not the event's order": "不是该事件的订单",
    "not a kind of incident": "不是有效的事件类型",
    "another store than the hub's": "不是该中枢的门店",
    "only a recount says what was counted": "仅重新盘点时填写",
}


def sentence(code: Problem | Code, language: Language, where: str | None = None, **values: object) -> str:
    """The message of `code`, its blanks filled, with the place at its end."""
    english, chinese = MESSAGES[code]
    if language is Language.CHINESE:
        told = fill(chinese, language, values)
        return told if where is None else f"{told.removesuffix('。')}（{where}）。"
    told = fill(english, language, values)
    return told if where is None else f"{told.removesuffix('.')} ({where})."


def fill(message: str, language: Language, values: Mapping[str, object]) -> str:
    """The message with its blanks filled."""
    if language is Language.CHINESE:
        values = {name: _phrase(value) for name, value in values.items()}
    return message.format(**values)


def _phrase(value: object) -> object:
    if not isinstance(value, str):
        return value
    if value.startswith("byte "):
        return f"第 {value.removeprefix('byte ')} 字节附近"
    return " 或 ".join(_PHRASES.get(part, part) for part in value.split(" or "))


__all__ = ["MESSAGES", "Language", "fill", "sentence"]
