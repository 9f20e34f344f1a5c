"""Call every operation of the OpenAPI document as each role with whatever schemathesis thinks of.

No answer may be a 5xx, or another than the document says.
"""

import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Engine

from stillcold_server.config import Config, Evidence, Http, People
from stillcold_server.people.rights import ROLES
from stillcold_server.store.database import open_database
from stillcold_server.store.migrate import prepare
from support.office import made_authority
from support.sealing import office_key
from support.shown import furnish
from support.story import NOW
from support.web import API, Web

_CHECKS = "not_a_server_error,response_schema_conformance,content_type_conformance,status_code_conformance"
_LEFT_OUT = (f"{API}/events", f"{API}/logout", f"{API}/password", f"{API}/login")
"""A stream has no end, and the others end the session."""


def main(examples: int, roles: list[str]) -> int:
    """The number of roles as which something was wrong."""
    with tempfile.TemporaryDirectory() as folder:
        engine = open_database(f"sqlite:///{folder}/server.db")
        prepare(engine)
        furnish(engine)
        with Web(engine, NOW, config=_config(engine, Path(folder))) as web:
            web.app.openapi()  # made once; on a busy machine that takes longer than schemathesis waits
            failed = sum(_fuzz(web, role, examples, folder) for role in roles)
        engine.dispose()
    return failed


def _config(engine: Engine, folder: Path) -> Config:
    """Of a server that has its keys and an authority, so that nothing is refused for want of them."""
    office_key(folder)
    return Config(
        http=Http(host="127.0.0.1"),
        people=People(key_file=str(folder / "people.key")),
        evidence=Evidence(key_file=str(folder / "evidence.key")),
        ca=made_authority(engine, folder, datetime.fromtimestamp(NOW / 1000, UTC)),
    )


def _fuzz(web: Web, role: str, examples: int, folder: str) -> bool:
    web.user(role, role)
    left_out = [word for path in _LEFT_OUT for word in ("--exclude-path", path)]
    command = [
        str(Path(sys.executable).with_name("schemathesis")), "run", f"{web.url}{API}/openapi.json",
        "-H", f"Authorization: Bearer {web.token(role)}", "--phases", "examples,coverage,fuzzing,stateful",
        "-c", _CHECKS, "-n", str(examples), "--request-timeout", "60", "--continue-on-failure", "--no-color",
        "--seed", "1", *left_out,
    ]  # fmt: skip
    print(f"== {role}", flush=True)
    return subprocess.run(command, check=False, cwd=folder).returncode != 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:] or list(ROLES)))
