"""Tags: what a key, or a single call, is for. One rule for both, whoever says them."""

import re
from typing import Final

MOST_TAGS: Final = 20
LONGEST_TAG: Final = 64
_TAG: Final = re.compile(rf"[A-Za-z0-9._:/=@-]{{1,{LONGEST_TAG}}}")


def is_tag(text: str) -> bool:
    return _TAG.fullmatch(text) is not None
