"""The meters of a configuration: what is asked of each, and how its answers become a sample."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from stillcold_agent.boot import Moment
from stillcold_agent.config import Config, Device, profile_of
from stillcold_agent.deadbands import Quiet, default_deadbands
from stillcold_core.detect.deadline import DeadLineLimits
from stillcold_core.profiles import Profile, Ratios, Read, Register, block_decoder, plan_reads
from stillcold_core.quantities import QUANTITIES, Kind
from stillcold_core.readings import Absence, Sample, Value

_QUIET = 10.0
"""s between the readings that are kept of a sealed line at rest, where the configuration says nothing."""
Answer = tuple[int, ...] | Absence
"""Register words (or bits) of one request, or why there are none."""


@dataclass(frozen=True, slots=True)
class Meter:
    """One meter as it is read.

    Attributes
    ----------
    point : str
        Point that it measures.
    bus : str
        Id of its bus.
    unit : int
        Its address there.
    interval : float
        Seconds between readings.
    profile : Profile
        Its model.
    ratios : Ratios
        Of the installed transformers.
    reads : tuple of Read
        Requests of every reading.
    slow_reads : tuple of Read
        Those for what changes slowly.
    slow_interval : float
        Seconds between readings that have those too.
    exponents : mapping of str to int
        Power of ten on the wire by quantity that is read.
    limits : DeadLineLimits or None
        Of the sealed line that it watches.
    rated_power : float or None
        W
    quiet : Quiet or None
        How the line is recorded at rest; None where every reading is kept.
    """

    point: str
    bus: str
    unit: int
    interval: float
    profile: Profile
    ratios: Ratios
    reads: tuple[Read, ...]
    exponents: Mapping[str, int]
    limits: DeadLineLimits | None = None
    rated_power: float | None = None
    quiet: Quiet | None = None
    slow_reads: tuple[Read, ...] = ()
    slow_interval: float = 60.0

    _decoders: tuple["_Decoder", ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Work out once what decoding each answer needs."""
        decoders = tuple(_Decoder(self.profile, read, self.ratios) for read in self.all_reads)
        object.__setattr__(self, "_decoders", decoders)  # as a frozen dataclass sets its fields itself

    @property
    def all_reads(self) -> tuple[Read, ...]:
        """Every request there is for it."""
        return self.reads + self.slow_reads

    def sample(self, moment: Moment, answers: Iterable[Answer]) -> Sample:
        """The reading that ``answers`` make: one for each of :attr:`reads`, or of :attr:`all_reads`, in order."""
        values: dict[str, Value] = {}
        raw: dict[str, tuple[int, ...]] = {}
        for decoder, answer in zip(self._decoders, answers, strict=False):
            if isinstance(answer, Absence):
                values |= dict.fromkeys(decoder.quantities, answer)
                continue
            values |= decoder.decode(answer)
            for quantity, first, end in decoder.raw:
                if not isinstance(values[quantity], Absence):
                    raw[quantity] = answer[first:end]
        return Sample(self.point, moment.time, values, moment.monotonic, raw)

    def words(self, answers: Iterable[Answer]) -> Iterator[tuple[Register, Answer]]:
        """Each register with its own words, or why there are none."""
        for read, answer in zip(self.all_reads, answers, strict=False):
            for register, offset in read.registers:
                if isinstance(answer, Absence):
                    yield register, answer
                else:
                    yield register, answer[offset : offset + register.words]


class _Decoder:
    """What is done with the answer to one request.

    Attributes
    ----------
    quantities : tuple of str
        That lie in it.
    decode : callable
        From its words to the values by quantity.
    raw : list of (str, int, int)
        Quantities whose words are kept, and where they lie.
    """

    def __init__(self, profile: Profile, read: Read, ratios: Ratios) -> None:
        self.quantities = tuple(r.quantity for r, _ in read.registers)
        self.decode = block_decoder(profile, read, ratios)
        self.raw = [(r.quantity, offset, offset + r.words) for r, offset in read.registers if r.raw]


def meters_of(config: Config) -> list[Meter]:
    """The meters of a checked configuration, in its order."""
    return [_meter(device) for device in config.device]


def _meter(device: Device) -> Meter:
    profile = profile_of(device)
    chosen = [r for r in profile.register if _wanted(device, r.quantity)]
    slow = [r for r in chosen if _is_slow(device, r)]
    fast = [r for r in chosen if r not in slow] or chosen
    limits = None
    if device.sealed and device.rated_power is not None:
        limits = DeadLineLimits(device.rated_power, device.nominal_voltage, device.power_cut, device.water_cut)
    return Meter(
        point=device.point,
        bus=device.bus,
        unit=device.unit,
        interval=device.interval,
        profile=profile,
        ratios=Ratios(ct=device.ct, pt=device.pt),
        reads=plan_reads(profile, fast),
        slow_reads=plan_reads(profile, slow) if fast is not chosen else (),
        slow_interval=device.slow_interval,
        exponents={r.quantity: r.exponent for r in chosen},
        limits=limits,
        rated_power=device.rated_power,
        quiet=_quiet(device, [r.quantity for r in chosen]),
    )


def _quiet(device: Device, quantities: Sequence[str]) -> Quiet | None:
    interval = _QUIET if device.quiet_interval is None and device.sealed else device.quiet_interval
    if interval is None or interval <= device.interval or device.rated_power is None:
        return None
    deadbands = default_deadbands(quantities, DeadLineLimits(device.rated_power, device.nominal_voltage))
    return Quiet(interval, {**deadbands, **device.deadband})


def _is_slow(device: Device, register: Register) -> bool:
    """Whether once a minute is enough. Registers of a sealed line are evidence, of a restart and across a gap."""
    kind = QUANTITIES[register.quantity].kind
    if kind is Kind.IDENTITY or not register.slow:
        return kind is Kind.IDENTITY
    return kind is Kind.GAUGE or (kind is Kind.REGISTER and not device.sealed)


def _wanted(device: Device, quantity: str) -> bool:
    return quantity in device.only if device.only else quantity not in device.skip
