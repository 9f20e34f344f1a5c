"""Loading profiles: those that ship with Stillcold, and a user's own files."""

import hashlib
from functools import cache
from pathlib import Path

import msgspec

from stillcold_core.files import BadFile, TomlFile
from stillcold_core.profiles.model import Profile

_SHIPPED = Path(__file__).parent / "meters"


def profile_names() -> list[str]:
    """Models that ship with Stillcold, sorted."""
    return sorted(p.stem for p in _SHIPPED.glob("*.toml"))


@cache
def load_profile(model: str) -> Profile:
    """A shipped profile by its model.

    Raises
    ------
    BadFile
        When there is none of that name.
    """
    if model not in profile_names():
        raise BadFile(_SHIPPED, f"expected one of: {', '.join(profile_names())}", field="profile", value=model)
    return load_profile_file(_SHIPPED / f"{model}.toml")


def load_profile_file(path: Path) -> Profile:
    """A profile from a file.

    Raises
    ------
    BadFile
        Naming file, line, field and value of the first thing that does not fit.
    """
    file = TomlFile(path)
    profile = file.convert(Profile)
    for steps, expected in profile.problems():
        raise file.bad(steps, expected)
    if profile.model != path.stem:
        raise file.bad(["model"], f"must be the file's name, {path.stem!r}")
    return msgspec.structs.replace(profile, version=hashlib.sha256(file.text.encode()).hexdigest()[:16])
