"""A message as senders get it, files with their secrets, and what they say when it is refused."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from stillcold_server.alerts.senders import NotDelivered, Sender

HERE = ("127.0.0.1",)
MESSAGE = {
    "id": "a1", "key": "k1", "title": "【封停哨】宽城铸造 · 1 t 中频炉：复产", "site_name": "宽城铸造",
    "line_name": "1 t 中频炉", "what": "复产", "since": "2026-01-01 08:00:00", "url": "https://duty.example/alerts/a1",
    "text": "测得有功功率 9 kW。\n开始时间：2026-01-01 08:00:00\n现场：看\nhttps://duty.example/alerts/a1",
}  # fmt: skip


@dataclass
class Files:
    """A folder with secrets."""

    folder: Path

    def write(self, text: str) -> str:
        """The path of a new file with this text."""
        path = self.folder / f"secret-{len(list(self.folder.iterdir()))}"
        path.write_text(text + "\n", encoding="utf-8")
        return str(path)


def refused(sender: Sender, address: str = "", **changes: str) -> tuple[str, bool, float | None]:
    """What a sender says that is refused, whether for good, and for how long."""
    with pytest.raises(NotDelivered) as error:
        sender.send({**MESSAGE, **changes}, address)
    return str(error.value), error.value.permanent, error.value.retry_after
