"""What is wrong with a batch.

::

    BadBatch (ValueError)        a payload that is signed and yet is no batch
"""


class BadBatch(ValueError):
    """A payload that is signed and yet is no batch. ``reason`` is ``malformed`` or ``too_large``."""

    def __init__(self, detail: str, reason: str = "malformed") -> None:
        self.reason = reason
        super().__init__(f"batch refused: {detail}")
