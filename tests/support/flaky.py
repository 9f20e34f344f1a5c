"""A web hook that heeds ``Idempotency-Key`` and fails often, in both ways in which channels do."""

import random
from collections import Counter

from support.webhook import Request, WebhookReceiver


class FlakyReceiver(WebhookReceiver):
    """Refuses one request in five, and of one in ten takes the message but loses the answer.

    Attributes
    ----------
    shown : Counter of str
        How often each message was taken, by its key. A person sees it once: what comes again under a key that is known
        is not shown again.
    alerts : dict of str to str
        The alert that each key was of.
    """

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.shown: Counter[str] = Counter()
        self.alerts: dict[str, str] = {}
        self._rng = random.Random(seed)

    def _answer(self, request: Request) -> tuple[int, bytes]:
        self.requests.append(request)
        chance = self._rng.random()
        if chance < 0.2:
            return 503, b"busy"
        key = request.headers["idempotency-key"]
        self.alerts[key] = request.json["id"]
        self.shown[key] += 1
        return (500, b"lost") if chance < 0.3 else (200, b"{}")
