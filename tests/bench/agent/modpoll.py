"""modpoll from PyPI."""

import json
from collections.abc import Iterator, Sequence

from bench.agent.contestant import FromPyPI, Job, Reading
from bench.agent.plant import METERS, NUMBERS


class Modpoll(FromPyPI):
    """One poller of 40 registers a device; it reads all devices, then publishes them one by one."""

    name, package = "modpoll", "modpoll==1.6.0"

    def command(self, job: Job) -> Sequence[str]:
        lines: list[str] = []
        for unit in range(1, METERS + 1):
            lines += [f"device,m{unit},{unit}", f"poll,holding_register,0,{2 * NUMBERS},BE_BE"]
            lines += [f"ref,v{n},{2 * n},uint32,r" for n in range(NUMBERS)]
        file = job.folder / "modpoll.csv"
        file.write_text("\n".join(lines) + "\n")
        plant = ["--tcp", "127.0.0.1", "--tcp-port", str(job.plant)]
        broker = ["--mqtt-host", "127.0.0.1", "--mqtt-port", str(job.broker)]
        # With MQTT 3.1.1, its default, it ends at once on paho-mqtt 2.
        broker += ["--mqtt-qos", "1", "--mqtt-version", "5.0", "--mqtt-clientid", "bench"]
        pace = ["--rate", str(job.interval or 0.001), "--interval", "0", "--daemon", "--loglevel", "ERROR"]
        return [str(self.cache / "bin" / "modpoll"), "--config", str(file), *plant, *broker, *pace]

    def readings(self, topic: str, payload: bytes) -> Iterator[Reading]:
        values = json.loads(payload)
        yield Reading(int(topic.split("/")[1][1:]), int(values["v1"]), int(values["v0"]))
