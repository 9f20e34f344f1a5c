"""All detectors, in the order in which each sample is judged."""

from typing import Any

from stillcold_core.detect import furnace, restart
from stillcold_core.detect.detector import Detector
from stillcold_core.detect.tamper import fleet, point, site

DETECTORS: tuple[Detector[Any, Any], ...] = (
    restart.DETECTOR,
    furnace.DETECTOR,
    point.DETECTOR,
    site.DETECTOR,
    fleet.DETECTOR,
)
