"""The key that signs: what the agent does with the one that it has."""

import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from stillcold_agent.identity import KEY_FILE, load_key, registry_lines
from stillcold_core.files import BadFile
from stillcold_core.profiles import Profile
from support import Mosquitto, require_program, wait_for_async
from support.agents import RunningAgent
from support.raw_meter import RawMeter, Registers

PLANT = """
[[bus]]
id = "b"
kind = "tcp"
host = "127.0.0.1"
port = {port}

[[device]]
bus = "b"
unit = 1
profile = "eastron-sdm630"
point = "p1"
interval = 0.1
"""


@pytest.fixture
def made_elsewhere(tmp_path: Path) -> Path:
    """A P-256 key of openssl's, where the agent looks for its own."""
    key_file = tmp_path / "data" / KEY_FILE
    key_file.parent.mkdir(mode=0o700)
    command = [require_program("openssl"), "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]
    subprocess.run([*command, "-out", key_file], check=True, umask=0o077)
    return key_file


@pytest.mark.requirement("agent.key.p256")
async def test_an_agent_with_a_p256_key_signs_with_it(
    tmp_path: Path, made_elsewhere: Path, mosquitto: Mosquitto, sdm630: Profile
) -> None:
    """The far end, which checks each signature, has the key from the file."""
    async with (
        RawMeter(Registers(sdm630, {"active_power": 7.0})) as far,
        RunningAgent(tmp_path, mosquitto, PLANT.format(port=far.port)) as agent,
    ):
        await wait_for_async(lambda: agent.far.batches, what="a batch")
        agent.far.check()
    assert 'public_key = "p256:' in registry_lines("gw-1", load_key(made_elsewhere))


def test_a_key_of_another_curve_is_named(tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP384R1())
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (tmp_path / KEY_FILE).write_bytes(pem)
    (tmp_path / KEY_FILE).chmod(0o600)
    with pytest.raises(BadFile, match="expected an Ed25519 or P-256 key"):
        load_key(tmp_path / KEY_FILE)
