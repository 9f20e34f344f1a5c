"""Prometheus' text format (version 0.0.4), for the few families that a gateway has.

prometheus-client would take 1.9 MB more memory and 50 ms at the start; its parser reads what this writes in the tests.
https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
Labels = Mapping[str, str]
Reading = tuple[Labels, float | None]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Family(Generic[T]):
    """Metrics of one name.

    Attributes
    ----------
    name : str
        In base units; a counter's ends in ``_total``.
    kind : "counter" or "gauge"
        What Prometheus may do with it.
    told : str
        What it is, one line.
    read : callable
        Labels and value of each metric; None is left out, since what is not known is not zero.
    """

    name: str
    kind: Literal["counter", "gauge"]
    told: str
    read: Callable[[T], Iterable[Reading]]


def render(families: Iterable[Family[T]], source: T) -> bytes:
    """All families as one text."""
    return "".join(line for family in families for line in _lines(family, source)).encode()


def _lines(family: Family[T], source: T) -> Iterator[str]:
    yield f"# HELP {family.name} {family.told}\n# TYPE {family.name} {family.kind}\n"
    for labels, value in family.read(source):
        if value is not None:
            yield f"{family.name}{_braced(labels)} {_number(value)}\n"


def _braced(labels: Labels) -> str:
    inner = ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())
    return f"{{{inner}}}" if inner else ""


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def _number(value: float) -> str:
    return repr(float(value)).removesuffix(".0")
