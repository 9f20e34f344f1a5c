"""The office of the demo, where mosquitto is installed: an authority, and a certificate for everybody at the broker."""

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

from stillcold_core.enrolment.answer import code_key, request_mac
from stillcold_core.enrolment.request import Request, make_request, read_request
from stillcold_core.pem import key_pem
from stillcold_sim.demo.console import Console
from stillcold_sim.demo.processes import program, run


class Office:
    """Where it keeps its files, and whom it has let in.

    Parameters
    ----------
    folder : Path
        The demo's.
    port : int
        Of the broker.
    """

    def __init__(self, folder: Path, port: int) -> None:
        self._folder, self._port = folder, port
        self._ca, self.broker_folder = folder / "ca", folder / "broker"

    def server_tables(self) -> dict[str, object]:
        """What the server's configuration says of it."""
        files = {"ca_file": "root.crt", "cert_file": "server.crt", "key_file": "server.key"}
        mqtt = {"port": self._port, **{key: str(self._ca / name) for key, name in files.items()}}
        return {"mqtt": mqtt, "ca": {"folder": str(self._ca), "broker_folder": str(self.broker_folder)}}

    def found(self, server: Path) -> None:
        """Make the authority, by the server's configuration.

        Raises
        ------
        Failed
            When the server's command does not.
        """
        self.broker_folder.mkdir()
        root_key = self._folder / "root.key"
        run([program("stillcold-server"), "ca", "init", "--host", "127.0.0.1", "--root-key", root_key, "-c", server])
        root_key.unlink()  # nobody needs it again

    def login(self, gateway: str) -> dict[str, object]:
        """A gateway's table ``[mqtt]``; its certificate comes when it is let in."""
        mine = self._folder / "certificates" / gateway
        mine.mkdir(parents=True, exist_ok=True)
        files = {"ca_file": "ca.crt", "cert_file": "gateway.crt", "key_file": "gateway.key"}
        return {"port": self._port, **{key: str(mine / name) for key, name in files.items()}}

    def let_in_agent(self, console: Console, gateway: str, config: Path) -> None:
        """Have an agent make its keys and its request, and approve it.

        Raises
        ------
        Failed
            When the agent's command does not.
        """
        run([program("stillcold-agent"), "enrol", "--config", config])
        csr = Path(str(self.login(gateway)["cert_file"])).with_suffix(".csr")
        self._let_in(console, read_request(csr.read_bytes()))

    def let_in(self, console: Console, gateway: str, public_key: str) -> None:
        """Make the request of a gateway that signs its batches with this key, and approve it."""
        key = ec.generate_private_key(ec.SECP256R1())
        file = Path(str(self.login(gateway)["key_file"]))
        file.touch(mode=0o600)
        file.write_bytes(key_pem(key))
        self._let_in(console, make_request(gateway, key, public_key))

    def _let_in(self, console: Console, request: Request) -> None:
        mac = request_mac(code_key(console.invite(request.gateway)), request)
        console.enrol(request.pem.decode(), mac)
        console.approve(request.gateway)
        answer = console.enrol(request.pem.decode(), mac)
        login = self.login(request.gateway)
        Path(str(login["cert_file"])).write_text(answer["certificate"], encoding="utf-8")
        Path(str(login["ca_file"])).write_text(answer["root"], encoding="utf-8")
