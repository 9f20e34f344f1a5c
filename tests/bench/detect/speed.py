"""CPU of a sample: each detector and all of them, compiled, and what users would run instead, in one process."""

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import stumpy  # type: ignore[import-untyped]
from river.anomaly import HalfSpaceTrees
from river.drift import PageHinkley

from stillcold_core.samples import Samples
from stillcold_server.detection.subjects import Subject
from support.exercises import cut, exercise, joined

STREAMS = (
    ("restart", "burst-minute", "f1"),
    ("furnace", "furnace-every-second", "hall-p"),
    ("tamper.point", "furnace-every-second", "hall-p"),
    ("tamper.site", "tamper-ct-bypassed", "works"),
    ("tamper.fleet", "furnace-every-second", "fleet"),
)
"""Detector, shipped scenario and subject; read every second, but for the site, whose cost does not hang on it."""
_WINDOW = 600  # s of STUMPY's pattern, in an hour of history


def speeds() -> dict[str, float]:
    """µs of a sample at 1 Hz, by name; batches of a minute for the detectors, one by one for the rest."""
    found: dict[str, float] = {}
    for stream in STREAMS:
        played = exercise(*stream)
        runs = cut(joined(played.runs), range(0, 20_000, 60))
        found[stream[0]] = min(_detector(played.subject, runs) for _ in range(3))  # the first compiles
    found["all detectors"] = sum(found.values())
    return found | _others(exercise(*STREAMS[1]).runs)


def _detector(subject: Subject, runs: Sequence[Samples]) -> float:
    state, begun = subject.detector.begin(), time.process_time()
    for run in runs:
        state, _ = subject.detector.advance(subject.watched, state, run)
    return (time.process_time() - begun) / sum(map(len, runs)) * 1e6


def _others(runs: Sequence[Samples]) -> dict[str, float]:
    power = np.concatenate([r.columns["active_power"] for r in runs]) / 1e6
    trees: Any = HalfSpaceTrees(seed=42)
    test: Any = PageHinkley()
    stream: Any = stumpy.stumpi(power[:3600], m=_WINDOW, egress=True)
    stream.update(float(power[3600]))  # compiles
    return {
        "river HalfSpaceTrees": _each(power[:3000], lambda x: (trees.score_one({0: x}), trees.learn_one({0: x}))),
        "river PageHinkley": _each(power, test.update),
        "STUMPY stumpi": _each(power[3601:3801], stream.update),
    }


def _each(values: np.ndarray[Any, np.dtype[np.float64]], step: Callable[[float], object]) -> float:
    listed, begun = values.tolist(), time.process_time()
    for value in listed:
        step(value)
    return (time.process_time() - begun) / len(listed) * 1e6
