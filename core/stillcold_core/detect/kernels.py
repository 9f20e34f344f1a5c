"""Inner loops of the detectors: plain functions of numbers and arrays, compiled where a compiler is at hand.

A kernel is one source. The edge runs it as Python; the server hands over a compiler at its start
(:func:`compile_kernels`), and every kernel then runs compiled, with the same results to the last bit: kernels use only
sums, products, comparisons and square roots, which IEEE 754 rounds alike everywhere.
"""

from collections.abc import Callable
from typing import Any, Generic, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class Kernel(Generic[P, R]):
    """One inner loop, called like the function that it was made of.

    Parameters
    ----------
    function : callable
        It may call nothing but ``math.sqrt`` and builtins, and keep nothing between calls.
    """

    def __init__(self, function: Callable[P, R]) -> None:
        self.python = function
        self.run = function
        _KERNELS.append(self)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        return self.run(*args, **kwargs)


_KERNELS: list[Kernel[Any, Any]] = []


def kernel(function: Callable[P, R]) -> Kernel[P, R]:
    """Make a function a kernel."""
    return Kernel(function)


def compile_kernels(compiler: Callable[[Callable[..., object]], Callable[..., object]]) -> int:
    """Run every kernel through a compiler, e.g. ``numba.njit(cache=True)``; how many there are."""
    for each in _KERNELS:
        each.run = compiler(each.python)
    return len(_KERNELS)


def compiled() -> bool:
    """Whether kernels run compiled."""
    return bool(_KERNELS) and _KERNELS[0].run is not _KERNELS[0].python
