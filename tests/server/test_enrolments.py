"""Who is asked in, who is believed, and who is no more."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import Engine

from stillcold_core.enrolment.answer import Answer, answer_mac, code_key, request_mac
from stillcold_core.enrolment.request import Request, make_request
from stillcold_core.registry import Gateway, Registry
from stillcold_server.config import Ca
from stillcold_server.identity.authority import load_certificate
from stillcold_server.identity.broker import BrokerFiles
from stillcold_server.identity.enrolments import NotDone, approve, invite, note, receive, refuse, revoke
from stillcold_server.identity.standing import Standing, standings, waiting
from stillcold_server.identity.upkeep import Upkeep, open_authority
from stillcold_server.ingest.writer import Writer
from stillcold_server.metrics import Metrics
from stillcold_server.registry.ledger import KeyOfAnother, import_registry
from stillcold_server.store.database import read, write
from support.gateway import DEAD, SignedGateway, steady
from support.office import made_authority

NOW = datetime.now(UTC)
DAY = timedelta(days=1)
OFFICER = "zhang"


@pytest.fixture
def files(engine: Engine, tmp_path: Path) -> BrokerFiles:
    """An authority and the broker's folder; the registry knows gw-1, without a key."""
    with write(engine) as connection:
        import_registry(connection, Registry(gateway=(Gateway("gw-1"),)))
    return open_authority(made_authority(engine, tmp_path, NOW))


@pytest.fixture
def signer() -> SignedGateway:
    """The gateway's own key of batches."""
    return SignedGateway("gw-1")


@pytest.fixture
def request_(signer: SignedGateway) -> Request:
    """Its request."""
    return asked(signer)


def asked(signer: SignedGateway, gateway: str = "gw-1") -> Request:
    return make_request(gateway, ec.generate_private_key(ec.SECP256R1()), signer.public_key)


def code_of(engine: Engine, now: datetime = NOW) -> bytes:
    with write(engine) as connection:
        return code_key(invite(connection, "gw-1", OFFICER, now))


def receive_with(engine: Engine, files: BrokerFiles, request: Request, key: bytes, now: datetime = NOW) -> Answer:
    return receive(engine, files, request, request_mac(key, request), now)


def enrolled(engine: Engine, files: BrokerFiles, request: Request) -> Answer:
    """The answer after an officer has approved."""
    key = code_of(engine)
    receive_with(engine, files, request, key)
    with write(engine) as connection:
        (one,) = waiting(connection)
        approve(connection, files, one.id, OFFICER, NOW)
    return receive_with(engine, files, request, key)


def standing(engine: Engine) -> Standing:
    with read(engine) as connection:
        (found,) = standings(connection, round(NOW.timestamp() * 1000))
    return found


def revoked_serials(files: BrokerFiles) -> set[int]:
    crl = x509.load_pem_x509_crl((files.folder / "crl.pem").read_bytes())
    return {entry.serial_number for entry in crl}


@pytest.mark.requirement("identity.enrol")
def test_a_gateway_that_knows_the_code_waits_and_is_believed_after_an_officer_says_so(
    engine: Engine, files: BrokerFiles, request_: Request
) -> None:
    """Its batches are stored from then on, and not before; every answer proves that it knows the code."""
    key = code_of(engine)
    answer = receive_with(engine, files, request_, key)
    assert (answer.state, answer.certificate, answer.root) == ("waiting", "", "")
    assert answer.mac == answer_mac(key, request_, answer)
    with write(engine) as connection:
        (one,) = waiting(connection)
        assert (one.gateway, one.fingerprint, one.replaces) == ("gw-1", request_.fingerprint, False)
        approve(connection, files, one.id, OFFICER, NOW)
    answer = receive_with(engine, files, request_, key)
    assert answer.mac == answer_mac(key, request_, answer)
    own, issuing = x509.load_pem_x509_certificates(answer.certificate.encode())
    assert own.public_key() == request_.tls_key
    assert own.not_valid_after_utc == (NOW + 90 * DAY).replace(microsecond=0)
    own.verify_directly_issued_by(issuing)
    assert answer.root.encode() in files.authority.trusted()
    found = standing(engine)
    assert (found.state, found.decided_by, found.invited_until) == ("approved", OFFICER, None)


@pytest.mark.requirement("identity.code")
def test_nobody_gets_onto_the_officer_s_list_without_the_code(
    engine: Engine, files: BrokerFiles, signer: SignedGateway, request_: Request
) -> None:
    """Wrong, too old, replaced, used by another request, another gateway's, or for a gateway that nobody knows."""
    old, key = code_of(engine), code_of(engine)
    tries = [(request_, b"x" * 32, NOW), (request_, old, NOW), (request_, key, NOW + 3 * DAY)]
    tries += [(asked(signer, "gw-9"), key, NOW)]
    for request, used, now in tries:
        with pytest.raises(NotDone) as refused:
            receive_with(engine, files, request, used, now)
        assert refused.value.word == "code"
    receive_with(engine, files, request_, key)
    with pytest.raises(NotDone):
        receive_with(engine, files, asked(signer), key)
    with read(engine) as connection:
        assert len(waiting(connection)) == 1
    with write(engine) as connection, pytest.raises(NotDone, match="the registry has no gateway gw-9"):
        invite(connection, "gw-9", OFFICER, NOW)


@pytest.mark.requirement("identity.renew")
def test_an_approved_key_gets_a_new_certificate_without_a_code(
    engine: Engine, files: BrokerFiles, request_: Request
) -> None:
    """Once a day at most, also after the old one has expired, and for the same key only."""
    first = enrolled(engine, files, request_)
    assert receive(engine, files, request_, "", NOW + DAY / 2).certificate == first.certificate
    later = receive(engine, files, request_, "", NOW + 200 * DAY)
    own = x509.load_pem_x509_certificate(later.certificate.encode())
    assert own.public_key() == request_.tls_key
    assert own.not_valid_after_utc == (NOW + 290 * DAY).replace(microsecond=0)
    assert later.mac == ""  # nobody has asked with a code


@pytest.mark.requirement("identity.refuse")
def test_what_an_officer_has_refused_stays_refused(engine: Engine, files: BrokerFiles, request_: Request) -> None:
    """And cannot be approved afterwards."""
    key = code_of(engine)
    receive_with(engine, files, request_, key)
    with write(engine) as connection:
        (one,) = waiting(connection)
        refuse(connection, one.id, OFFICER, "another fingerprint", NOW)
    assert receive_with(engine, files, request_, key).state == "refused"
    with write(engine) as connection, pytest.raises(NotDone) as refused:
        approve(connection, files, one.id, OFFICER, NOW)
    assert refused.value.word == "not_waiting"


@pytest.mark.requirement("identity.revoke")
def test_nothing_is_believed_of_a_revoked_gateway_from_that_moment_on(
    engine: Engine, files: BrokerFiles, signer: SignedGateway, request_: Request
) -> None:
    """Not its batches, not its certificates, not a request with one of its keys; what it had sent stays."""
    answer = enrolled(engine, files, request_)
    writer, metrics = Writer(engine, Metrics()), Metrics()
    assert writer.take([("gw-1", signer.batch(steady(DEAD)))], 0)["gw-1"][0].stored
    with write(engine) as connection:
        revoke(connection, files, "gw-1", OFFICER, "stolen", NOW)
    refusing = Writer(engine, metrics)
    assert refusing.take([("gw-1", signer.batch(steady(DEAD)))], 0) == {}
    assert b'stillcold_ingest_refused_total{reason="revoked"} 1.0' in metrics.exposition()
    assert revoked_serials(files) == {x509.load_pem_x509_certificate(answer.certificate.encode()).serial_number}
    assert receive(engine, files, request_, "", NOW).state == "revoked"
    found = standing(engine)
    assert (found.state, found.reason, found.decided_by) == ("revoked", "stolen", OFFICER)
    with write(engine) as connection:
        with pytest.raises(NotDone, match="both must be made anew"):
            note(connection, asked(signer), NOW)
        with pytest.raises(NotDone, match="has no key that is believed"):
            revoke(connection, files, "gw-1", OFFICER, "again", NOW)


@pytest.mark.requirement("identity.revoke")
def test_a_key_that_came_with_the_registry_is_revoked_too(engine: Engine, signer: SignedGateway) -> None:
    """Without an authority; importing the same registry again changes nothing."""
    registry = Registry(gateway=(Gateway("gw-1", signer.public_key),))
    for _ in range(2):
        with write(engine) as connection:
            import_registry(connection, registry)
            if standings(connection, 0)[0].state != "revoked":
                revoke(connection, None, "gw-1", OFFICER, "lost", NOW)
        assert Writer(engine, Metrics()).take([("gw-1", signer.batch(steady(DEAD)))], 0) == {}


@pytest.mark.requirement("identity.replace")
def test_a_gateway_that_replaces_another_ends_it(
    engine: Engine, files: BrokerFiles, signer: SignedGateway, request_: Request
) -> None:
    """The old one's certificate and key are revoked, the new one's are believed."""
    old = enrolled(engine, files, request_)
    newer = SignedGateway("gw-1", b"epoch--2")
    answer = enrolled(engine, files, asked(newer))
    assert answer.state == "approved"
    assert revoked_serials(files) == {x509.load_pem_x509_certificate(old.certificate.encode()).serial_number}
    writer = Writer(engine, Metrics())
    assert writer.take([("gw-1", signer.batch(steady(DEAD)))], 0) == {}
    assert writer.take([("gw-1", newer.batch(steady(DEAD)))], 0)["gw-1"][0].stored


@pytest.mark.requirement("identity.registry")
def test_a_registry_does_not_overrule_an_officer(
    engine: Engine, files: BrokerFiles, signer: SignedGateway, request_: Request
) -> None:
    """A file without the key keeps the approved one; one with another is refused as a whole."""
    enrolled(engine, files, request_)
    with write(engine) as connection:
        import_registry(connection, Registry(gateway=(Gateway("gw-1"),)))
    assert Writer(engine, Metrics()).take([("gw-1", signer.batch(steady(DEAD)))], 0)
    other = Registry(gateway=(Gateway("gw-1", SignedGateway().public_key),))
    with pytest.raises(KeyOfAnother, match="gateway gw-1: public_key is not the one"), write(engine) as connection:
        import_registry(connection, other)


@pytest.mark.requirement("identity.upkeep")
def test_certificates_and_the_list_are_made_anew_long_before_they_end(engine: Engine, tmp_path: Path) -> None:
    """The list once a week, the broker's and the server's certificates in their last third; keys stay."""
    ca: Ca = made_authority(engine, tmp_path, NOW)
    folders = (Path(ca.folder), Path(ca.broker_folder))

    def changed(now: datetime) -> set[str]:
        before = {p: p.read_bytes() for folder in folders for p in folder.iterdir()}
        Upkeep(engine, ca, lambda: now).look()
        return {p.name for p, content in before.items() if p.read_bytes() != content}

    assert changed(NOW + 7 * DAY) == set()
    assert changed(NOW + 8 * DAY) == {"crl.pem"}
    assert changed(NOW + 9 * DAY) == set()
    assert changed(NOW + 250 * DAY) == {"crl.pem", "broker.crt", "server.crt"}
    (folders[1] / "crl.pem").unlink()
    Upkeep(engine, ca, lambda: NOW).look()
    assert open_authority(ca).crl_ends() > NOW + 29 * DAY


@pytest.mark.requirement("identity.clock-ahead")
def test_what_a_clock_ahead_of_the_time_has_made_is_made_anew(
    engine: Engine, files: BrokerFiles, request_: Request, tmp_path: Path
) -> None:
    """The list, the server's certificates and a gateway's: with those that begin later everybody would be shut out."""
    enrolled(engine, files, request_)
    ca, ahead = Ca(str(tmp_path / "ca"), str(tmp_path / "broker")), NOW + 400 * DAY
    for now in (ahead, NOW):
        Upkeep(engine, ca, lambda now=now: now).look()  # type: ignore[misc]
        answer = receive(engine, files, request_, "", now)
    made = [load_certificate(folder) for folder in (tmp_path / "ca" / "server.crt", tmp_path / "broker" / "broker.crt")]
    made.append(x509.load_pem_x509_certificate(answer.certificate.encode()))
    assert max(c.not_valid_before_utc for c in made) <= NOW
    assert x509.load_pem_x509_crl((files.folder / "crl.pem").read_bytes()).last_update_utc <= NOW


@pytest.mark.requirement("broker.renewed")
def test_a_revocation_after_one_that_was_undone_is_news_to_the_broker(
    engine: Engine, files: BrokerFiles, request_: Request
) -> None:
    """Its list has the same number, since the database has forgotten the first."""
    enrolled(engine, files, request_)
    said = set()
    for _ in range(2):
        with engine.connect().execution_options(writes=True) as connection:
            revoke(connection, files, "gw-1", OFFICER, "stolen", NOW)
        said.add((files.folder / "revoked").read_text())
    assert len(said) == 2


@pytest.mark.requirement("identity.code-again")
def test_a_new_code_serves_the_same_request(engine: Engine, files: BrokerFiles, request_: Request) -> None:
    """Of an installer who waits while the office makes another, was turned down by mistake, or has lost what came."""
    first = code_of(engine)
    receive_with(engine, files, request_, first)
    second = code_of(engine)
    assert proved(receive_with(engine, files, request_, second), request_, second) == "waiting"
    with write(engine) as connection:
        (one,) = waiting(connection)
        refuse(connection, one.id, OFFICER, "mistyped", NOW)
    third = code_of(engine, NOW + DAY)
    assert proved(receive_with(engine, files, request_, third, NOW + DAY), request_, third) == "waiting"
    with write(engine) as connection:
        (again,) = waiting(connection)
        assert again.asked_at == round((NOW + DAY).timestamp() * 1000)
        approve(connection, files, again.id, OFFICER, NOW)
    later = code_of(engine, NOW + 30 * DAY)
    answer = receive_with(engine, files, request_, later, NOW + 30 * DAY)
    assert (proved(answer, request_, later), bool(answer.root)) == ("approved", True)
    with pytest.raises(NotDone, match="expected the one-time code"):  # it was used
        receive_with(engine, files, asked(SignedGateway()), later, NOW + 30 * DAY)


def proved(answer: Answer, request: Request, key: bytes) -> str:
    """Its state, where it was made with the code."""
    assert answer.mac == answer_mac(key, request, answer)
    return answer.state


@pytest.mark.requirement("identity.one-key")
def test_a_key_that_signs_is_not_believed_twice(
    engine: Engine, files: BrokerFiles, signer: SignedGateway, request_: Request
) -> None:
    """Else the end of one identity would silence the other: a second certificate, or another gateway with its key."""
    third = SignedGateway("gw-3")
    with write(engine) as connection:
        import_registry(connection, Registry(gateway=(Gateway("gw-2"), Gateway("gw-3", third.public_key))))
        note(connection, request_, NOW)
        note(connection, asked(signer), NOW)
        first, second = waiting(connection)
        approve(connection, files, first.id, OFFICER, NOW)
        for act in (
            lambda: approve(connection, files, second.id, OFFICER, NOW),
            lambda: note(connection, asked(signer), NOW),
            lambda: note(connection, asked(signer, "gw-2"), NOW),
            lambda: note(connection, asked(third, "gw-2"), NOW),
        ):
            with pytest.raises(NotDone) as refused:
                act()
            assert refused.value.word == "key_in_use"
    assert Writer(engine, Metrics()).take([("gw-1", signer.batch(steady(DEAD)))], 0)["gw-1"][0].stored


@pytest.mark.requirement("identity.code-again")
def test_a_code_is_not_used_up_by_keys_that_were_revoked(engine: Engine, files: BrokerFiles, request_: Request) -> None:
    """Whoever forgets to remove them is told, and may go on with the same code."""
    enrolled(engine, files, request_)
    with write(engine) as connection:
        revoke(connection, files, "gw-1", OFFICER, "stolen", NOW)
    key = code_of(engine)
    with pytest.raises(NotDone, match="both must be made anew"):
        receive_with(engine, files, request_, key)
    assert receive_with(engine, files, asked(SignedGateway()), key).state == "waiting"


@pytest.mark.requirement("identity.replace")
def test_an_officer_is_told_that_a_key_of_the_registry_would_be_replaced(
    engine: Engine, files: BrokerFiles, signer: SignedGateway
) -> None:
    """By another one: the same key with its first certificate ends nothing."""
    with write(engine) as connection:
        import_registry(connection, Registry(gateway=(Gateway("gw-1", signer.public_key),)))
        note(connection, asked(signer), NOW)
        note(connection, asked(SignedGateway()), NOW)
        assert [w.replaces for w in waiting(connection)] == [False, True]
        revoke(connection, files, "gw-1", OFFICER, "stolen", NOW)
        note(connection, asked(SignedGateway()), NOW)
        assert [w.replaces for w in waiting(connection)] == [False]


@pytest.mark.requirement("identity.upkeep")
def test_the_log_says_in_time_that_the_issuing_authority_ends(
    engine: Engine, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A year before, and once a week: the root's key must be fetched for it."""
    ca = made_authority(engine, tmp_path, NOW)

    def warned(years: int) -> list[str]:
        caplog.clear()
        Upkeep(engine, ca, lambda: NOW + years * 365 * DAY + DAY).look()
        return [r.getMessage() for r in caplog.records if r.levelname == "WARNING"]

    assert warned(8) == []
    assert len(warned(9)) == 1
    assert warned(9) == []
