"""Templates to files."""

from collections.abc import Mapping
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from stillcold_agent.firmware.gateway import destination, family
from stillcold_core.files import BadFile

_TEMPLATES = Path(__file__).parent / "templates"


def render(kind: str, values: Mapping[str, object], out: Path) -> list[Path]:
    """Write every file of a kind of machine below a folder, as it is to lie below ``/``.

    Parameters
    ----------
    kind : str
        Folder of the templates, such as ``broker``.
    values : mapping
        What the templates need.
    out : Path
        Folder; made where there is none.

    Returns
    -------
    list of Path
        The files, as they are to be called on the machine.

    Raises
    ------
    BadFile
        When a file cannot be written, or the package was built without its templates.
    """
    root = _TEMPLATES / kind
    # What is rendered is configuration, not HTML; values are checked before they come here.
    environment = Environment(  # noqa: S701
        loader=FileSystemLoader(root),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"family": family, "destination": destination}
    names = sorted(environment.list_templates())
    if not names:
        raise BadFile(
            root, "holds no templates; expected a package built where its link to firmware_config leads there"
        )
    for name in names:
        text = environment.get_template(name).render(values)
        _write(out / name, text, executable=bool((root / name).stat().st_mode & 0o100))
    return [Path("/") / name for name in names]


def _write(path: Path, text: str, *, executable: bool) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        path.chmod(0o755 if executable else 0o644)
    except OSError as error:
        raise BadFile(path, f"cannot be written ({error.strerror})") from error
