"""Which column of a history means what. Exports name the same thing differently; synonyms tell."""

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple


class Role(StrEnum):
    """What a column can mean."""

    ORDER = "order"
    DATE = "date"
    ITEM = "item"
    QUANTITY = "quantity"
    PRICE = "price"
    LINES = "lines"


REQUIRED = (Role.ORDER, Role.DATE, Role.ITEM, Role.QUANTITY)

_SYNONYMS: Mapping[Role, frozenset[str]] = {
    role: frozenset(names.split())
    for role, names in {
        Role.ORDER: """
            order orderid ordernumber orderno ordernum ordernr orderref orderreference orderkey
            ticket ticketid ticketnumber ticketno receipt receiptid receiptnumber receiptno invoice
            invoiceno invoiceid invoicenumber transaction transactionid checknumber billno
            billnumber 订单 订单号 订单编号 单号
        """,
        Role.DATE: """
            date datetime time timestamp orderdate orderdatetime ordertime ordertimestamp orderedat
            createdat created placedat paidat saledate transactiondate transactiontime invoicedate
            日期 时间 下单时间 订单时间 订单日期
        """,
        Role.ITEM: """
            item itemname product productname dish dishname menuitem menuitemname article name title
            description itemdescription productdescription lineitem lineitemname skuname spuname 菜品
            菜名 菜品名称 商品 商品名称 名称
        """,
        Role.QUANTITY: """
            quantity qty count units amount itemquantity itemqty orderquantity quantityordered
            productquantity lineitemquantity pieces pcs portions 数量 份数
        """,
        Role.PRICE: """
            price productprice itemprice unitprice lineitemprice 单价 价格
        """,
        Role.LINES: """
            totalproducts totallines linecount productcount totalitems itemcount numberofproducts
            numberoflines 行数
        """,
    }.items()
}


class Columns(NamedTuple):
    """The index of each column that is understood; the last two are optional."""

    order: int
    date: int
    item: int
    quantity: int
    price: int | None = None
    lines: int | None = None


class ColumnsError(Exception):
    """`missing` roles have no column; `named` roles were asked for by a name that the header doesn't have."""

    def __init__(self, missing: Sequence[Role], named: Mapping[Role, str], header: Sequence[str]) -> None:
        super().__init__(f"missing {', '.join(missing)}")
        self.missing, self.named, self.header = tuple(missing), dict(named), tuple(header)


def item_column(header: Sequence[str]) -> int:
    """Where a menu has its names. Raises `ColumnsError`."""
    for at, cell in enumerate(header):
        if _plain(cell) in _SYNONYMS[Role.ITEM] or _plain(cell) in {"nameen", "namezh"}:
            return at
    raise ColumnsError([Role.ITEM], {}, header)


def recognise(header: Sequence[str], named: Mapping[Role, str] | None = None) -> Columns:
    """The columns of `header`; `named` settles a role by the column's own name. Raises `ColumnsError`.

    Of two columns with the same meaning the first counts.
    """
    named = named or {}
    plain = [_plain(cell) for cell in header]
    found: dict[Role, int] = {}
    unknown = {role: name for role, name in named.items() if _plain(name) not in plain}
    for role, name in named.items():
        if role not in unknown:
            found[role] = plain.index(_plain(name))
    for role, synonyms in _SYNONYMS.items():
        if role in named:
            continue
        taken = set(found.values())
        at = next((at for at, cell in enumerate(plain) if cell in synonyms and at not in taken), None)
        if at is not None:
            found[role] = at
    missing = [role for role in REQUIRED if role not in found]
    if missing or unknown:
        raise ColumnsError(missing, unknown, header)
    return Columns(
        order=found[Role.ORDER],
        date=found[Role.DATE],
        item=found[Role.ITEM],
        quantity=found[Role.QUANTITY],
        price=found.get(Role.PRICE),
        lines=found.get(Role.LINES),
    )


def _plain(cell: str) -> str:
    """Letters and digits only, lower case: "Order  No." and "order_no" are the same name."""
    return re.sub(r"[\W_]+", "", cell).casefold()
