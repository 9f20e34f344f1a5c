"""Which blocks of a batch are judged: those of points that its gateway speaks for, with times that can be."""

from collections.abc import Iterator

from stillcold_core.contract.batch import Block
from stillcold_core.registry import Registry
from stillcold_server.days import DAY
from stillcold_server.followers import Stored

_FUTURE = DAY  # ms that a sample may be stamped after it came


class Bound:
    """The registry's word on who speaks for which point."""

    def __init__(self, registry: Registry) -> None:
        self._gateways = {p.id: p.gateway for p in registry.point}

    def believed(self, stored: Stored, refused: list[tuple[str, str]] | None = None) -> Iterator[Block]:
        """The blocks that are judged; reason and gateway of the others are added to ``refused``."""
        gateway = stored.batch.gateway
        for block in stored.batch.blocks:
            reason = self._refusal(stored, block)
            if reason is None:
                yield block
            elif refused is not None:
                refused.append((reason, gateway))

    def _refusal(self, stored: Stored, block: Block) -> str | None:
        if self._gateways.get(block.point) != stored.batch.gateway:
            return "unbound_point"
        late = len(block.times) and block.times.max() > stored.received_at + _FUTURE
        return "future" if late else None
