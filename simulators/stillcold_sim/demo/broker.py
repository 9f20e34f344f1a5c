"""The demo's broker, on loopback only: mosquitto where it is installed, else the one that is embedded in iotcore."""

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Literal

from stillcold_sim.demo.processes import Processes, accepts, free_port

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


def start_broker(processes: Processes, folder: Path, kind: Kind | None = None) -> tuple[Kind, int]:
    """Start a broker and wait until it listens; which one, and its port."""
    port = free_port()
    path = find_mosquitto()
    chosen = kind or ("mosquitto" if path else "iotcore")
    if chosen == "mosquitto":
        config = folder / "mosquitto.conf"
        config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\n" + _as_root())
        processes.start("broker", [path or "mosquitto", "-c", config])
    else:
        config = folder / "iotcore.toml"
        config.write_text(_IOTCORE.format(port=port))
        options = json.dumps({"config_path": str(config)})
        processes.start("broker", [sys.executable, "-c", _IOTCORE_PROGRAM, options])
    processes.wait_for(lambda: accepts(port), "the broker")
    return chosen, port


def _as_root() -> str:
    return "user root\n" if os.geteuid() == 0 else ""
