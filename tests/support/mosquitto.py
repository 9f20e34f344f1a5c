"""A real mosquitto, plain or with the project's production configuration."""

import os
import re
from pathlib import Path
from typing import Self

from support.authority import Authority
from support.ports import accepts, free_port
from support.process import Process, require_program
from support.waiting import wait_for

PRODUCTION = Path(__file__).parents[2] / "firmware_config" / "mosquitto"
_PLAIN = """\
listener {port} 127.0.0.1
allow_anonymous true
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

    Attributes
    ----------
    port : int
        Stays the same over a restart.
    """

    def __init__(self, folder: Path, config: str = _PLAIN) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        file = folder / "mosquitto.conf"
        text = config.replace("{port}", str(self.port)).replace("{folder}", str(folder))
        # As root it would drop to the user mosquitto, who may not enter a test's folder.
        file.write_text(text + ("user root\n" if os.geteuid() == 0 else ""))
        super().__init__([require_program("mosquitto"), "-c", str(file)], folder / "mosquitto.log")

    @classmethod
    def production(cls, folder: Path, authority: Authority) -> Self:
        """With ``firmware_config/mosquitto``, only its paths and its port changed."""
        server = authority.server()
        return cls(folder, production_config(authority.ca_file, server.cert_file, server.key_file))

    def start(self) -> None:
        """Start it, and wait until it accepts connections."""
        super().start()
        wait_for(lambda: accepts(self.port) or not self.alive, what=f"mosquitto on port {self.port}")
        assert self.alive, f"mosquitto ended:\n{self.output}"

    def restart(self) -> None:
        """Stop it in good order, and start it again."""
        self.stop()
        self.start()


def production_config(ca_file: Path, cert_file: Path, key_file: Path) -> str:
    """The text of the production configuration for a broker that can run here."""
    text = (PRODUCTION / "mosquitto.conf").read_text()
    values = {
        "listener": "{port} 127.0.0.1",
        "cafile": str(ca_file),
        "certfile": str(cert_file),
        "keyfile": str(key_file),
        "acl_file": str(PRODUCTION / "acl.conf"),
        "persistence_location": "{folder}/",
        "log_dest": "stderr",
    }
    for key, value in values.items():
        text, found = re.subn(rf"^{key} .*$", f"{key} {value}", text, flags=re.MULTILINE)
        assert found == 1, f"{key} stands {found} times in mosquitto.conf"
    return text
