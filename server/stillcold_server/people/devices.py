"""What a browser or program calls itself, in words that its owner knows."""

_BROWSERS = (
    ("MicroMessenger", "WeChat"), ("Edg", "Edge"), ("Firefox", "Firefox"), ("Chrome", "Chrome"), ("Safari", "Safari"),
)  # fmt: skip
"""In this order: each also names those behind it."""
_SYSTEMS = (
    ("Android", "Android"), ("iPhone", "iPhone"), ("iPad", "iPad"), ("Windows", "Windows"), ("Macintosh", "macOS"),
    ("Linux", "Linux"),
)  # fmt: skip


def told_device(agent: str) -> str:
    """Browser and system of a ``User-Agent``, or how a program calls itself.

    It proves nothing: whoever calls chooses it. It helps somebody to tell their own telephone from their desk.

    Examples
    --------
    >>> told_device("Mozilla/5.0 (Linux; Android 16) AppleWebKit/537.36 Chrome/140.0 Mobile Safari/537.36")
    'Chrome, Android'
    >>> told_device("python-httpx/0.28"), told_device("")
    ('python-httpx/0.28', '')
    """
    found = [next((word for mark, word in kind if mark in agent), "") for kind in (_BROWSERS, _SYSTEMS)]
    return ", ".join(word for word in found if word) or agent.partition(" ")[0]
