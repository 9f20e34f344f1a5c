"""A real mosquitto, plain or with the configuration that ``render-broker`` writes."""

import contextlib
import os
import signal
import subprocess
from pathlib import Path
from typing import Self

from support.authority import Authority, Certificate
from support.firmware import rendered_broker
from support.ports import accepts, free_port
from support.process import Process, require_program
from support.waiting import LONG, wait_for

_PLAIN = """\
listener {port} 127.0.0.1
allow_anonymous true
set_tcp_nodelay true
persistence true
persistence_location {folder}/
max_queued_messages 100000
"""


class Mosquitto(Process):
    """A broker on loopback whose data lies in ``folder``.

    Parameters
    ----------
    folder : Path
        Its own folder.
    config : str
        Lines of mosquitto.conf; ``{port}`` and ``{folder}`` are filled in.
    port : int, optional
        By default any free one.

    Attributes
    ----------
    folder : Path
        As given.
    port : int
        Stays the same over a restart.
    """

    def __init__(self, folder: Path, config: str = _PLAIN, port: int | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.port = folder, port or free_port()
        self._authority: Authority | None = None
        file = folder / "mosquitto.conf"
        text = config.replace("{port}", str(self.port)).replace("{folder}", str(folder))
        # As root it would drop to the user mosquitto, who may not enter a test's folder.
        file.write_text(text + ("user root\n" if os.geteuid() == 0 else ""))
        super().__init__([require_program("mosquitto"), "-c", str(file)], folder / "mosquitto.log")

    @classmethod
    def production(
        cls, folder: Path, authority: Authority, certificate: Certificate | None = None, crl: Path | None = None
    ) -> Self:
        """With the files that ``render-broker`` writes, for a broker that can run here.

        Parameters
        ----------
        folder : Path
            Its own folder.
        authority : Authority
            Issues its certificate, where no other is given, and its clients'.
        certificate : Certificate, optional
            The broker's.
        crl : Path, optional
            List of revoked certificates; by default nobody is.
        """
        port, files = free_port(), certificate or authority.server()
        acl = folder / "render-broker" / "etc" / "mosquitto" / "stillcold-acl.conf"
        options: dict[str, object] = {"port": port, "address": "127.0.0.1", "data_dir": folder, "acl": acl}
        options |= {"ca": authority.ca_file, "cert": files.cert_file, "key": files.key_file}
        rendered_broker(folder, **options | {"crl": crl or authority.revoked()})
        broker = cls(folder, acl.with_name("mosquitto.conf").read_text(encoding="utf-8"), port)
        broker._authority = authority
        return broker

    def login(self, name: str) -> dict[str, object]:
        """The table ``[mqtt]`` of a configuration for an agent or a server, with a certificate where it needs one."""
        if not self._authority:
            return {"port": self.port}
        mine = self._authority.client(name)
        files = {"ca_file": self._authority.ca_file, "cert_file": mine.cert_file, "key_file": mine.key_file}
        return {"port": self.port, **{key: str(file) for key, file in files.items()}}

    def start(self) -> None:
        """Start it, and wait until it accepts connections."""
        super().start()
        wait_for(lambda: accepts(self.port) or not self.alive, what=f"mosquitto on port {self.port}")
        assert self.alive, f"mosquitto ended:\n{self.output}"

    def end(self, sent: signal.Signals, *, seconds: float = LONG) -> int:
        """End it. A signal is sent again each second: it forgets one that comes just before its main loop begins."""
        assert self._running is not None, "not started"
        for _ in range(round(seconds)):
            self._running.send_signal(sent)
            with contextlib.suppress(subprocess.TimeoutExpired):
                return self._running.wait(1.0)
        return self._running.wait(0)

    def restart(self) -> None:
        """Stop it in good order, and start it again."""
        self.stop()
        self.start()
