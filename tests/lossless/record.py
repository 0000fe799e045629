"""How a subscriber writes down what it gets: one JSON array a line, in the order of arrival.

[store, connection, seq, prev_seq, object_type, object_id, version, real, locked, status, at]: quantities in
thousandths, `at` in nanoseconds of the machine's clock. A message about the store as a whole has zeros.
"""

import json
import time
from decimal import Decimal
from typing import Any, TextIO


def write(file: TextIO, connection: int, text: bytes | str) -> None:
    """Write down a message as the wire gave it."""
    message = json.loads(text, parse_float=Decimal)
    line: list[Any] = [message["poiId"], connection, message["seq"], message["prev_seq"]]
    if message["eventType"] == "poi.item.stock":
        data = message["data"]
        real, locked = (int(Decimal(data[name]) * 1000) for name in ("real_quantity", "locked_quantity"))
        line += [data["object_type"], data["object_id"], data["version"], real, locked, data["stock_status"]]
    else:
        line += [0] * 6
    file.write(json.dumps([*line, time.time_ns()]) + "\n")
