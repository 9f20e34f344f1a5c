"""What stands in a meter's registers, and what faults make of it."""

from collections.abc import Callable, Iterator, Mapping

from stillcold_core.profiles import Profile, Ratios, Register, encoder
from stillcold_sim.scenario import Fault

Image = dict[int, int]
"""Word by zero-based wire address."""

_NOT_AVAILABLE = {
    "uint16": (0xFFFF,),
    "int16": (0x8000,),
    "uint32": (0xFFFF, 0xFFFF),
    "int32": (0x8000, 0),
    "uint64": (0xFFFF,) * 4,
    "int64": (0x8000, 0, 0, 0),
    "float32": (0x7FC0, 0),
    "float64": (0x7FF8, 0, 0, 0),
    "bit": (0,),
}
"""Words, highest first, of a value that is not there; SunSpec Device Information Model, section 6.3 (point types)."""


class RegisterMap:
    """From what a meter shows to its registers.

    Parameters
    ----------
    profile : Profile
        Its model.
    ratios : Ratios
        Of its transformers.
    """

    def __init__(self, profile: Profile, ratios: Ratios) -> None:
        functions = {profile.function_of(register) for register in profile.register}
        self._registers = {
            function: [(first, r.quantity, encoder(profile, r, ratios)) for first, r in _placed(profile, function)]
            for function in functions
        }

    def image(self, function: int, values: Mapping[str, float]) -> Image:
        """The registers of one function code."""
        image: Image = {}
        for first, quantity, words in self._registers[function]:
            for address, word in enumerate(words(values[quantity]), first):
                image[address] = word
        return image


def spoiled(image: Image, fault: Fault, profile: Profile, function: int, stuck: Image) -> Image:
    """The registers with a fault.

    Parameters
    ----------
    image : Image
        What they should show; left as it is.
    fault : Fault
        Of a kind that changes registers.
    profile, function
        What they mean.
    stuck : Image
        What they showed when the fault began.
    """
    if fault.functions and function not in fault.functions:
        return image
    changed = _CHANGES[fault.what](image, fault, profile, function, stuck)
    return image | {address: word for address, word in changed if address in image and fault.holds(address)}


def _stuck(_i: Image, _f: Fault, _p: Profile, _c: int, stuck: Image) -> Iterator[tuple[int, int]]:
    yield from stuck.items()


def _shifted(image: Image, fault: Fault, _p: Profile, _c: int, _s: Image) -> Iterator[tuple[int, int]]:
    for address in image:
        yield address, image.get(address + fault.shift, 0)


def _swapped(image: Image, _f: Fault, profile: Profile, function: int, _s: Image) -> Iterator[tuple[int, int]]:
    for first, register in _placed(profile, function):
        for i in range(register.words):
            yield first + i, image[first + register.words - 1 - i]


def _nan(_i: Image, fault: Fault, profile: Profile, function: int, _s: Image) -> Iterator[tuple[int, int]]:
    for first, register in _placed(profile, function):
        bytes_, words = profile.orders(register)
        pattern = _NOT_AVAILABLE[register.type] if fault.fill is None else (fault.fill,) * register.words
        swapped = [w if bytes_ == "big" else int.from_bytes(w.to_bytes(2, "big"), "little") for w in pattern]
        yield from enumerate(swapped if words == "big" else reversed(swapped), first)


_CHANGES: dict[str, Callable[[Image, Fault, Profile, int, Image], Iterator[tuple[int, int]]]] = {
    "stuck": _stuck,
    "shifted": _shifted,
    "swapped": _swapped,
    "nan": _nan,
}


def _placed(profile: Profile, function: int) -> Iterator[tuple[int, Register]]:
    for register in profile.register:
        if profile.function_of(register) == function:
            yield profile.wire_address(register), register
