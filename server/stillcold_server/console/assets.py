"""The console's built scripts and styles."""

import json
from pathlib import Path
from typing import Any

STATIC = Path(__file__).parent / "static"
_ENTRY = "src/main.ts"


class Assets:
    """Addresses of what a page loads.

    Parameters
    ----------
    folder : Path
        Where Vite has written.

    Raises
    ------
    RuntimeError
        When it has not.
    """

    def __init__(self, folder: Path = STATIC) -> None:
        manifest = folder / "manifest.json"
        if not manifest.exists():
            raise RuntimeError(
                f"the console is not built: {manifest} is missing; "
                "run `uv sync --all-packages --reinstall-package stillcold-server`"
            )
        entry: dict[str, Any] = json.loads(manifest.read_text(encoding="utf-8"))[_ENTRY]
        self.script = f"/static/{entry['file']}"
        self.styles = [f"/static/{name}" for name in entry["css"]]
