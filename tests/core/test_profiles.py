"""Every shipped profile, register by register: what a meter would show is what the agent reads."""

import itertools
import math
import random
import re
import struct
from pathlib import Path
from typing import Literal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillcold_core.files import BadFile
from stillcold_core.profiles import (
    Profile,
    Ratios,
    Read,
    Register,
    block_decoder,
    decode,
    encode,
    load_profile,
    load_profile_file,
    plan_reads,
    profile_names,
)
from stillcold_core.profiles.codec import modulus
from stillcold_core.profiles.model import Type
from stillcold_core.quantities import PHASES, QUANTITIES
from stillcold_core.readings import Absence

PROFILES = [load_profile(name) for name in profile_names()]
REGISTERS = [(p, r) for p in PROFILES for r in p.register]
RATIOS = (Ratios(), Ratios(ct=40.0), Ratios(ct=200.0, pt=100.0))
SPECIAL_WORDS = (0x0000, 0x7F80, 0x7FC0, 0x7FFF, 0x8000, 0xFF80, 0xFFC0, 0xFFFF)
WORD = st.integers(0, 0xFFFF) | st.sampled_from(SPECIAL_WORDS)


def each(registers: list[tuple[Profile, Register]]) -> pytest.MarkDecorator:
    """Run a test for each of the registers."""
    names = [f"{profile.model}:{register.quantity}" for profile, register in registers]
    return pytest.mark.parametrize(("profile", "register"), registers, ids=names)


def shown_range(register: Register, ratios: Ratios) -> tuple[float, float]:
    """Least and greatest plausible value that the register can show."""
    quantity, factor = QUANTITIES[register.quantity], abs(register.factor(ratios))
    bits = 16 * register.words
    least, most = {
        "u": (0.0, 2.0**bits - 1),
        "i": (-(2.0 ** (bits - 1)), 2.0 ** (bits - 1) - 1),
        "b": (0.0, 1.0),
        "f": (-3e38, 3e38),
    }[register.type[0]]
    if span := modulus(register):
        most = min(most, span * (1 - 1e-6))
    return max(quantity.low, least * factor), min(quantity.high, most * factor)


@pytest.mark.requirement("profile.at-least-25")
def test_at_least_25_models_ship() -> None:
    """Electricity, water and contacts, each with a source for the whole and for every register."""
    assert len(PROFILES) >= 25
    assert {p.kind for p in PROFILES} == {"meter", "water", "contacts"}
    for profile, register in REGISTERS:
        assert profile.source
        assert register.source
        assert len(profile.version) == 16


@pytest.mark.requirement("profile.restart-evidence")
def test_every_meter_shows_what_proves_a_restart() -> None:
    """Energy, power, and voltage and current of each phase of every electricity meter, of one phase or of three.

    The energy words are kept as evidence.
    """
    for profile in PROFILES:
        if profile.kind == "meter":
            held = set(profile.by_quantity)
            assert {"active_energy_import", "active_power"} <= held, profile.model
            for stem in ("voltage", "current"):
                assert {p for p in PHASES if f"{stem}_{p}" in held} in ({"l1"}, set(PHASES)), profile.model
            assert profile.register_of("active_energy_import").raw, profile.model


@pytest.mark.requirement("profile.restart-evidence")
def test_a_single_phase_meter_claims_no_other_phase() -> None:
    """No quantity of the second or third phase, and none between phases."""
    single = [p for p in PROFILES if p.kind == "meter" and "voltage_l2" not in p.by_quantity]
    assert "eastron-sdm120" in {p.model for p in single}
    for profile in single:
        assert not [q for q in profile.by_quantity if re.search("_l(2|3|12|23|31)$", q)], profile.model


@pytest.mark.requirement("profile.round-trip")
@each(REGISTERS)
def test_what_is_encoded_is_decoded(profile: Profile, register: Register) -> None:
    """Over the whole range, negative values included, to half a step and a float's own precision.

    The ends of a gauge's integer type are none of them: they say that there is no value.
    """
    for ratios in RATIOS:
        low, high = shown_range(register, ratios)
        if QUANTITIES[register.quantity].kind == "gauge" and not register.type.startswith(("float", "bit")):
            high -= abs(register.factor(ratios))
            low += abs(register.factor(ratios)) if register.type.startswith("int") else 0.0
        step = max(register.step, abs(register.factor(ratios)) if not register.type.startswith("float") else 0.0)
        for share in (0, 1e-9, 1e-6, 0.001, 0.01, 0.1, 0.123456, 0.3, 0.49, 0.5, 0.500001, 0.51, 0.7, 0.9, 0.987654, 1):
            value = low + share * (high - low)
            decoded = decode(profile, register, encode(profile, register, value, ratios), ratios)
            assert isinstance(decoded, float), value
            assert abs(decoded - value) <= 0.51 * step + abs(value) * 2**-23


@pytest.mark.requirement("profile.roll-over")
@each([(p, r) for p, r in REGISTERS if modulus(r)])
def test_a_counter_starts_again_at_its_modulus(profile: Profile, register: Register) -> None:
    """One step short of it is the greatest reading; the modulus itself reads 0."""
    span, unit = modulus(register), register.factor(Ratios())
    assert decode(profile, register, encode(profile, register, span * unit)) == 0
    before = decode(profile, register, encode(profile, register, (span - 1) * unit))
    assert before == pytest.approx((span - 1) * unit)


@pytest.mark.requirement("profile.never-implausible")
@settings(max_examples=1500, deadline=None)
@given(which=st.sampled_from(REGISTERS), words=st.lists(WORD, min_size=4, max_size=4), ratios=st.sampled_from(RATIOS))
def test_no_words_give_an_implausible_number(which: tuple[Profile, Register], words: list[int], ratios: Ratios) -> None:
    """Whatever comes over the line: a number within the bounds, or an absence with its cause."""
    profile, register = which
    value = decode(profile, register, words[: register.words], ratios)
    if isinstance(value, Absence):
        assert value is Absence.OUT_OF_RANGE
    else:
        assert QUANTITIES[register.quantity].plausible(value)


@pytest.mark.requirement("profile.block")
@pytest.mark.parametrize("profile", PROFILES, ids=lambda p: p.model)
@settings(deadline=None)
@given(data=st.data(), ratios=st.sampled_from(RATIOS))
def test_a_whole_answer_is_decoded_as_its_registers_are(profile: Profile, data: st.DataObject, ratios: Ratios) -> None:
    """The same values to the bit, whatever the orders of bytes and words, and what lies between the registers."""
    orders = {n: data.draw(st.sampled_from(["big", "little"])) for n in ("byte_order", "word_order")}
    profile = msgspec.structs.replace(profile, **orders)
    for read in plan_reads(profile):
        words = data.draw(st.lists(WORD, min_size=read.count, max_size=read.count))
        expected = {r.quantity: decode(profile, r, words[at : at + r.words], ratios) for r, at in read.registers}
        assert block_decoder(profile, read, ratios)(words) == expected


@pytest.mark.requirement("profile.block")
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(
    ("quantity", "unit", "scale", "ratios"),
    [
        ("active_energy_import", "Wh", 0.1, Ratios(ct=842_741)),
        ("active_energy_import", "Wh", 0.001, Ratios(ct=567_524, pt=455)),
        ("active_power", "W", 1e-7, Ratios(ct=618_037)),
        ("active_power", "W", 0.1, Ratios(ct=1 / 3)),
        ("active_power", "kW", 0.25, Ratios(ct=40, pt=100)),
        ("voltage_l1", "V", 0.001, Ratios(pt=110.5)),
        ("frequency", "Hz", 0.01, Ratios()),
    ],
)
@pytest.mark.parametrize("kind", ["uint16", "int16", "uint32", "int32"])
def test_an_integer_of_any_profile_is_decoded_in_a_block_as_alone(
    quantity: str, unit: str, scale: float, ratios: Ratios, sign: Literal[1, -1], kind: Type
) -> None:
    """To the bit, however odd its scale and however large the ratio of its transformers."""
    profile = load_profile("eastron-sdm630")
    register = msgspec.structs.replace(
        profile.register_of(quantity),
        address=0,
        type=kind,
        scale=scale,
        sign=sign,
        unit=unit,
        resolution=0.0,
        ratio="ct*pt",
    )
    decoded, rng = block_decoder(profile, Read(3, 0, register.words, ((register, 0),)), ratios), random.Random(1)
    for _ in range(3000):
        words = [rng.getrandbits(rng.choice((4, 16, 16))) for _ in range(register.words)]
        assert repr(decoded(words)[quantity]) == repr(decode(profile, register, words, ratios))


@pytest.mark.requirement("profile.nan-is-absent")
@each([(p, r) for p, r in REGISTERS if r.type.startswith("float")])
def test_not_a_number_is_out_of_range(profile: Profile, register: Register) -> None:
    """NaN and both infinities; never 0."""
    for number in (math.nan, math.inf, -math.inf):
        assert decode(profile, register, encode(profile, register, number)) is Absence.OUT_OF_RANGE


@pytest.mark.requirement("plan.each-register-once")
@pytest.mark.parametrize("profile", PROFILES, ids=lambda p: p.model)
@given(data=st.data())
def test_a_plan_reads_each_chosen_register_once_within_the_limits(profile: Profile, data: st.DataObject) -> None:
    """For any choice of registers."""
    chosen = data.draw(st.lists(st.sampled_from(profile.register), unique=True, min_size=1))
    reads = plan_reads(profile, chosen)
    covered = [register for read in reads for register, _ in read.registers]
    assert sorted(r.quantity for r in covered) == sorted(r.quantity for r in chosen)
    for read in reads:
        used = set()
        for register, offset in read.registers:
            assert profile.function_of(register) == read.function
            assert profile.wire_address(register) == read.address + offset
            used |= set(range(offset, offset + register.words))
        assert max(used) == read.count - 1 < profile.max_registers
        assert longest_gap(used) <= profile.max_gap


def longest_gap(used: set[int]) -> int:
    """Most unused registers in a row."""
    positions = sorted(used)
    return max((b - a - 1 for a, b in itertools.pairwise(positions)), default=0)


def test_a_power_factor_beyond_its_four_quadrants_is_out_of_range() -> None:
    """2.5 would fold to a believable -0.5."""
    profile = load_profile("schneider-pm5000")
    for words in ([0x4020, 0x0000], [0xC020, 0x0000]):
        assert decode(profile, profile.register_of("power_factor"), words) is Absence.OUT_OF_RANGE


def test_transformer_ratios_apply_to_the_secondary_side_only() -> None:
    """An integer block is multiplied, a float block of the primary side is not."""
    ratios = Ratios(ct=40.0, pt=100.0)
    adw300, adl400 = load_profile("acrel-adw300"), load_profile("acrel-adl400")
    assert decode(adw300, adw300.register_of("active_power"), [0, 5], ratios) == 20_000.0
    assert decode(adw300, adw300.register_of("current_l1"), [150], ratios) == 60.0
    assert decode(adl400, adl400.register_of("active_power"), [0x3F80, 0], ratios) == 1000.0


def test_document_numbers_that_begin_at_one_are_one_less_on_the_wire() -> None:
    """PM5000 document number 3000 is address 2999."""
    profile = load_profile("schneider-pm5000")
    assert profile.wire_address(profile.register_of("current_l1")) == 2999


PROFILE = """\
model = "own"
title = "t"
kind = "meter"
source = "s"
function = 3

[[register]]
quantity = "active_power"
address = 0
type = "float64"
unit = "kW"
resolution = 0.001
source = "s"
"""


def load_text(folder: Path, text: str) -> Profile:
    """A profile from text."""
    file = folder / "own.toml"
    file.write_text(text)
    return load_profile_file(file)


def test_a_64_bit_float_beyond_every_bound_is_out_of_range(tmp_path: Path) -> None:
    """Also where scaling it would overflow."""
    profile = load_text(tmp_path, PROFILE)
    words = struct.unpack(">4H", struct.pack(">d", 1e308))
    assert decode(profile, profile.register[0], words) is Absence.OUT_OF_RANGE


@pytest.mark.requirement("profile.checked-at-load")
@pytest.mark.parametrize(
    ("old", "new", "line", "field", "expected"),
    [
        ('quantity = "active_power"', 'quantity = "power"', 8, "register[0].quantity", "vocabulary"),
        ('unit = "kW"', 'unit = "horsepower"', 11, "register[0].unit", "expected one of V"),
        ("resolution = 0.001\n", "", 7, "register[0].resolution", "missing"),
        ("address = 0", "address = 65535", 9, "register[0].address", "expected 0 to 65535"),
        ("address = 0", "address = -1", 9, "register[0].address", ">= 0"),
        ('type = "float64"', 'type = "float16"', 10, "register[0].type", "float16"),
        ('type = "float64"', 'type = "bit"', 10, "register[0].type", "functions 1 and 2 read bits"),
        ("function = 3", "function = 6", 5, "function", "6"),
        ("function = 3", "function = 3\nmax_registers = 2", 11, "register[0].type", "max_registers"),
        ("address = 0", 'address = 0\ncolour = "red"', 10, "register[0].colour", "colour"),
        ('model = "own"', 'model = "other"', 1, "model", "must be the file's name"),
    ],
)
def test_a_wrong_profile_is_refused_with_its_place(
    tmp_path: Path, old: str, new: str, line: int, field: str, expected: str
) -> None:
    """File, line, field, value and what would be right."""
    assert old in PROFILE
    with pytest.raises(BadFile) as refused:
        load_text(tmp_path, PROFILE.replace(old, new))
    assert (refused.value.line, refused.value.field) == (line, field)
    assert expected in str(refused.value)
    assert "own.toml" in str(refused.value)


def test_a_quantity_twice_is_refused(tmp_path: Path) -> None:
    """The second one is named."""
    block = PROFILE[PROFILE.index("[[register]]") :]
    with pytest.raises(BadFile, match=r"own.toml:16: register\[1\].quantity: .*register\[0\] has it already"):
        load_text(tmp_path, PROFILE + "\n" + block)


def test_an_unknown_model_is_refused_with_the_known_ones() -> None:
    """So that a typing error is found at once."""
    with pytest.raises(BadFile, match="eastron-sdm630"):
        load_profile("eastron-sdm631")
