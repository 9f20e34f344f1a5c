"""Meter profiles: one TOML file a model says which register holds which quantity, and how to read it.

>>> load_profile("eastron-sdm630").register_of("frequency").address
70
"""

from stillcold_core.profiles.block import block_decoder
from stillcold_core.profiles.codec import decode, decoder, encode, encoder
from stillcold_core.profiles.model import Profile, Ratios, Register
from stillcold_core.profiles.plan import Read, plan_reads
from stillcold_core.profiles.store import load_profile, load_profile_file, profile_names

__all__ = [
    "Profile",
    "Ratios",
    "Read",
    "Register",
    "block_decoder",
    "decode",
    "decoder",
    "encode",
    "encoder",
    "load_profile",
    "load_profile_file",
    "plan_reads",
    "profile_names",
]
