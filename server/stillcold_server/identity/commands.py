"""``stillcold-server ca``, ``invite``, ``approve`` and ``revoke``."""

import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import click
from sqlalchemy import Engine

from stillcold_core.enrolment.request import BadRequest, Request, read_request
from stillcold_core.files import BadFile, read_text
from stillcold_core.whole import write_whole
from stillcold_server.config import Ca, Config, load_config
from stillcold_server.identity import enrolments
from stillcold_server.identity.authority import renew_authority
from stillcold_server.identity.broker import BrokerFiles, is_host
from stillcold_server.identity.enrolments import NotDone
from stillcold_server.identity.standing import Waiting, waiting
from stillcold_server.identity.upkeep import Upkeep, make_all, open_authority
from stillcold_server.options import FILE, commanding, config_option, own_name, plain_errors, prepared
from stillcold_server.store.database import read


def _checked_hosts(_context: click.Context, option: click.Parameter, hosts: tuple[str, ...]) -> tuple[str, ...]:
    for host in hosts:
        if not is_host(host):
            raise click.BadParameter(f"{host!r}: expected a host's name or an IP address, without a port", param=option)
    return hosts


_hosts_option = click.option(
    "--host",
    "hosts",
    multiple=True,
    required=True,
    callback=_checked_hosts,
    help="Name or address of the broker; may be repeated.",
)


@click.group()
def ca() -> None:
    """The certificate authority of gateways, broker and server."""


@ca.command()
@_hosts_option
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


@ca.command("broker")
@_hosts_option
@config_option
@plain_errors
def broker_command(hosts: tuple[str, ...], config_file: Path) -> None:
    """Make the broker's files anew, with a certificate for these names and addresses, and no others."""
    config = load_config(config_file)
    places = _places(config, config_file)
    files = open_authority(places)
    with commanding(prepared(config), "broker.make", " ".join(hosts)) as connection:
        files.make(connection, hosts, datetime.now(UTC))
    click.echo(f"the broker is {', '.join(hosts)} from now on; what it reads is in {places.broker_folder}")


@click.command()
@click.argument("gateway")
@config_option
@plain_errors
def invite(gateway: str, config_file: Path) -> None:
    """Make a one-time code with which a gateway of the registry may ask for its identity."""
    config = load_config(config_file)
    open_authority(_places(config, config_file))
    with commanding(prepared(config), "gateway.invite", gateway) as connection:
        code = enrolments.invite(connection, gateway, own_name(), datetime.now(UTC))
    click.echo(f"one-time code of {gateway}, good for {enrolments.INVITED.days} days: {code}")


@click.command()
@click.argument("gateway", required=False)
@click.option("--request", "request_file", type=FILE, help="A gateway.csr that somebody has brought.")
@click.option("--out", type=FILE, help="Where the certificate is written, to be brought back.")
@click.option(
    "--fingerprint",
    callback=lambda _c, _p, text: text and _grouped(text),
    help="As the installer reads it: approve the one that has it, without asking.",
)
@click.option("--refuse", "reason", help="Turn it down, for this reason.")
@config_option
@plain_errors
def approve(
    gateway: str | None,
    request_file: Path | None,
    out: Path | None,
    fingerprint: str | None,
    reason: str | None,
    config_file: Path,
) -> None:
    """List the gateways that wait; with GATEWAY or --request, approve one, or turn it down.

    The installer reads the fingerprint on the gateway's own screen, by telephone; approve only if it is the same. A
    request that was approved before gets a new certificate.
    """
    config = load_config(config_file)
    files, engine = open_authority(_places(config, config_file)), prepared(config)
    if request_file:
        request = _request_in(request_file)
        if gateway not in (None, request.gateway):
            raise BadFile(request_file, f"expected the request of {gateway}", value=request.gateway)
        if _given_again(engine, files, request, out, refused=reason is not None):
            return
        gateway = request.gateway
        chosen = [w for w in _list(engine) if w.fingerprint == request.fingerprint]
    else:
        chosen = [w for w in _list(engine) if gateway in (None, w.gateway)]
    if gateway is None:
        click.echo("\n".join(map(_line, chosen)) or "no gateway waits")
        return
    one = _one_of(chosen, gateway, fingerprint)
    if reason is None:
        _approve(engine, files, one, out, asked=fingerprint is None)
    else:
        _refuse(engine, one, reason)


@click.command()
@click.argument("gateway")
@click.option("--reason", required=True, help="Stays in the record.")
@config_option
@plain_errors
def revoke(gateway: str, reason: str, config_file: Path) -> None:
    """Believe nothing any more that a gateway signs from now on, and have the broker shut it out."""
    config, now = load_config(config_file), datetime.now(UTC)
    files = open_authority(config.ca) if config.ca else None
    with commanding(prepared(config), "gateway.revoke", gateway, note=reason) as connection:
        enrolments.revoke(connection, files, gateway, own_name(), reason, now)
    click.echo(f"{gateway} is revoked; `stillcold-server invite {gateway}` lets it in again, with new keys")


def _approve(engine: Engine, files: BrokerFiles, one: Waiting, out: Path | None, *, asked: bool) -> None:
    click.echo(_line(one))
    if asked and not click.confirm("Does the installer read the same fingerprint on the gateway?"):
        sys.exit(1)
    with commanding(engine, "gateway.approve", one.gateway) as connection:
        _put(enrolments.approve(connection, files, one.id, own_name(), datetime.now(UTC)), out)
    click.echo("approved")


def _refuse(engine: Engine, one: Waiting, reason: str) -> None:
    with commanding(engine, "gateway.refuse", one.gateway, note=reason) as connection:
        enrolments.refuse(connection, one.id, own_name(), reason, datetime.now(UTC))
    click.echo(f"{_line(one)}: turned down")


def _request_in(path: Path) -> Request:
    try:
        return read_request(read_text(path).encode())
    except BadRequest as error:
        raise BadFile(path, str(error)) from error


def _given_again(engine: Engine, files: BrokerFiles, request: Request, out: Path | None, *, refused: bool) -> bool:
    """Put a request that was brought on the list; whether it was approved before and has a new certificate now."""
    now = datetime.now(UTC)
    with commanding(engine, "gateway.request", request.gateway) as connection:
        row = enrolments.asked_again(connection, enrolments.note(connection, request, now), now)
        if row.state == "approved" and refused:
            raise NotDone("not_waiting", f"the request of {request.gateway} is approved; `revoke` ends that")
        if row.state == "approved":
            _put(enrolments.issue(connection, files, row, now), out)
            click.echo(f"{request.gateway}: approved before; it has a new certificate")
        elif row.state != "waiting":
            raise NotDone("not_waiting", f"the request of {request.gateway} is {row.state}")
    return bool(row.state == "approved")


def _one_of(chosen: Sequence[Waiting], gateway: str, fingerprint: str | None) -> Waiting:
    found = [w for w in chosen if fingerprint in (None, w.fingerprint)]
    if len(found) > 1:
        raise NotDone("several", f"several requests of {gateway} wait: say which by --fingerprint")
    if not found:
        raise NotDone("not_waiting", f"no request of {gateway} waits" + (" with this fingerprint" if chosen else ""))
    return found[0]


def _grouped(text: str) -> str:
    """A fingerprint as it is shown, whatever was typed between its digits."""
    digits = "".join(text.split()).casefold()
    return " ".join(digits[i : i + 4] for i in range(0, len(digits), 4))


def _put(chain: bytes, out: Path | None) -> None:
    if out:
        write_whole(out, chain, 0o644)  # before the commit: what cannot be handed over is not approved


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
