"""What a scenario file says, as types."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from stillcold_core.profiles.model import Ratios
from stillcold_core.registry import Id
from stillcold_sim.loads import Load
from stillcold_sim.scenario.evasion import AnyEvasion
from stillcold_sim.scenario.fault import Fault, Unit
from stillcold_sim.scenario.times import At, Clock, Seconds, Window


class Event(Window, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something that is done to a line or to its meter.

    ``run`` switches the load on (and voltage with it), ``stop`` off; ``energise`` gives voltage without load, ``cut``
    takes it away; ``set`` makes the meter show ``values`` whatever the load does.
    """

    meter: Id
    what: Literal["run", "stop", "energise", "cut", "set"]
    values: dict[str, float] = msgspec.field(default_factory=dict)


class Port(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where meters are reached.

    Attributes
    ----------
    kind : "tcp", "rtu_over_tcp" or "rtu"
        Modbus TCP, RTU frames on a TCP connection, or Modbus RTU on a serial line.
    host, port : str, int
        tcp and rtu_over_tcp: where to listen; port 0 takes a free one.
    link : str
        rtu: stable path to open, a symbolic link to the pseudo-terminal; empty for none.
    device : str
        rtu: serial device to answer on; empty for a pseudo-terminal.
    baud_rate, parity, stop_bits
        Of the device.
    """

    id: Id
    kind: Literal["tcp", "rtu_over_tcp", "rtu"] = "tcp"
    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535)] = 0
    link: str = ""
    device: str = ""
    baud_rate: Annotated[int, Meta(ge=300)] = 9600
    parity: Literal["N", "E", "O"] = "N"
    stop_bits: Literal[1, 2] = 1


class Column(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which column of a table a quantity is played from: ``value * scale`` in ``unit``."""

    column: str
    unit: str | None = None
    scale: float = 1.0


class Replay(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A recording to play.

    Attributes
    ----------
    file : str
        CSV, CSV packed by gzip (``.csv.gz``) or Parquet (``.parquet``); relative to the scenario.
    columns : mapping of str to Column or str
        Quantity of the vocabulary by where it comes from; a plain string is a column already in SI units.
    time : str, optional
        Column of time stamps, ISO 8601 or epoch seconds; only their distance from the first one counts.
    interval : float
        s from row to row where there is no ``time``.
    point : str, optional
        Play the rows of this point only, of a table with a column ``point``.
    first_row, rows : int
        Which part to play; all by default.
    resample : "hold" or "linear"
        Between two rows the first one holds, or numbers go straight from one to the other.
    loop : bool
        Whether it begins again after the last row; registers then count on.
    shift : float
        s by which it is played later; negative to begin inside.
    """

    file: str
    columns: dict[str, Column | str]
    time: str | None = None
    interval: Annotated[float, Meta(gt=0)] = 60.0
    point: str | None = None
    first_row: Annotated[int, Meta(ge=0)] = 0
    rows: Annotated[int, Meta(ge=1)] | None = None
    resample: Literal["hold", "linear"] = "hold"
    loop: bool = False
    shift: float = 0.0


class Busy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"lasts": "for"}):
    """A meter that is busy with itself for ``lasts`` s out of ``every``: it answers zeros, or exception 6."""

    every: Annotated[float, Meta(gt=0)] = 900.0
    lasts: Annotated[float, Meta(gt=0)] = 2.0
    answer: Literal["zeros", "exception"] = "exception"

    def covers(self, t: float) -> bool:
        """Whether it is busy at ``t``: the last part of each period."""
        return t % self.every >= self.every - self.lasts


class Meter(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A meter, or ``count`` of them alike with numbers behind id and point and successive units.

    Attributes
    ----------
    id : str
        Name in this file.
    profile : str
        Model that ships with Stillcold, or path of a profile file relative to the scenario.
    port, unit : str, int
        Where it answers.
    point : str
        What it measures, in the registry.
    count : int
        How many.
    ratios : Ratios
        Of its transformers.
    load : Load, optional
        What hangs behind it.
    replay : Replay, optional
        What it plays instead.
    voltage : float
        V phase to neutral, nominal.
    energised : bool
        Whether there is voltage to begin with.
    running : bool
        Whether the load is switched on to begin with.
    background_thd : float
        Voltage THD without the load, %.
    ct_noise : float
        A that the current transformers show on a dead line (standard deviation); it does not turn the register.
    energy, energy_export : float
        Wh on the registers to begin with.
    sums : sequence of str
        Meters whose lines hang behind this one; a water meter sums the water of their loads.
    losses : float
        Share of their power that is lost on the way.
    busbar : str, optional
        Busbar that it hangs on: meters of one busbar see each other's sag and distortion.
    refresh : float
        s from one update of what it shows to the next; 0 for every step.
    busy : Busy, optional
        When it has no time to answer.
    values : mapping of str to float
        What it shows of quantities that load or recording do not give.
    """

    id: Id
    profile: str
    port: Id
    unit: Unit
    point: Id
    count: Annotated[int, Meta(ge=1, le=247)] = 1
    ratios: Ratios = Ratios()
    load: Load | None = None
    replay: Replay | None = None
    voltage: Annotated[float, Meta(gt=0)] = 220.0
    energised: bool = True
    running: bool = True
    background_thd: Annotated[float, Meta(ge=0)] = 1.6
    ct_noise: Annotated[float, Meta(ge=0)] = 0.0
    energy: Annotated[float, Meta(ge=0)] = 0.0
    energy_export: Annotated[float, Meta(ge=0)] = 0.0
    sums: tuple[Id, ...] = ()
    losses: Annotated[float, Meta(ge=0, lt=1)] = 0.0
    busbar: Id | None = None
    refresh: Annotated[float, Meta(ge=0, le=3600)] = 0.0
    busy: Busy | None = None
    values: dict[str, float] = {}


class Expect(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Alerts that a server must raise on a line, so that the scenario is a test.

    Attributes
    ----------
    line : str
        In the registry.
    at : float or str
        When the cause begins.
    follows : str, optional
        Id of the event, evasion or fault that ``at`` counts from.
    kinds : sequence of str
        Alerts that must come; none where the line must stay quiet.
    may : sequence of str
        Alerts that may come beside them.
    within : float or str
        From ``at`` until they must be there.
    story : str
        What happens on the line, for people; empty where events and faults say it.
    """

    line: Id
    at: At = 0.0
    follows: Id | None = None
    kinds: tuple[str, ...] = ()
    may: tuple[str, ...] = ()
    within: Seconds = 30.0
    story: str = ""


class ScenarioFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A whole scenario file.

    Attributes
    ----------
    name, title, description : str
        For people; the name is the file's.
    family : str, optional
        What it is about; scenarios are listed and checked by family.
    registry : str, optional
        Registry that points and lines must be in; relative to the scenario.
    seed : int
        Of every random number.
    speed : float
        Simulated seconds in a real one.
    duration : float or str
        Length of the story; 0 where it has no end.
    step : float
        s of simulated time from one state to the next.
    interval : float
        s between two readings of a meter where it is played without a wire.
    time_of_day : str
        Local time at the beginning.
    truth_interval : float
        s between the values in the truth file.
    """

    name: str
    title: str = ""
    description: str = ""
    family: Id | None = None
    registry: str | None = None
    seed: Annotated[int, Meta(ge=0)] = 1
    speed: Annotated[float, Meta(gt=0)] = 1.0
    duration: Seconds = 0.0
    step: Annotated[float, Meta(gt=0, le=60)] = 1.0
    interval: Annotated[float, Meta(ge=0.1)] = 1.0
    time_of_day: Clock = "0:00:00"
    truth_interval: Annotated[float, Meta(gt=0)] = 10.0
    port: tuple[Port, ...]
    meter: tuple[Meter, ...]
    event: tuple[Event, ...] = ()
    evasion: tuple[AnyEvasion, ...] = ()
    fault: tuple[Fault, ...] = ()
    expect: tuple[Expect, ...] = ()
