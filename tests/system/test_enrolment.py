"""A gateway from nothing to the broker, and out again, by the commands that the pages give."""

import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from stillcold_agent.counts import Counts
from stillcold_agent.enrolment.renewal import Renewal
from stillcold_agent.tools.doctor.broker import broker
from stillcold_agent.tools.doctor.finding import State
from stillcold_core.contract.topics import batch_topic
from stillcold_core.enrolment.request import names_of, read_request
from stillcold_server.config import Mqtt, load_config
from stillcold_server.identity.authority import CLIENT, Authority, Revoked
from stillcold_server.identity.broker import issue_pair
from stillcold_server.identity.upkeep import SERVER_NAME, Upkeep, open_authority
from stillcold_server.ingest.subscriber import Subscriber
from stillcold_server.ingest.writer import Writer
from stillcold_server.metrics import Metrics
from stillcold_server.store.database import write
from support import wait_for
from support.mqtt import Client, Refused
from support.office import Gateway, Office
from support.web import Web

NOW = datetime.now(UTC)
DAY = timedelta(days=1)


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    """With its broker running."""
    made = Office(tmp_path / "office")
    with made.broker:
        made.renew_broker()
        yield made
    made.engine.dispose()


@pytest.fixture
def web(office: Office) -> Iterator[Web]:
    """The office's web service."""
    with Web(office.engine, round(NOW.timestamp() * 1000), config=load_config(office.file)) as served:
        yield served


@pytest.fixture
def gateway(tmp_path: Path, office: Office, web: Web) -> Gateway:
    """One that is enrolled."""
    fresh = Gateway(tmp_path / "gw-1", office.broker.port, web.url)
    enrol(office, fresh)
    return fresh


def enrol(office: Office, gateway: Gateway) -> str:
    """With an officer who approves as soon as the request is there; what the installer read."""
    with gateway.enrol("--code", office.code(gateway.name)) as installer:
        installer.wait_for_output("read the fingerprint to its system administrator")
        office.run("approve", gateway.name, "--fingerprint", fingerprint_of(installer.output))
        installer.wait_for_output("installed, good until")
    return installer.output


def carried(folder: Path, office: Office, name: str) -> Gateway:
    """A gateway whose request and certificate are carried by hand."""
    gateway, came = Gateway(folder / name, office.broker.port, "", name), folder / "came.crt"
    with gateway.enrol() as made:
        made.wait_for_output("over the phone")
    brought = ("approve", "--request", gateway.folder / "gateway.csr", "--out", came)
    office.run(*brought, "--fingerprint", fingerprint_of(made.output))
    with gateway.enrol("--certificate", came, "--ca", office.folder / "ca" / "root.crt") as installed:
        installed.wait_for_output("installed, good until")
    return gateway


@pytest.mark.requirement("system.enrolment")
def test_a_gateway_from_nothing_is_let_in_after_an_officer_compared_its_fingerprint(
    tmp_path: Path, office: Office, web: Web
) -> None:
    """The officer sees what the installer reads; the certificate names the key that signs; the broker knows it."""
    fresh = Gateway(tmp_path / "gw-1", office.broker.port, web.url)
    begun = time.monotonic()
    with fresh.enrol("--code", office.code()) as installer:
        installer.wait_for_output("read the fingerprint to its system administrator")
        read = fingerprint_of(installer.output)
        assert read in office.run("approve").output
        other = office.run("approve", "gw-1", "--fingerprint", read[:-1] + ("0" if read[-1] != "0" else "1"), ok=False)
        assert "error: no request of gw-1 waits with this fingerprint" in other.stderr
        office.run("approve", "gw-1", "--fingerprint", read.upper().replace(" ", "-").replace("-", ""))
        installer.wait_for_output("installed, good until")
    print(f"enrolled in {time.monotonic() - begun:.1f} s")
    found = {f.check: f.state for f in broker(fresh.config)}
    assert (found["certificate"], found["broker login"]) == (State.OK, State.OK)
    names = fresh.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    asked = read_request((fresh.folder / "gateway.csr").read_bytes())
    assert names == names_of("gw-1", asked.public_key)
    assert office.run("approve").output == "no gateway waits\n"


@pytest.mark.requirement("system.enrolment.by-hand")
def test_a_request_and_a_certificate_may_be_carried_by_hand(tmp_path: Path, office: Office) -> None:
    """Where the gateway does not reach the server."""
    fresh = carried(tmp_path, office, "gw-1")
    fresh.connect().close()
    (tmp_path / "came.crt").unlink()
    brought = ("approve", "--request", fresh.folder / "gateway.csr", "--out", tmp_path / "came.crt")
    assert "approved before; it has a new certificate" in office.run(*brought).output
    assert x509.load_pem_x509_certificate((tmp_path / "came.crt").read_bytes()) == fresh.certificate  # of the same day
    office.run("revoke", "gw-1", "--reason", "stolen")
    assert "error: the request of gw-1 is revoked" in office.run(*brought, ok=False).stderr


@pytest.mark.requirement("broker.revoked")
def test_a_connected_gateway_that_is_revoked_is_cut_off_by_the_broker(tmp_path: Path, office: Office) -> None:
    """Within a minute, and does not come back; another one does."""
    gateway, other = carried(tmp_path, office, "gw-1"), carried(tmp_path, office, "gw-2")
    connected = gateway.connect()
    assert connected.publish(batch_topic("gw-1")) < 0x80
    begun = time.monotonic()
    office.run("revoke", "gw-1", "--reason", "stolen")
    office.renew_broker()
    wait_for(lambda: connected.disconnected, what="the revoked gateway is cut off")
    connected.close()
    with pytest.raises(Refused):
        gateway.connect()
    assert time.monotonic() - begun < 60
    print(f"cut off after {time.monotonic() - begun:.1f} s")
    other.connect().close()


@pytest.mark.requirement("broker.crl-fresh")
def test_a_list_of_the_revoked_that_has_ended_shuts_out_everybody_until_it_is_made_anew(
    office: Office, gateway: Gateway
) -> None:
    """What the server writes in time is taken without disturbing who is connected."""
    ca = load_config(office.file).ca
    assert ca
    with write(office.engine) as connection:
        open_authority(ca).publish(connection, datetime.now(UTC) - DAY, cut=False, life=timedelta(hours=1))
    office.broker.restart()  # one that reads it again still goes by the list before, while that is good
    with pytest.raises(Refused):
        gateway.connect()
    Upkeep(office.engine, ca).look()
    office.renew_broker()
    assert office.told == "reload"
    connected = wait_for(lambda: entered(gateway), what="the broker has read the new list")
    assert connected
    with write(office.engine) as connection:
        open_authority(ca).publish(connection, datetime.now(UTC), cut=False)
    office.renew_broker()
    assert office.told == "reload"
    assert connected.publish(batch_topic("gw-1")) < 0x80
    connected.close()


@pytest.mark.requirement("agent.renewal.expired")
def test_a_gateway_that_comes_back_with_an_expired_certificate_renews_it(office: Office, gateway: Gateway) -> None:
    """The broker does not know it; the server knows its key."""
    expire(office, gateway)
    with pytest.raises(Refused):
        gateway.connect()
    Renewal(gateway.config, Counts()).look()
    gateway.connect().close()


@pytest.mark.requirement("agent.renewal.refused")
def test_a_revoked_gateway_gets_no_certificate(office: Office, gateway: Gateway) -> None:
    """It says so, counts it, and leaves what it has."""
    expire(office, gateway)
    before, counts = gateway.files.cert_file.read_bytes(), Counts()
    office.run("revoke", "gw-1", "--reason", "stolen")
    Renewal(gateway.config, counts).look()
    assert counts.totals() == {"renewal_failed": 1}
    assert gateway.files.cert_file.read_bytes() == before


@pytest.mark.requirement("identity.server-certificate")
def test_the_server_enters_by_its_own_certificate_and_shows_a_renewed_one(office: Office) -> None:
    """At the next connection, without being started anew."""
    folder = office.folder / "ca"
    files = {"ca_file": str(folder / "root.crt"), "cert_file": str(folder / "server.crt")}
    mqtt = Mqtt("localhost", office.broker.port, key_file=str(folder / "server.key"), **files)
    subscriber = Subscriber(
        mqtt, Writer(office.engine, Metrics()), on_stored=lambda: None, on_status=lambda *_: None,
        on_ahead=lambda *_: None, metrics=Metrics(),
    )  # fmt: skip
    subscriber.start()
    wait_for(lambda: subscriber.connected, what="the server at the broker")
    old = x509.load_pem_x509_certificate((folder / "server.crt").read_bytes())
    authority, names = Authority(folder), x509.SubjectAlternativeName([x509.DNSName(SERVER_NAME)])
    issue_pair(authority, folder / "server", SERVER_NAME, names, CLIENT, NOW)
    (office.broker_folder / "crl.pem").write_bytes(authority.crl([Revoked(old.serial_number, NOW)], 99, NOW))
    office.broker.restart()
    wait_for(lambda: subscriber.connected, what="the server with its new certificate")
    subscriber.stop()


def entered(gateway: Gateway) -> Client | None:
    """A client, where the broker lets it in."""
    try:
        return gateway.connect()
    except Refused:
        return None


def fingerprint_of(printed: str) -> str:
    """What the installer reads."""
    read = re.search(r"over the phone: (.*)", printed)
    assert read
    return read[1]


def expire(office: Office, gateway: Gateway) -> None:
    """Put a certificate in its place that has ended."""
    ca = load_config(office.file).ca
    assert ca
    authority, old = open_authority(ca).authority, gateway.certificate
    names = old.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    key = read_request((gateway.folder / "gateway.csr").read_bytes()).tls_key
    made = authority.issue("gw-1", key, names, CLIENT, NOW - 100 * DAY, 90 * DAY)
    gateway.files.cert_file.write_bytes(authority.chain(made))
