"""The office and its gateways: authority, broker and the commands that people give, as they are documented."""

import subprocess
import sys
from datetime import datetime
from pathlib import Path

from click.testing import CliRunner, Result
from cryptography import x509
from sqlalchemy import Engine

from stillcold_agent.config import Config, load_config
from stillcold_server.cli import main
from stillcold_server.config import Ca
from stillcold_server.config import load_config as load_server_config
from stillcold_server.identity.upkeep import make_all
from stillcold_server.store.database import open_database
from support.authority import Certificate
from support.firmware import rendered_broker
from support.mosquitto import Mosquitto
from support.mqtt import Client
from support.ports import free_port
from support.process import Process


def made_authority(engine: Engine, folder: Path, now: datetime) -> Ca:
    """An authority and the broker's folder, made at some time."""
    ca = Ca(str(folder / "ca"), str(folder / "broker"))
    Path(ca.broker_folder).mkdir()
    make_all(engine, ca, folder / "root.key", ["localhost"], now)
    return ca


class Office:
    """Server, authority and broker on one machine, with everything as it is rendered for it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder, self.broker_folder, self.file = folder, folder / "broker", folder / "server.toml"
        self.broker_folder.mkdir()
        self.file.write_text(
            f'database = "sqlite:///{folder / "server.db"}"\n[ca]\nfolder = "ca"\nbroker_folder = "broker"\n'
        )
        gateways = "".join(f'[[gateway]]\nid = "{name}"\n\n' for name in ("gw-1", "gw-2"))
        (folder / "registry.toml").write_text(gateways)
        self.run("registry", "import", folder / "registry.toml")
        said = self.run("ca", "init", "--host", "localhost", "--host", "127.0.0.1", "--root-key", folder / "root.key")
        assert "its root, SHA-256: " in said.output
        self.engine = open_database(load_server_config(self.file).database)
        self.told = ""
        self.broker = self._render()

    def run(self, *words: object, ok: bool = True) -> Result:
        """A command of the server."""
        done = CliRunner().invoke(main, [*map(str, words), "--config", str(self.file)])
        assert (done.exit_code == 0) is ok, done.output
        return done

    def code(self, gateway: str = "gw-1") -> str:
        """A one-time code."""
        return self.run("invite", gateway).output.split()[-1]

    def renew_broker(self) -> None:
        """Run what the path unit starts, with a ``systemctl`` that knows our broker only; ``told`` is what it did."""
        programs, done = self.folder / "programs", self.folder / "done"
        programs.mkdir(exist_ok=True)
        reload = f'[ "$1" = restart ] || kill -HUP {self.broker.pid}'
        (programs / "systemctl").write_text(f'#!/bin/sh\necho "$1" >> {done}\n{reload}\n')
        (programs / "systemctl").chmod(0o755)
        (programs / "sleep").write_text("#!/bin/sh\n")
        (programs / "sleep").chmod(0o755)
        seen = self.folder / "seen"
        seen.mkdir(exist_ok=True)
        done.write_text("")
        script = self.rendered / "usr" / "local" / "lib" / "stillcold" / "renew-broker"
        environment = {"PATH": f"{programs}:/usr/bin:/bin", "STATE_DIRECTORY": str(seen)}
        subprocess.run([script], env=environment, check=True)
        self.told = done.read_text().strip()
        if self.told == "restart":
            self.broker.restart()

    def _render(self) -> Mosquitto:
        port, own = free_port(), self.folder / "mosquitto"
        own.mkdir()
        places = {name: self.broker_folder / f for name, f in (("ca", "ca.crt"), ("cert", "broker.crt"))}
        places |= {"key": self.broker_folder / "broker.key", "crl": self.broker_folder / "crl.pem"}
        acl = self.folder / "render-broker" / "etc" / "mosquitto" / "stillcold-acl.conf"
        self.rendered = rendered_broker(self.folder, port=port, address="127.0.0.1", data_dir=own, acl=acl, **places)
        return Mosquitto(own, acl.with_name("mosquitto.conf").read_text(), port)


class Gateway:
    """A fresh gateway, with nothing but its configuration."""

    def __init__(self, folder: Path, broker_port: int, url: str, name: str = "gw-1") -> None:
        folder.mkdir()
        self.file = folder / "agent.toml"
        self.file.write_text(
            f'gateway = "{name}"\ndata_dir = "data"\n[mqtt]\nhost = "localhost"\nport = {broker_port}\n'
            'ca_file = "ca.crt"\ncert_file = "gateway.crt"\nkey_file = "gateway.key"\n'
            f'[enrolment]\nurl = "{url}"\n'
            '[[bus]]\nid = "b"\nkind = "tcp"\nhost = "127.0.0.1"\n'
            '[[device]]\nbus = "b"\nunit = 1\nprofile = "eastron-sdm630"\npoint = "p1"\n'
        )
        self.name, self.folder, self.port = name, folder, broker_port
        self.files = Certificate(folder / "gateway.crt", folder / "gateway.key")

    @property
    def config(self) -> Config:
        """Of the enrolled gateway."""
        return load_config(self.file)

    @property
    def certificate(self) -> x509.Certificate:
        """The one that is installed."""
        return x509.load_pem_x509_certificate(self.files.cert_file.read_bytes())

    def enrol(self, *words: object) -> Process:
        """The installer's command, which is to be started."""
        command = [str(Path(sys.executable).with_name("stillcold-agent")), "enrol", "--config", str(self.file)]
        return Process([*command, *map(str, words)], self.folder / "enrol.log")

    def connect(self) -> Client:
        """A client with its certificate."""
        return Client(self.port, self.folder / "ca.crt", self.files)
