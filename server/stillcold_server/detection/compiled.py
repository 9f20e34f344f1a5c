"""Compiling the detectors' inner loops at the start of the server and of ``scan``.

What was compiled is kept in a folder, so only the first start after an installation waits for the compiler.
"""

import logging
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import stillcold_core.detect.catalogue  # noqa: F401  # every kernel is known
from stillcold_core.detect.kernels import compile_kernels

log = logging.getLogger(__name__)
Compiler = Callable[[Callable[..., object]], Callable[..., object]]


def compile_detectors(folder: Path | None = None) -> bool:
    """Compile the detectors' inner loops; where that is not possible they run as Python, which the log says once.

    Parameters
    ----------
    folder : Path, optional
        Where compiled code is kept; by default :func:`usual_folder`.

    Returns
    -------
    bool
        Whether they are compiled.
    """
    try:
        compiler = _compiler(_writable(folder or usual_folder()))
    except Exception as error:  # noqa: BLE001  # whatever a broken compiler raises
        log.warning("the detectors run uncompiled, many times slower: %s: %s", type(error).__name__, error)
        return False
    count = compile_kernels(compiler)
    log.info("%d inner loops of the detectors run compiled", count)
    return True


def usual_folder() -> Path:
    """The service's cache folder by systemd, else ``stillcold`` in the user's."""
    service = os.environ.get("CACHE_DIRECTORY")
    if service:
        return Path(service)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()) / "stillcold"


def _writable(folder: Path) -> Path:
    """The folder, or one for this process alone where nothing can be written to it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError as error:
        log.warning("compiled detectors cannot be kept in %s (%s): every start compiles anew", folder, error.strerror)
        return Path(tempfile.mkdtemp(prefix="stillcold-"))


def _compiler(folder: Path) -> Compiler:
    """One that has just compiled something: a library without a working compiler fails here and not in a detector."""
    import numba  # noqa: PLC0415  # half a second that other commands need not wait for

    numba.config.CACHE_DIR = str(folder)  # type: ignore[attr-defined]  # read from the environment at import
    compiler: Compiler = numba.njit(cache=True, nogil=True)
    compiler(_nothing)(1)
    return compiler


def _nothing(number: int) -> int:
    return number
