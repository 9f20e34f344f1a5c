"""A real server for the Influx protocol: Debian's victoria-metrics."""

import json
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

from support.ports import accepts, free_port
from support.process import Process, require_program
from support.waiting import LONG, wait_for


class VictoriaMetrics(Process):
    """A database on loopback whose data lies in ``folder``.

    Attributes
    ----------
    url : str
        Where it takes ``/api/v2/write``; stays the same over a restart.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        command = [
            require_program("victoria-metrics"),
            f"-httpListenAddr=127.0.0.1:{self.port}",
            f"-storageDataPath={folder / 'data'}",
            "-retentionPeriod=100y",
            "-memory.allowedBytes=64MB",
        ]
        super().__init__(command, folder / "victoria-metrics.log")

    def start(self) -> None:
        """Start it, and wait until it accepts connections."""
        super().start()
        wait_for(lambda: accepts(self.port) or not self.alive, what="victoria-metrics")
        assert self.alive, f"victoria-metrics ended:\n{self.output}"

    def export(self, selector: str = '{__name__!=""}') -> list[dict[str, Any]]:
        """Every stored series: ``metric`` (names and tags), ``values``, ``timestamps`` in milliseconds."""
        self._get("/internal/force_flush")
        lines = self._get("/api/v1/export?" + urllib.parse.urlencode({"match[]": selector})).splitlines()
        return [json.loads(line) for line in lines]

    def _get(self, path: str) -> bytes:
        with urllib.request.urlopen(self.url + path, timeout=LONG) as answer:
            return bytes(answer.read())
