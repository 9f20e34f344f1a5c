"""thingsboard-gateway from PyPI."""

import json
from collections.abc import Iterator, Mapping, Sequence

from bench.agent.contestant import FromPyPI, Job, Reading
from bench.agent.plant import METERS, NUMBERS


class ThingsBoard(FromPyPI):
    """Its Modbus connector with one range of 40 registers a device, the rest as shipped."""

    name, package, message = "thingsboard-gateway", "thingsboard-gateway==3.8.5", "many meters, up to 8 kB"

    def command(self, job: Job) -> Sequence[str]:
        (job.folder / "logs").mkdir(exist_ok=True)
        source = self.site / "thingsboard_gateway" / "config"
        settings = json.loads((source / "tb_gateway.json").read_text())
        settings["thingsboard"] |= {
            "host": "127.0.0.1", "port": job.broker, "remoteConfiguration": False,
            "security": {"type": "accessToken", "accessToken": "bench"},
        }  # fmt: skip

        settings["connectors"] = [{"type": "modbus", "name": "plant", "configuration": "modbus.json"}]
        logs = json.loads((source / "logs.json").read_text())
        for logger in (*logs["loggers"].values(), logs.get("root", {})):
            logger["level"] = "ERROR"
        for name, content in (("tb_gateway", settings), ("modbus", self._connector(job)), ("logs", logs)):
            (job.folder / f"{name}.json").write_text(json.dumps(content))
        return ["/usr/bin/env", "-C", str(job.folder), str(self.cache / "bin" / "thingsboard-gateway")]

    def environment(self, job: Job) -> Mapping[str, str]:
        return {"TB_GW_CONFIG_DIR": str(job.folder)}

    def readings(self, topic: str, payload: bytes) -> Iterator[Reading]:
        if topic != "v1/gateway/telemetry":
            return
        for device, entries in json.loads(payload).items():
            for entry in entries:
                values = entry.get("values", entry)
                yield Reading(int(device[1:]), int(values["v2"]), int(values["v0"]))

    def reply(self, topic: str, payload: bytes) -> tuple[str, bytes] | None:
        """No limits: the gateway asks for them before it sends anything."""
        if not topic.startswith("v1/devices/me/rpc/request/"):
            return None
        limits = {"messages": "0:0,", "telemetryMessages": "0:0,", "telemetryDataPoints": "0:0,"}
        answer = {
            "maxPayloadSize": 65536,
            "maxInflightMessages": 100,
            "rateLimits": limits,
            "gatewayRateLimits": limits,
        }
        return topic.replace("request", "response"), json.dumps(answer).encode()

    def _connector(self, job: Job) -> dict[str, object]:
        numbers = {
            "tag": "v${address}", "type": "32uint", "functionCode": 3, "objectsCount": 2,
            "address": f"0-{2 * NUMBERS - 1}", "maxRegistersPerRequest": 2 * NUMBERS,
        }  # fmt: skip
        slaves = [
            {
                "host": "127.0.0.1", "port": job.plant, "type": "tcp", "method": "socket", "unitId": unit,
                "deviceName": f"m{unit}", "timeout": 5, "byteOrder": "BIG", "wordOrder": "BIG", "retries": 1,
                "pollPeriod": round(1000 * job.interval) or 1, "attributes": [], "timeseries": [dict(numbers)],
                "attributeUpdates": [], "rpc": [],
            }
            for unit in range(1, METERS + 1)
        ]  # fmt: skip
        return {"name": "plant", "logLevel": "ERROR", "master": {"slaves": slaves}}
