"""``render-gateway`` and ``render-broker``: what is installed on either machine beside the programs."""

import ipaddress
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from stillcold_agent.config import load_config
from stillcold_agent.firmware.gateway import PLACE, gateway_values, is_host, is_place
from stillcold_agent.firmware.render import render
from stillcold_agent.options import clear_errors, config_option


class _Checked(click.ParamType[str]):
    """Text of one kind.

    Parameters
    ----------
    name : str
        Of the kind.
    check : callable
        Whether a text is of it.
    expected : str
        What would be right.
    """

    def __init__(self, name: str, check: Callable[[str], bool], expected: str) -> None:
        self.name, self._check, self._expected = name, check, expected

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not self._check(value):
            self.fail(f"{value!r}: expected {self._expected}", param, ctx)
        return value


def _is_made_by(maker: Callable[[str], object]) -> Callable[[str], bool]:
    def check(text: str) -> bool:
        try:
            maker(text)
        except ValueError:
            return False
        return True

    return check


_PLACE = _Checked("path", is_place, PLACE)
_ADDRESS = _Checked("address", _is_made_by(ipaddress.ip_address), "an IP address")
_NETWORK = _Checked("network", _is_made_by(ipaddress.ip_network), "a network such as 10.8.0.0/16")
_HOST = _Checked("host", is_host, "the name of a host, or an IP address")
_FOLDER = "/var/lib/stillcold-broker"  # where the server writes what the broker reads
_out = click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="Folder to write below, as if it were /.",
)
_prefix = click.option(
    "--prefix", type=_PLACE, default="/opt/stillcold", show_default=True, help="Where Stillcold is installed."
)


@click.command("render-gateway")
@config_option
@_out
@_prefix
@click.option(
    "--ssh-from", type=_NETWORK, multiple=True, help="Network that ssh is let in from. May be given several times."
)
@click.option(
    "--time-server", "time_servers", type=_HOST, multiple=True, help="Beside the broker's machine; not authenticated."
)
@click.option("--image", is_flag=True, help="With a root that is only read, a data partition, and signed updates.")
@clear_errors
def render_gateway(
    path: Path, out: Path, prefix: str, ssh_from: tuple[str, ...], time_servers: tuple[str, ...], image: bool
) -> None:
    """Write what is installed on a gateway beside the agent below a folder, as if it were /, by its configuration."""
    values = gateway_values(path.absolute(), load_config(path, enrolled=False), ssh_from, time_servers)
    for kind in ("gateway", "image") if image else ("gateway",):
        _say(render(kind, values | {"prefix": prefix}, out))


@click.command("render-broker")
@_out
@_prefix
@click.option("--port", type=click.IntRange(1, 65535), default=8883, show_default=True, help="To listen on, with TLS.")
@click.option("--address", type=_ADDRESS, help="To listen on; without it every one.")
@click.option("--ca", type=_PLACE, default=f"{_FOLDER}/ca.crt", show_default=True)
@click.option("--cert", type=_PLACE, default=f"{_FOLDER}/broker.crt", show_default=True)
@click.option("--key", type=_PLACE, default=f"{_FOLDER}/broker.key", show_default=True)
@click.option("--crl", type=_PLACE, default=f"{_FOLDER}/crl.pem", show_default=True, help="Who is revoked.")
@click.option("--acl", type=_PLACE, default="/etc/mosquitto/stillcold-acl.conf", show_default=True)
@click.option("--data-dir", type=_PLACE, default="/var/lib/mosquitto", show_default=True, help="For its snapshot.")
@clear_errors
def render_broker(out: Path, **values: Any) -> None:
    """Write what is installed on the machine of broker and server below a folder, as if it were /."""
    _say(render("broker", values | {"folder": str(Path(values["crl"]).parent)}, out))


def _say(files: list[Path]) -> None:
    click.echo("\n".join(map(str, files)))
