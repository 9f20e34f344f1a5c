"""A scenario with one meter of every profile on one port, each under load."""

from stillcold_core.profiles import load_profile, profile_names

_SHOWN = {
    "seal_closed": 1, "door_closed": 0, "breaker_closed": 1, "water_volume": 1234.5, "water_flow": 3.5,
    "meter_serial": 12345678, "ct_ratio": 1, "pt_ratio": 1,
}  # fmt: skip


def one_of_each(kind: str = "tcp") -> str:
    """Text of the scenario; a meter's unit is 1 plus its place in ``profile_names()``."""
    meters = (_meter(unit, model) for unit, model in enumerate(profile_names(), 1))
    return f'name = "test"\n[[port]]\nid = "bus"\nkind = "{kind}"\n' + "".join(meters)


def _meter(unit: int, model: str) -> str:
    profile = load_profile(model)
    shown = ", ".join(f"{q} = {v}" for q, v in _SHOWN.items() if q in profile.by_quantity)
    load = 'load = { kind = "steady", power = 40e3 }\n' if profile.kind == "meter" else ""
    return (
        f'[[meter]]\nid = "m{unit}"\nprofile = "{model}"\nport = "bus"\nunit = {unit}\npoint = "p{unit}"\n'
        f"energy = 123_450\n{load}values = {{ {shown} }}\n"
    )
