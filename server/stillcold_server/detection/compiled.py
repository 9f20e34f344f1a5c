"""Compiling the detectors' inner loops when the server judges its first batch, and at the start of ``scan``.

What was compiled is kept in a folder, so only the first start after an installation waits for the compiler.
"""

import logging
import os
import tempfile
import threading
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
    compiler = find_compiler(folder)
    if compiler is not None:
        log.info("%s inner loops of the detectors run compiled", compile_kernels(compiler))
    return compiler is not None


def find_compiler(folder: Path | None = None) -> Compiler | None:
    """A compiler that works; None, and a word in the log, where there is none."""
    try:
        return _compiler(_writable(folder or usual_folder()))
    except Exception as error:  # noqa: BLE001  # whatever a broken compiler raises
        log.warning("the detectors run uncompiled, many times slower: %s: %s", type(error).__name__, error)
        return None


class Compiling:
    """Finds the compiler beside what runs; whoever judges then takes it between two blocks of samples.

    Until then the detectors run as Python, with the same results. It takes a second to load, which a server that
    has nothing to judge yet does without.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._found: list[Compiler] = []
        self._thread = threading.Thread(target=self._find, args=(folder,), name="compiling", daemon=True)

    def take(self) -> None:
        """Compile, once the compiler is found; to be called by one thread, where no detector runs."""
        if self._thread.ident is None:
            self._thread.start()
        if self._found:
            log.info("%s inner loops of the detectors run compiled", compile_kernels(self._found.pop()))

    def stop(self) -> None:
        """Wait until it is done."""
        if self._thread.is_alive():
            self._thread.join()

    def _find(self, folder: Path | None) -> None:
        if (compiler := find_compiler(folder)) is not None:
            self._found.append(compiler)


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
