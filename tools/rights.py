"""Write the table of docs/rights.md from the routes."""

import re
from pathlib import Path

from sqlalchemy import create_engine

from stillcold_server.api.app import create_app
from stillcold_server.api.matrix import table
from stillcold_server.config import Config
from stillcold_server.live import Hub
from stillcold_server.metrics import Metrics

PAGE = Path(__file__).parents[1] / "docs" / "rights.md"


def main() -> None:
    """Put the present table into the page."""
    app = create_app(create_engine("sqlite://"), Config(), Hub(), Metrics())
    text = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(
        re.sub(r"^\| route .*\Z", table(app) + "\n", text, flags=re.MULTILINE | re.DOTALL), encoding="utf-8"
    )


if __name__ == "__main__":
    main()
