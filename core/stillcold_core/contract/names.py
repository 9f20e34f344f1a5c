"""What several parts of the contract check alike: names and moments."""

import re
from typing import Any

from stillcold_core.contract.errors import BadBatch

END_OF_TIME = 253_402_300_800_000
"""ms, 10000-01-01"""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def checked_name(value: Any) -> str:
    """A name as a gateway's id is.

    Raises
    ------
    BadBatch
        When it is none.
    """
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise BadBatch("expected a name of letters, digits, '.', '_' and '-'")
    return value
