"""``stillcold-server ca``, ``invite``, ``approve`` and ``revoke``."""

import getpass
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import click
from sqlalchemy import Engine

from stillcold_core.enrolment.request import BadRequest, read_request
from stillcold_core.files import BadFile, read_text
from stillcold_server.config import Ca, Config, load_config
from stillcold_server.identity import enrolments
from stillcold_server.identity.authority import renew_authority
from stillcold_server.identity.broker import BrokerFiles
from stillcold_server.identity.enrolments import NotDone
from stillcold_server.identity.standing import Waiting, waiting
from stillcold_server.identity.upkeep import Upkeep, make_all, open_authority
from stillcold_server.options import FILE, config_option, plain_errors, prepared
from stillcold_server.store.database import read, write


@click.group()
def ca() -> None:
    """The certificate authority of gateways, broker and server."""


@ca.command()
@click.option("--host", "hosts", multiple=True, required=True, help="Name or address of the broker; may be repeated.")
@click.option("--root-key", type=FILE, required=True, help="Where the root's key is written: on a removable medium.")
@config_option
@plain_errors
def init(hosts: tuple[str, ...], root_key: Path, config_file: Path) -> None:
    """Make the authority, the broker's files and the server's certificate."""
    config = load_config(config_file)
    places = _places(config, config_file)
    files = make_all(prepared(config), places, root_key, hosts, datetime.now(UTC))
    click.echo(f"the authority is in {places.folder}; what the broker reads is in {places.broker_folder}")
    click.echo(f"its root, SHA-256: {files.authority.fingerprint}")
    click.echo(f"now take {root_key} away and lock it up: it is needed again only for `ca renew`")


@ca.command()
@click.option("--root-key", type=FILE, required=True, help="The root's key.")
@config_option
@plain_errors
def renew(root_key: Path, config_file: Path) -> None:
    """Have the root certify the issuing authority for another ten years; nothing else changes."""
    config = load_config(config_file)
    places = _places(config, config_file)
    authority = renew_authority(Path(places.folder), root_key, datetime.now(UTC))
    Upkeep(prepared(config), places).look()
    click.echo(f"the issuing authority is good until {authority.issuing.not_valid_after_utc:%Y-%m-%d}")


@click.command()
@click.argument("gateway")
@config_option
@plain_errors
def invite(gateway: str, config_file: Path) -> None:
    """Make a one-time code with which a gateway of the registry may ask for its identity."""
    config = load_config(config_file)
    open_authority(_places(config, config_file))
    with write(prepared(config)) as connection:
        code = enrolments.invite(connection, gateway, _who(), datetime.now(UTC))
    click.echo(f"one-time code of {gateway}, good for {enrolments.INVITED.days} days: {code}")


@click.command()
@click.argument("gateway", required=False)
@click.option("--request", "request_file", type=FILE, help="A gateway.csr that somebody has brought.")
@click.option("--out", type=FILE, help="Where the certificate is written, to be brought back.")
@click.option("--refuse", "reason", help="Turn it down, for this reason.")
@click.option("--yes", is_flag=True, help="The fingerprint has been compared.")
@config_option
@plain_errors
def approve(
    gateway: str | None, request_file: Path | None, out: Path | None, reason: str | None, yes: bool, config_file: Path
) -> None:
    """List the gateways that wait; with GATEWAY or --request, approve one, or turn it down.

    The installer reads the fingerprint on the gateway's own screen, by telephone; approve only if it is the same.
    """
    config = load_config(config_file)
    files, engine = open_authority(_places(config, config_file)), prepared(config)
    found = [_brought(engine, request_file)] if request_file else _list(engine)
    if not request_file and not gateway:
        click.echo("\n".join(map(_line, found)) or "no gateway waits")
        return
    chosen = [w for w in found if gateway in (None, w.gateway)]
    if not chosen:
        raise NotDone("not_waiting", f"no request of {gateway} waits")
    for one in chosen:
        _decide(engine, files, one, reason, yes=yes, out=out)


@click.command()
@click.argument("gateway")
@click.option("--reason", required=True, help="Stays in the record.")
@config_option
@plain_errors
def revoke(gateway: str, reason: str, config_file: Path) -> None:
    """Believe nothing any more that a gateway signs from now on, and have the broker shut it out."""
    config, now = load_config(config_file), datetime.now(UTC)
    files = open_authority(config.ca) if config.ca else None
    with write(prepared(config)) as connection:
        enrolments.revoke(connection, files, gateway, _who(), reason, now)
    click.echo(f"{gateway} is revoked; `stillcold-server invite {gateway}` lets it in again, with new keys")


COMMANDS: tuple[click.Command, ...] = (ca, invite, approve, revoke)


def _decide(
    engine: Engine, files: BrokerFiles, one: Waiting, reason: str | None, *, yes: bool, out: Path | None
) -> None:
    click.echo(_line(one))
    if reason is not None:
        with write(engine) as connection:
            enrolments.refuse(connection, one.id, _who(), reason, datetime.now(UTC))
        click.echo("turned down")
        return
    if not yes and not click.confirm("Does the installer read the same fingerprint on the gateway?"):
        sys.exit(1)
    with write(engine) as connection:
        chain = enrolments.approve(connection, files, one.id, _who(), datetime.now(UTC))
    if out:
        out.write_bytes(chain)
    click.echo("approved")


def _brought(engine: Engine, path: Path) -> Waiting:
    try:
        request = read_request(read_text(path).encode())
    except BadRequest as error:
        raise BadFile(path, str(error)) from error
    with write(engine) as connection:
        row = enrolments.note(connection, request, datetime.now(UTC))
        if row.state != "waiting":
            raise NotDone("not_waiting", f"the request of {request.gateway} is {row.state} already")
    return next(w for w in _list(engine) if w.id == row.id)


def _list(engine: Engine) -> list[Waiting]:
    with read(engine) as connection:
        return waiting(connection)


def _line(one: Waiting) -> str:
    asked = time.strftime("%Y-%m-%d %H:%M", time.localtime(one.asked_at / 1000))
    replaces = "; it would replace the identity that this gateway has" if one.replaces else ""
    return f"{one.gateway}  {one.fingerprint}  asked {asked}{replaces}"


def _places(config: Config, config_file: Path) -> Ca:
    if config.ca is None:
        raise BadFile(config_file, "missing; expected folder and broker_folder", field="ca")
    return config.ca


def _who() -> str:
    return f"{getpass.getuser()} (command)"
