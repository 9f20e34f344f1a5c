"""Known words of known meters: written by hand, or taken from examples in the sources, not by our own encoder."""

import pytest

from stillcold_core.profiles import decode, load_profile, profile_names
from stillcold_core.readings import Absence

WORDS = [
    # Written after the makers' documents.
    ("abb-b23", "voltage_l1", [0x0000, 0x08FD], 230.1),
    ("abb-b23", "active_power", [0xFFFF, 0xB1E0], -200.0),
    ("abb-b23", "active_energy_import", [0, 0, 0x0001, 0x0000], 655_360.0),
    ("accuenergy-acuvim-l", "current_thd_l3", [2500], 25.0),
    ("acrel-adl400", "active_energy_import", [0x0001, 0x0000], 6553.6e3),
    ("acrel-adw300", "active_power", [0xFFFF, 0xFF38], -200.0),
    ("acrel-adw300", "voltage_l1", [2203], 220.3),
    ("acrel-dtsd1352", "power_factor", [0xFC18], -1.0),
    ("acrel-dtsd1352", "current_thd_l1", [253], 25.3),
    ("advantech-adam-4150", "door_closed", [1], 1.0),
    ("carlogavazzi-em24", "active_power", [0xF830, 0xFFFF], -200.0),
    ("carlogavazzi-em24", "active_energy_import", [0x0000, 0x0001], 6_553_600.0),
    ("carlogavazzi-em24-e1", "current_l1", [0x0001, 0x0001], 65.537),
    ("carlogavazzi-em340", "current_l1", [1500, 0], 1.5),
    ("carlogavazzi-em340", "frequency", [499], 49.9),
    ("chint-dtsu666", "voltage_l1", [0x4509, 0xB000], 220.3),
    ("eastron-sdm630", "frequency", [0x4248, 0x0000], 50.0),
    ("eastron-sdm72dm-v2", "active_power", [0xC348, 0x0000], -200.0),
    ("eastron-smart-x96", "voltage_thd_l1", [0x4020, 0x0000], 2.5),
    ("eastron-sdm230", "meter_serial", [0x0012, 0xD687], 1_234_567.0),
    ("eltako-dsz15", "active_power", [0xFFFF, 0xFF38], -200.0),
    ("inepro-pro380", "active_power", [0x3F80, 0x0000], 1000.0),
    ("janitza-umg512", "current_thd_l1", [0x41C8, 0x0000], 25.0),
    ("janitza-umg604", "active_energy_import", [0x4640, 0xE400], 12_345.0),
    ("janitza-umg96", "voltage_l1", [0x435C, 0x0000], 220.0),
    ("lovato-dmg610", "current_l1", [0x0000, 0x3A98], 1.5),
    ("lovato-dmg610", "active_power", [0xFFFF, 0xB1E0], -200.0),
    ("moxa-iologik-e1210", "breaker_closed", [0], 0.0),
    ("orno-or-we-516", "active_energy_import", [0x42F6, 0xE666], 123_450.0),
    ("phoenix-eem-mb370", "active_power", [0x0000, 0x447A], 1000.0),
    ("schneider-iem3000", "active_energy_import", [0, 0, 0x0001, 0x0000], 65536.0),
    ("schneider-pm2000", "active_power", [0x4479, 0xC000], 999e3),
    ("schneider-pm5000", "voltage_thd_l1", [0x4020, 0x0000], 2.5),
    ("schneider-pm5000", "power_factor", [0x3F8C, 0xCCCD], 0.9),  # 1.1: 0.9 leading
    ("siemens-pac2200", "active_energy_import", [0x40C8, 0x1C80, 0x0000, 0x0000], 12_345.0),
    ("socomec-countis-e44", "active_power", [0xFFFF, 0xFFEC], -200.0),
    ("socomec-countis-e44", "active_energy_import", [0x0001, 0x0000], 655_360.0),
    ("taiyedq-tac4300", "current_thd_l1", [0x41C8, 0x0000], 25.0),
    ("wirenboard-wb-mcm8", "breaker_closed", [1], 1.0),
    ("waveshare-8di", "seal_closed", [1], 1.0),
    ("xintai-ultrasonic-water", "water_volume", [0x0000, 0xC842], 100.0),  # DCBA
    # arendst/Tasmota xnrg_11_ddsu666.ino: "01 04 04 43 66 33 34 1B 38 = 230.2 Volt".
    ("chint-ddsu666", "voltage_l1", [0x4366, 0x3334], 230.2),
    ("eastron-sdm120", "voltage_l1", [0x4366, 0x3334], 230.2),
    # mariusbloemhof/solamon test_decode: 12350 W and 50.02 Hz as big-endian floats.
    ("accuenergy-acuvim-l", "active_power", [0x4640, 0xF800], 12_350.0),
    ("accuenergy-acuvim-l", "frequency", [0x4248, 0x147B], 50.02),
    # Foxess T series to Chint DTSU666 modbus bridge, README: answers as they were sniffed.
    ("chint-dtsu666", "active_power", [0x4500, 0x0000], 204.8),
    ("chint-dtsu666", "active_energy_export", [0x440D, 0x370A], 564_860.0),
    ("chint-dtsu666", "ct_ratio", [0x0001], 1.0),
    ("chint-dtsu666", "pt_ratio", [0x000A], 1.0),
    # esphome/esphome pzemac.cpp: an answer with its parts marked.
    ("peacefair-pzem-016", "voltage_l1", [0x08D1], 225.7),
    ("peacefair-pzem-016", "current_l1", [0x006C, 0x0000], 0.108),
    ("peacefair-pzem-016", "active_power", [0x00F4, 0x0000], 24.4),
    ("peacefair-pzem-016", "active_energy_import", [0x0026, 0x0000], 38.0),
    ("peacefair-pzem-016", "frequency", [0x01F4], 50.0),
    ("peacefair-pzem-016", "power_factor", [0x0064], 1.0),
    # dzlabing/dds238 README: registers as read, and what they mean.
    ("hiking-dds238", "active_energy_export", [0, 2399], 23_990.0),
    ("hiking-dds238", "active_energy_import", [0, 4733], 47_330.0),
    ("hiking-dds238", "voltage_l1", [2306], 230.6),
    ("hiking-dds238", "current_l1", [62], 0.62),
    ("hiking-dds238", "active_power", [132], 132.0),
    ("hiking-dds238", "reactive_power", [65534], -2.0),
    ("hiking-dds238", "power_factor", [917], 0.917),
    ("hiking-dds238", "frequency", [4999], 49.99),
    # tankwanghow/pou_con: the maker's example, 1E 85 0B 3F for 0.545 m³/h.
    ("xintai-ultrasonic-water", "water_flow", [0x1E85, 0x0B3F], 0.545),
    # Words of TUF-2000M meters that meant 57.0 (a pipe, mm), 36.625 and 7.101173 (temperatures; gambit-labs/tuf-2000m).
    ("tuf-2000m", "water_flow", [15568, 16611], 7.101),
    ("tuf-2000m", "water_flow", [0x0000, 0x4264], 57.0),
    ("tuf-2000m", "water_volume", [0x806B, 0x4212], 36.625),
]


@pytest.mark.requirement("profile.known-words")
@pytest.mark.parametrize(("model", "quantity", "words", "expected"), WORDS)
def test_known_words_give_the_known_value(model: str, quantity: str, words: list[int], expected: float) -> None:
    """In the vocabulary's unit, with the word order, sign and scale of the source."""
    profile = load_profile(model)
    assert decode(profile, profile.register_of(quantity), words) == expected


@pytest.mark.requirement("profile.known-words")
def test_every_shipped_profile_has_known_words() -> None:
    """A new profile brings its own."""
    assert {model for model, *_ in WORDS} == set(profile_names())


@pytest.mark.requirement("profile.ends-are-absent")
@pytest.mark.parametrize(
    ("model", "quantity", "words"),
    [
        ("abb-b23", "voltage_l2", [0xFFFF, 0xFFFF]),
        ("abb-b23", "active_power_l1", [0x7FFF, 0xFFFF]),
        ("abb-b23", "power_factor", [0x7FFF]),
        ("carlogavazzi-em24", "active_power", [0xFFFF, 0x7FFF]),
        ("hiking-dds238", "active_power", [0x8000]),
        ("acrel-adw300", "current_l1", [0xFFFF]),
    ],
)
def test_the_end_of_an_integer_type_is_no_reading(model: str, quantity: str, words: list[int]) -> None:
    """With scale 0.01 W the greatest signed count would be a believable 21 MW."""
    profile = load_profile(model)
    assert decode(profile, profile.register_of(quantity), words) is Absence.OUT_OF_RANGE


def test_a_counter_may_stand_at_the_end_of_its_type() -> None:
    """It is about to roll over."""
    profile = load_profile("acrel-adw300")
    value = decode(profile, profile.register_of("active_energy_import"), [0xFFFF, 0xFFFF])
    assert value == pytest.approx((2**32 - 1) * 10)


def test_a_counter_of_64_bits_never_starts_again() -> None:
    """Its end lies far beyond every bound: a number that goes down there is no roll-over."""
    profile = load_profile("abb-b23")
    assert decode(profile, profile.register_of("active_energy_import"), [0xFFFF] * 4) is Absence.OUT_OF_RANGE
