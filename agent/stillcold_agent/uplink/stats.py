"""What the uplink has done since the agent started."""

from dataclasses import dataclass


@dataclass(slots=True)
class UplinkStats:
    """Counters and gauges of the way to the broker.

    Attributes
    ----------
    connected : bool
        Whether the broker is there.
    disconnects : int
        Connections that were lost.
    published, published_bytes : int
        Batches handed to the broker's connection, repeated ones included, and their envelopes' bytes.
    """

    connected: bool = False
    disconnects: int = 0
    published: int = 0
    published_bytes: int = 0
