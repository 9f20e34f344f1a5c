"""MQTT topics, one place for all of them."""

ROOT = "stillcold/v1"


def batch_topic(gateway: str) -> str:
    """Where a gateway publishes its signed batches."""
    return f"{ROOT}/{gateway}/batch"


def ahead_topic(gateway: str) -> str:
    """Where a gateway publishes a copy of a batch that must not wait for those before it."""
    return f"{ROOT}/{gateway}/ahead"


def ack_topic(gateway: str) -> str:
    """Where the server acknowledges what it has on disk."""
    return f"{ROOT}/{gateway}/ack"


def replay_topic(gateway: str) -> str:
    """Where the server asks for batches that it had acknowledged and has lost."""
    return f"{ROOT}/{gateway}/replay"


def status_topic(gateway: str) -> str:
    """Where a gateway says, retained, that it is online; its last will says offline."""
    return f"{ROOT}/{gateway}/status"


def gateway_of(topic: str) -> str | None:
    """The gateway that a topic belongs to, or None where it is none of ours.

    Examples
    --------
    >>> gateway_of("stillcold/v1/gw-1/batch"), gateway_of("a/b")
    ('gw-1', None)
    """
    parts = topic.removeprefix(ROOT + "/").split("/")
    return parts[0] if topic.startswith(ROOT + "/") and len(parts) == 2 else None
