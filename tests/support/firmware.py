"""What ``render-gateway`` and ``render-broker`` write."""

from pathlib import Path

from click.testing import CliRunner

from stillcold_agent.cli import main

GATEWAY = """\
gateway = "gw-1"

[mqtt]
host = "broker.example.org"
port = 8883
ca_file = "/etc/stillcold/ca.crt"
cert_file = "/etc/stillcold/gateway.crt"
key_file = "/etc/stillcold/gateway.key"

[enrolment]
url = "https://192.168.1.51:8443"

[[bus]]
id = "hall"
kind = "tcp"
host = "192.168.1.50"

[[bus]]
id = "yard"
kind = "dial_in"
listen_port = 9001
allow = ["10.8.0.0/16", "fd00:8::/32"]

[[device]]
bus = "hall"
unit = 1
profile = "eastron-sdm630"
point = "p1"
"""


def rendered_broker(folder: Path, **options: object) -> Path:
    """The folder that mirrors ``/`` of a broker's machine.

    Options go by their names with ``_`` for ``-``; a flag has an empty value.
    """
    return _rendered("render-broker", folder, options)


def rendered_gateway(folder: Path, config: str = GATEWAY, **options: object) -> Path:
    """The folder that mirrors ``/`` of a gateway with this configuration; options likewise."""
    file = folder / "agent.toml"
    file.write_text(config, encoding="utf-8")
    return _rendered("render-gateway", folder, {"config": file, **options})


def _rendered(command: str, folder: Path, options: dict[str, object]) -> Path:
    out = folder / command
    words = [f"--{name.replace('_', '-')}" + (f"={value}" if value else "") for name, value in options.items()]
    done = CliRunner().invoke(main, [command, f"--out={out}", *words])
    assert done.exit_code == 0, done.output
    written = sorted("/" + str(file.relative_to(out)) for file in out.rglob("*") if file.is_file())
    assert sorted(done.output.split()) == written
    return out
