"""Bytes a value takes on the wire at 1 Hz, signature and chain included, on live loads; and what coding costs."""

import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from stillcold_core.contract.batch import CONTENT_TYPE, Batch, Block, block_of, decode_batch, encode_batch
from stillcold_core.evidence.envelope import GENESIS, digest, open_envelope, seal
from stillcold_core.evidence.keys import Ed25519PrivateKey
from stillcold_core.profiles import Profile, decode, encode, load_profile
from stillcold_core.readings import Sample
from stillcold_sim.plant import Plant
from stillcold_sim.scenario import load_scenario

KEY = Ed25519PrivateKey.generate()
PERIOD = 60  # s in a batch
BATCHES = 10
MODEL = "eastron-sdm630"  # 26 quantities, all of them floats
LOADS = {
    "dead": '{ kind = "dead" }',
    "office": '{ kind = "office" }',
    "motor": '{ kind = "motor", power = 132e3, loaded = 180, unloaded = 60 }',
    "steady": '{ kind = "steady", power = 400e3, noise = 0.02, current_thd = 26 }',
    "furnace": '{ kind = "furnace" }',
}


def play(folder: Path, load: str, meters: int) -> list[dict[str, list[Sample]]]:
    """What the agent would read from simulated meters, by batch and point."""
    profile = load_profile(MODEL)
    scenario = 'name = "wire"\n[[port]]\nid = "bus"\n' + "".join(
        f'[[meter]]\nid = "m{i}"\nprofile = "{MODEL}"\nport = "bus"\nunit = {i + 1}\npoint = "p{i}"\n'
        f"energy = {30_000_000 + i * 71}\nct_noise = 0.4\nload = {load}\n"
        for i in range(meters)
    )
    (folder / "wire.toml").write_text(scenario)
    plant = Plant(load_scenario(folder / "wire.toml"), None, lambda _: None)
    batches = []
    for batch in range(BATCHES):
        samples: dict[str, list[Sample]] = {}
        for t in range(batch * PERIOD, (batch + 1) * PERIOD):
            plant.advance(float(t))
            for name, meter in plant.meters.items():
                point = name.replace("m", "p")
                samples.setdefault(point, []).append(read(profile, point, t, meter.values or {}))
        batches.append(samples)
    return batches


def read(profile: Profile, point: str, t: int, shown: dict[str, float]) -> Sample:
    """Values through the meter's registers, with the words that are kept, a millisecond or two late."""
    words = {r.quantity: encode(profile, r, shown[r.quantity]) for r in profile.register}
    values = {r.quantity: decode(profile, r, words[r.quantity]) for r in profile.register}
    late = 0.001 * (1 + t * 7 % 3)
    kept = {r.quantity: words[r.quantity] for r in profile.register if r.raw}
    return Sample(point, 1.767e9 + t + late, values, 5000.0 + t + late, kept)


def chain(batches: Sequence[dict[str, list[Sample]]]) -> list[bytes]:
    """Signed envelopes, each naming the one before."""
    profile = load_profile(MODEL)
    envelopes, previous = [], GENESIS
    for sequence, samples in enumerate(batches, 1):
        blocks: list[Block] = [block_of(s, MODEL, profile.exponents) for s in samples.values()]
        batch = Batch("gw-1", bytes(8), sequence, previous, bytes(16), True, {MODEL: profile.version}, blocks)
        envelopes.append(seal(encode_batch(batch), kid="gw-1", content_type=CONTENT_TYPE, key=KEY))
        previous = digest(envelopes[-1])
    return envelopes


@pytest.mark.parametrize("meters", [1, 10])
@pytest.mark.parametrize("load", LOADS)
def test_bytes_a_value(tmp_path: Path, load: str, meters: int) -> None:
    """At most 2 on a live load, batches of a minute."""
    batches = play(tmp_path, LOADS[load], meters)
    values = sum(len(s.values) for b in batches for samples in b.values() for s in samples)
    started = time.process_time()
    envelopes = chain(batches)
    encoded = time.process_time()
    for envelope in envelopes:
        opened = open_envelope(envelope, content_type=CONTENT_TYPE, key_of=lambda _: KEY.public_key())
        decode_batch(opened.payload)
    decoded = time.process_time()
    total = sum(map(len, envelopes))
    print(
        f"\n{load:8} {meters:3} meters: {total / values:.2f} B a value, {total / BATCHES:.0f} B a batch, "
        f"encode {values / (encoded - started) / 1e3:.0f}k, "
        f"verify and decode {values / (decoded - encoded) / 1e3:.0f}k values/s"
    )
    assert total / values <= 2
