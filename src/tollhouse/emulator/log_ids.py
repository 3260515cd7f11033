"""ULIDs, the form of `cf-aig-log-id`: 48 bits of milliseconds and 80 random ones in Crockford's base 32."""

import os
from typing import Final

_DIGITS: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS: Final = tuple(high + low for high in _DIGITS for low in _DIGITS)


def new_log_id(now_ns: int) -> str:
    value = (now_ns // 1_000_000) << 80 | int.from_bytes(os.urandom(10))
    return "".join([_PAIRS[value >> shift & 0x3FF] for shift in range(120, -1, -10)])
