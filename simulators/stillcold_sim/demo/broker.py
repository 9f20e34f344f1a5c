"""The demo's broker, on loopback only: mosquitto where it is installed, else the one that is embedded in iotcore."""

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Literal

from stillcold_sim.demo.processes import Processes, accepts, program, run

Kind = Literal["mosquitto", "iotcore"]
# iotcore knows no topic ACL, takes TLS clients without a certificate and keeps nothing over a restart: for a demo on
# loopback, never for a plant.
_IOTCORE = """\
id = 0
[router]
id = 0
max_connections = 100
max_outgoing_packet_count = 200
max_segment_size = 104857600
max_segment_count = 10
[v5.1]
name = "v5"
listen = "127.0.0.1:{port}"
next_connection_delay_ms = 1
[v5.1.connections]
connection_timeout_ms = 60000
max_payload_size = 2097152
max_inflight_count = 200
dynamic_filters = true
"""
_IOTCORE_PROGRAM = """\
import json, sys
from iotcore import IotCoreBroker
IotCoreBroker(**json.loads(sys.argv[1])).run_forever()
"""


def find_mosquitto() -> str | None:
    """Path of mosquitto; Debian puts it where only root looks."""
    return shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")


def choose(kind: Kind | None) -> Kind:
    """This one, or else mosquitto where it is installed."""
    return kind or ("mosquitto" if find_mosquitto() else "iotcore")


def start_mosquitto(processes: Processes, folder: Path, port: int, certificates: Path) -> None:
    """Start mosquitto as it is set up for real gateways, with an authority's files, and wait until it listens."""
    rendered, data = folder / "broker-files", folder / "broker-data"
    data.mkdir()
    config, acl = (rendered / "etc" / "mosquitto" / name for name in ("mosquitto.conf", "stillcold-acl.conf"))
    options: dict[str, str | int | Path] = {"--out": rendered, "--port": port, "--address": "127.0.0.1"}
    options |= {"--acl": acl, "--data-dir": data}
    files = {"--ca": "ca.crt", "--cert": "broker.crt", "--key": "broker.key", "--crl": "crl.pem"}
    options |= {option: certificates / name for option, name in files.items()}
    run([program("stillcold-agent"), "render-broker", *(str(word) for pair in options.items() for word in pair)])
    with config.open("a", encoding="utf-8") as file:
        file.write(_as_root())
    processes.start("broker", [find_mosquitto() or "mosquitto", "-c", config])
    processes.wait_for(lambda: accepts(port), "the broker")


def start_iotcore(processes: Processes, folder: Path, port: int) -> None:
    """Start the embedded broker, and wait until it listens."""
    config = folder / "iotcore.toml"
    config.write_text(_IOTCORE.format(port=port))
    options = json.dumps({"config_path": str(config)})
    processes.start("broker", [sys.executable, "-c", _IOTCORE_PROGRAM, options])
    processes.wait_for(lambda: accepts(port), "the broker")


def _as_root() -> str:
    # As root it would drop to the user mosquitto, who may not enter the demo's folder.
    return "user root\n" if os.geteuid() == 0 else ""
