"""What the detectors find of each kind: their evidence, once for each way in which they can come to it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Evidence = Mapping[str, float | str]
REASON = "the detector's own sentence"

HEATS: Evidence = {
    "heats": 3, "energy": 1_704_000.0, "tonnes": 2.84, "tonnes_least": 2.506, "tonnes_most": 3.098,
    "heat_1_began": "2027-01-14T14:02:00.000Z", "heat_1_ended": "2027-01-14T15:32:00.000Z", "heat_1_energy": 571_000.0,
    "heat_2_began": "2027-01-14T15:41:00.000Z", "heat_2_ended": "2027-01-14T17:12:00.000Z", "heat_2_energy": 566_000.0,
    "heat_3_began": "2027-01-14T17:24:00.000Z", "heat_3_ended": "2027-01-14T18:55:00.000Z", "heat_3_energy": 567_000.0,
    "active_power": 448_200.0, "distortion_ratio": 0.27, "score": 6.25,
    "weight_soft_start": 4.5, "weight_equal_energy": 1.5, "weight_converter_spectrum": 0.67,
    "weight_falls_to_nothing": 0.58, "weight_unlike_between": -1.0,
}  # fmt: skip

EVIDENCE: Mapping[str, Sequence[Evidence]] = {
    "restart.energy": [
        {
            "active_energy_import": 5_009_661_000.0, "advanced": 1000.0, "from_reading": 5_009_660_000.0,
            "limit": 510.0, "mean_power": 90_000.0,
        }
    ],
    "restart.power": [
        {"active_power": 590_000.0, "limit": 7500.0},
        {"mean_above": 2900.0, "usual": 12.5, "accumulated": 1450.0, "active_power_last": 3100.0},
    ],
    "restart.current": [
        {"current": 905.0, "limit": 11.4},
        {"mean_above": 4.1, "usual": 0.4, "accumulated": 2.2, "current_last": 4.6},
    ],
    "restart.voltage": [{"voltage": 222.0, "limit": 110.0}],
    "restart.water": [{"water_volume": 1204.125, "water_used": 0.125, "mean_flow": 0.75}, {"water_flow": 2.4}],
    "restart.seal": [{"seal_closed": 0.0}, {"breaker_closed": 1.0}, {"seal_closed": 0.0, "door_closed": 0.0}],
    "furnace.induction": [HEATS],
    "furnace.line_frequency": [
        {**{n: v for n, v in HEATS.items() if n != "distortion_ratio"}, "weight_unbalance_wanders": 2.0}
    ],
    "tamper.frozen": [{"samples": 61.0, "seconds": 610.0, "usual_share": 0.002}],
    "tamper.rollback": [
        {"active_energy_import": 4_100_000.0, "from_reading": 5_009_660_000.0, "change": -5_005_560_000.0}
    ],
    "tamper.replay": [{"lag": 412.0, "evidence": 36.1, "seconds": 5400.0}],
    "tamper.ct": [
        {"voltage_l2": 0.4, "current_l2": 240.0},
        {"active_power_l1": 88_000.0, "active_power_l2": -87_500.0, "active_power_l3": 88_200.0},
        {"active_power": -260_000.0},
        {"apparent_power": 280_000.0, "active_power": 92_000.0, "reactive_power": 30_000.0},
        {"current_l1": 410.0, "current_l2": 405.0, "current_l3": 82.0, "ratio": 0.2, "usual": 0.97},
    ],
    "tamper.ratio": [
        {"integrated": 210_000.0, "advanced": 420_000.0, "hours": 6.0, "windows": 6.0},
        {"times": 1.99, "intervals": 12.0},
        {"ct_ratio": 40.0, "ct_ratio_before": 80.0},
        {"pt_ratio": 1.0, "pt_ratio_before": 10.0},
    ],
    "tamper.balance": [
        {"incomer": 512_000.0, "feeders": 330_000.0, "allowed": 31_000.0, "hours": 1.0},
        {"water_volume": 1.35, "hours": 6.5, "share_of_rated": 0.0004},
    ],
    "tamper.meter_changed": [
        {"active_energy_import": 9_000_000_000.0, "from_reading": 5_009_660_000.0, "change": 3_990_340_000.0},
        {"meter_serial": 20_260_114.0, "meter_serial_before": 19_991_234.0},
    ],
    "tamper.genset": [{"frequency": 50.41, "grid": 50.02, "off": 0.39, "score": 61.0}],
    "tamper.clock": [{"seconds": -3600.0}],
    "silence.gateway": [{"gateway": "gw-1", "heartbeat": 60.0, "quiet": 151.0}],
    "silence.point": [{"gateway": "gw-1", "quiet": 304.0}],
    "quality.outage": [{"silent_sites": 5, "district_sites": 7}, {"voltage": 0.4}],
    "tamper.clone": [
        {"gateway": "gw-1", "epoch": "65706f63682d2d31", "sequence": 412, "stored": "5f" * 32, "refused": "a3" * 32},
        {
            "gateway": "gw-1", "epoch": "65706f63682d2d31", "sequence": 412, "head": "5f" * 32,
            "other_epoch": "65706f63682d2d32", "other_sequence": 7, "other_head": "a3" * 32,
        },
    ],
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Found:
    """An alert as far as words are made of it."""

    kind: str
    evidence: Evidence
    reason: str = REASON
    began: int = 1_800_000_000_000
