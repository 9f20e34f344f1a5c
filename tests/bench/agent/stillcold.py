"""Stillcold's agent, from this working copy."""

import tomllib
from collections.abc import Iterator, Sequence

import cbor2
import zstandard

from bench.agent.contestant import ROOT, Contestant, Job, Reading, environment_with
from bench.agent.plant import METERS, NUMBERS
from stillcold_core.contract.batch import decode_batch
from stillcold_core.contract.messages import Acknowledgement, encode_ack
from stillcold_core.contract.topics import ack_topic, batch_topic
from stillcold_core.evidence.envelope import digest, stored_payload

GATEWAY = "bench-gw"
SHORTEST = 0.01
"""s; the agent takes no less."""
_DEAD = ("voltage_l1", "voltage_l2", "voltage_l3", "current_l1", "current_l2", "current_l3")
_MOVING = tuple(f"current_h{order}_{phase}" for order in (5, 7, 11, 13) for phase in ("l1", "l2", "l3"))[:11]
QUANTITIES = ("active_power", "active_energy_export", "active_energy_import", *_DEAD, *_MOVING)
"""What the plant's numbers are called; the count of readings is an energy that goes out with each of them."""
_UNITS = {"active_power": "W", "active_energy_export": "kWh", "active_energy_import": "kWh", "voltage": "V"}


class Stillcold(Contestant):
    """All lines sealed; every batch signed, kept in the journal and acknowledged by the far end."""

    name = "Stillcold"
    message = "one a minute; a sealed line that is not dead at once"

    @property
    def version(self) -> str:
        return str(tomllib.loads((ROOT / "agent" / "pyproject.toml").read_text())["project"]["version"])

    def install(self) -> None:
        """Into an environment that holds the agent alone."""
        environment_with(self.cache, "--editable", str(ROOT / "core"), "--editable", str(ROOT / "agent"))

    def command(self, job: Job) -> Sequence[str]:
        profile, config = job.folder / "plant.toml", job.folder / "agent.toml"
        profile.write_text(_profile())
        config.write_text(_config(job))
        return [str(self.cache / "bin" / "stillcold-agent"), "run", "--config", str(config)]

    def readings(self, topic: str, payload: bytes) -> Iterator[Reading]:
        if topic != batch_topic(GATEWAY):
            return
        for block in decode_batch(stored_payload(payload)).blocks:
            unit = int(block.point[1:])
            for sample in block.samples():
                number, power = sample.number("active_energy_export"), sample.number("active_power")
                if number is not None and power is not None:
                    yield Reading(unit, round(number / 1000), round(power))

    def sequence(self, payload: bytes) -> int:
        """Place of a batch in its chain."""
        return decode_batch(stored_payload(payload)).sequence

    def reply(self, topic: str, payload: bytes) -> tuple[str, bytes] | None:
        """What a server says of a batch that it has on disk."""
        if topic != batch_topic(GATEWAY):
            return None
        batch = cbor2.loads(zstandard.decompress(stored_payload(payload)))
        return ack_topic(GATEWAY), encode_ack(Acknowledgement(batch["epoch"], {batch["sequence"]: digest(payload)}))


def _profile() -> str:
    head = 'model = "plant"\ntitle = "plant"\nkind = "meter"\nsource = "plant.c"\nfunction = 3\n'
    registers = []
    for n, quantity in enumerate(QUANTITIES):
        unit = _UNITS.get(quantity) or _UNITS.get(quantity.partition("_")[0]) or ("A" if quantity in _DEAD else "%")
        scale = 0.1 if unit in {"V", "A", "%"} else 1
        registers.append(
            f'[[register]]\nquantity = "{quantity}"\naddress = {2 * n}\ntype = "uint32"\nunit = "{unit}"\n'
            f'scale = {scale}\nsource = "plant.c"\n'
        )
    assert len(registers) == NUMBERS
    return head + "".join(registers)


def _config(job: Job) -> str:
    head = (
        f'gateway = "{GATEWAY}"\ndata_dir = "{job.folder / "data"}"\nlog_level = "warning"\n'
        f'[mqtt]\nhost = "127.0.0.1"\nport = {job.broker}\n'
        f'[[bus]]\nid = "plant"\nkind = "tcp"\nhost = "127.0.0.1"\nport = {job.plant}\n'
    )
    device = (
        '[[device]]\nbus = "plant"\nunit = {unit}\nprofile = "{profile}"\npoint = "m{unit}"\ninterval = {interval}\n'
        "sealed = true\nrated_power = 750e3\n"
    )
    profile, interval = job.folder / "plant.toml", job.interval or SHORTEST
    return head + "".join(device.format(unit=u, profile=profile, interval=interval) for u in range(1, METERS + 1))
