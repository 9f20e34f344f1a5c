"""``stillcold-sim record`` and ``replay``."""

import asyncio
import json
import signal
import sys
import tempfile
from collections.abc import Coroutine, Sequence
from contextlib import closing, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import click

from stillcold_core.files import BadFile
from stillcold_core.profiles import Profile, Ratios, load_profile, load_profile_file, profile_names
from stillcold_core.profiles.model import UNITS
from stillcold_sim.playing import play_until_told
from stillcold_sim.recorder.record import Tally, record
from stillcold_sim.recorder.scenario import check_complete, replay_of, scenario_text
from stillcold_sim.recorder.sheet import open_sheet
from stillcold_sim.scenario import load_scenario
from stillcold_sim.wire.library import Place, Reader

_FILE = click.Path(path_type=Path, dir_okay=False)
_positive = click.FloatRange(min=0, min_open=True)


def _meter(command: Any) -> Any:
    """Which meter it is."""
    for option in (
        click.option("--profile", required=True, help="Model that ships with Stillcold, or a profile file (.toml)."),
        click.option("--unit", type=click.IntRange(1, 247), default=1, show_default=True, help="Modbus address."),
        click.option("--point", default="p1", show_default=True, help="What it measures, in the registry."),
        click.option("--ct", type=_positive, default=1.0, help="Ratio of its current transformers."),
        click.option("--pt", type=_positive, default=1.0, help="Ratio of its voltage transformers."),
    ):
        command = option(command)
    return command


@click.command("record")
@click.argument("out", type=_FILE)
@_meter
@click.option("--host", default="", help="Modbus TCP host.")
@click.option("--port", type=click.IntRange(1, 65535), default=502, show_default=True, help="Its port.")
@click.option("--rtu-over-tcp", is_flag=True, help="Frames of a serial line on that port.")
@click.option("--device", default="", help="Serial device, instead of --host.")
@click.option("--baud-rate", type=int, default=9600, show_default=True)
@click.option("--parity", type=click.Choice(["N", "E", "O"]), default="N", show_default=True)
@click.option("--stop-bits", type=click.IntRange(1, 2), default=1, show_default=True)
@click.option("--interval", type=_positive, default=1.0, show_default=True, help="Seconds between two readings.")
@click.option("--count", type=click.IntRange(min=1), help="Readings to take; without it until Ctrl-C.")
@click.option("--timeout", type=_positive, default=1.0, show_default=True, help="Seconds to wait for an answer.")
def record_command(
    out: Path,
    profile: str,
    unit: int,
    point: str,
    ct: float,
    pt: float,
    host: str,
    port: int,
    rtu_over_tcp: bool,
    device: str,
    baud_rate: int,
    parity: Literal["N", "E", "O"],
    stop_bits: int,
    interval: float,
    count: int | None,
    timeout: float,
) -> None:
    """Read a running meter into OUT (.csv or .parquet), a measurements file that replays.

    How many rows were written, and how many were answered, is printed as JSON. Exit code 1 where nothing was answered.
    """
    if bool(host) == bool(device):
        raise click.UsageError("expected one of --host and --device")
    place = Place(host, port, rtu_over_tcp, device, baud_rate, parity, stop_bits)
    try:
        model = _profile(profile)
        tally = Tally()
        with open_sheet(out, point, sorted(model.by_quantity)) as sheet:

            async def work() -> None:
                with closing(Reader(place, timeout)) as source:
                    await record(source, unit, model, Ratios(ct, pt), sheet, tally, interval=interval, count=count)

            asyncio.run(_until_told(work()))
    except BadFile as error:
        click.echo(error, err=True)
        sys.exit(2)
    except OSError as error:
        click.echo(f"cannot record: {error}", err=True)
        sys.exit(1)
    click.echo(json.dumps(asdict(tally)))
    sys.exit(0 if tally.answered else 1)


@click.command("replay")
@click.argument("file", type=_FILE)
@_meter
@click.option(
    "--map", "maps", multiple=True, help="QUANTITY=COLUMN[:UNIT[:SCALE]]; columns named as quantities need none."
)
@click.option("--value", "values", multiple=True, help="QUANTITY=NUMBER, for what the file does not give.")
@click.option("--time", help="Column of time stamps; by default time, if there is one.")
@click.option("--interval", type=_positive, default=60.0, show_default=True, help="s from row to row without time.")
@click.option("--resample", type=click.Choice(["hold", "linear"]), default="hold", show_default=True)
@click.option("--loop", is_flag=True, help="Begin again after the last row.")
@click.option("--shift", type=float, default=0.0, help="s by which it is played later; negative to begin inside.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="TCP port to serve on; 0 takes a free one.")
@click.option("--kind", type=click.Choice(["tcp", "rtu_over_tcp", "rtu"]), default="tcp", show_default=True)
@click.option("--link", default="", help="rtu: symbolic link to the pseudo-terminal.")
@click.option("--step", type=_positive, default=1.0, show_default=True, help="s from one state to the next.")
@click.option("--speed", type=_positive, default=1.0, show_default=True, help="Simulated seconds in a real one.")
@click.option("--save", type=_FILE, help="Write the scenario to this file, and end.")
@click.option("--truth", type=_FILE, help="Write what is played to this file, JSON lines.")
@click.option("--ports-file", type=_FILE, help="Write what listens where to this file, JSON.")
def replay_command(file: Path, save: Path | None, truth: Path | None, ports_file: Path | None, **options: Any) -> None:
    """Play the table in FILE (.csv, .csv.gz or .parquet) into a meter, without writing a scenario."""
    try:
        text = _scenario(save.stem if save else "replay", file.resolve(), **options)
        if save:
            save.write_text(text, encoding="utf-8")
            return
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "replay.toml"
            path.write_text(text, encoding="utf-8")
            scenario = load_scenario(path)
        asyncio.run(play_until_told(scenario, {"truth": truth}, ports_file, True, None))
    except BadFile as error:
        click.echo(error, err=True)
        sys.exit(2)
    except OSError as error:
        click.echo(f"cannot serve: {error}", err=True)
        sys.exit(1)


def _scenario(
    name: str,
    file: Path,
    profile: str,
    unit: int,
    point: str,
    ct: float,
    pt: float,
    maps: Sequence[str],
    values: Sequence[str],
    time: str | None,
    interval: float,
    resample: str,
    loop: bool,
    shift: float,
    port: int,
    kind: str,
    link: str,
    step: float,
    speed: float,
) -> str:
    model, given = _profile(profile), dict(map(_value, values))
    replay = replay_of(file, model, point, dict(map(_map, maps)), time)
    check_complete(model, {*given, *replay["columns"]}, file)
    replay |= {"interval": interval, "resample": resample, "loop": loop, "shift": shift}
    meter = {
        "profile": str(Path(profile).resolve()) if profile.endswith(".toml") else profile,
        "unit": unit,
        "point": point,
        "ratios": {"ct": ct, "pt": pt},
        "values": given,
        "replay": replay,
    }
    place = {"kind": kind, "link": link} if kind == "rtu" else {"kind": kind, "port": port}
    return scenario_text(name, meter, place, step=step, speed=speed)


def _map(text: str) -> tuple[str, dict[str, Any]]:
    quantity, equals, source = text.partition("=")
    column, *more = source.split(":")
    try:
        extra = {"unit": more[0]} if more and more[0] else {}
        scale = {"scale": float(more[1])} if len(more) == 2 else {}
    except ValueError:
        equals = ""
    if not equals or not column or len(more) > 2:
        raise click.BadParameter(f"{text!r}: expected QUANTITY=COLUMN[:UNIT[:SCALE]], e.g. active_power=kW:kW")
    if extra and extra["unit"] not in UNITS:
        raise click.BadParameter(f"{text!r}: expected a unit among {', '.join(UNITS)}")
    return quantity, {"column": column, **extra, **scale}


def _value(text: str) -> tuple[str, float]:
    quantity, _, number = text.partition("=")
    try:
        return quantity, float(number)
    except ValueError:
        raise click.BadParameter(f"{text!r}: expected QUANTITY=NUMBER, e.g. current_n=0") from None


def _profile(name: str) -> Profile:
    if name.endswith(".toml"):
        return load_profile_file(Path(name))
    if name not in profile_names():
        raise click.BadParameter(f"{name!r}: expected a .toml file or one of: {', '.join(profile_names())}")
    return load_profile(name)


async def _until_told(work: Coroutine[Any, Any, None]) -> None:
    task = asyncio.create_task(work)
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    with suppress(asyncio.CancelledError):
        await task
