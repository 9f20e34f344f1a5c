"""The vocabulary."""

import math
import re

import pytest

from stillcold_core.quantities import QUANTITIES, Kind


def test_every_quantity_has_a_name_a_unit_and_bounds() -> None:
    """Names are made of small letters and digits: they become columns, fields and parts of addresses."""
    for name, quantity in QUANTITIES.items():
        assert name == quantity.name
        assert re.fullmatch(r"[a-z][a-z0-9_]*", name)
        assert quantity.unit
        assert quantity.low < quantity.high


def test_what_only_counts_up_has_no_negative_values() -> None:
    """Registers, contacts and identities begin at 0."""
    for quantity in QUANTITIES.values():
        if quantity.kind is not Kind.GAUGE:
            assert quantity.low == 0, quantity.name


@pytest.mark.parametrize("name", QUANTITIES)
def test_bounds_belong_to_the_range_and_nothing_beyond_does(name: str) -> None:
    """NaN and infinity belong to none."""
    quantity = QUANTITIES[name]
    assert quantity.plausible(quantity.low)
    assert quantity.plausible(quantity.high)
    for value in (math.nan, math.inf, -math.inf, math.nextafter(quantity.high, math.inf), quantity.low - 1):
        assert not quantity.plausible(value)


def test_a_full_register_fits_every_energy_and_volume() -> None:
    """32 bits of 0.1 kWh behind a large transformer are plausible: the detector must see the value."""
    assert QUANTITIES["active_energy_import"].plausible(2**32 * 100.0 * 1000)
