"""Statements on paper, on their check page and in the API; a line's observation and its month in the console."""

import io
import re
import subprocess
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pypdf
import pytest
from sqlalchemy import Engine, select, update

from stillcold_core.registry import Registry
from stillcold_server.config import Config, Evidence, Http
from stillcold_server.days import DAY
from stillcold_server.evidence.key import Signer
from stillcold_server.language.texts import load_texts
from stillcold_server.store.database import read, write
from stillcold_server.store.schema import line, line_step
from stillcold_server.verification import procedure
from stillcold_server.verification.attestation import attest_day
from stillcold_server.verification.sheet import sheet_of
from support.gateway import DEAD, LIVE, SignedGateway
from support.sealing import BEGIN, HOUR, MINUTE, office_key, show
from support.web import API, Web, get, problem

PUBLIC = "https://duty.example.gov.cn"
NOON = BEGIN + DAY + 12 * HOUR


@pytest.fixture
def signer(tmp_path: Path) -> Signer:
    return office_key(tmp_path)


@pytest.fixture
def office(engine: Engine, plant: Registry, signer: Signer, tmp_path: Path) -> Iterator[Web]:
    """The served application with the office's key."""
    evidence = Evidence("example.org/stillcold", str(tmp_path / "evidence.key"))
    config = Config(http=Http(host="127.0.0.1", public_url=PUBLIC), evidence=evidence)
    with Web(engine, NOON, config=config) as web:
        yield web


def tight(text: str) -> str:
    """Without what lines are broken by; pypdf leaves the upper byte of each glyph's number in."""
    return re.sub(r"[\s\0]", "", text)


def printed(content: bytes) -> str:
    return tight("".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(content)).pages))


@pytest.mark.requirement("verification.procedure")
def test_an_inspector_observes_a_line_and_gets_a_certificate(office: Web, gateway: SignedGateway) -> None:
    """Over the API: what has come, what is waited for, and the statement, which is refused before its time."""
    inspector, viewer = office.program("inspector"), office.program("duty_officer")
    path = f"{API}/lines/f1/verifications"
    assert problem(viewer.post(path, json={})) == (403, "role", None)
    for sent, field in (
        ({"minutes": 4}, "minutes"),
        ({"minutes": 1441}, "minutes"),
        ({"behind_cut": ["p2"]}, "behind_cut"),
    ):
        assert problem(inspector.post(path, json=sent)) == (422, "invalid", field)
    started = inspector.post(path, json={"minutes": 30})
    assert started.status_code == 201, started.text
    number = started.json()["id"]
    assert problem(inspector.post(path, json={})) == (409, "already_running", None)
    show(office.engine, gateway, NOON, NOON + 10 * MINUTE)
    office.clock.now = NOON + 10 * MINUTE
    stands = get(viewer, f"/verifications/{number}")
    assert (stands["ready"], stands["waiting"], stands["until"][11:16]) == (False, ["p1"], "04:09")
    assert {c["condition"]: c["result"] for c in stands["conditions"]}["current"] == "passed"
    assert problem(inspector.post(f"{API}/verifications/{number}/decide")) == (409, "still_running", None)
    show(office.engine, gateway, NOON + 10 * MINUTE, NOON + 32 * MINUTE)
    office.clock.now = NOON + 32 * MINUTE
    made = inspector.post(f"{API}/verifications/{number}/decide").json()
    assert (made["result"], made["superseded_by"]) == ("passed", None)
    assert get(viewer, "/lines/f1/verifications")[0]["statement"] == made["id"]
    assert get(viewer, f"/statements/{made['id']}") == made
    for wrong, refused in (
        (f"{API}/verifications/99", 404),
        (f"{API}/statements/f1:day:x", 404),
        (f"{path[:-2]}x", 404),
    ):
        assert inspector.get(wrong).status_code == refused
    assert problem(inspector.post(f"{API}/verifications/{number}/abandon")) == (409, "not_running", None)


@pytest.mark.requirement("verification.life")
def test_a_certificate_leads_a_line_on_without_another_document(
    office: Web, gateway: SignedGateway, signer: Signer
) -> None:
    """Which is refused before it is there; the step names it."""
    with write(office.engine) as connection:
        connection.execute(update(line).where(line.c.id == "f1").values(stage="ordered"))
        number = procedure.start(connection, "f1", 30, None, "inspector", BEGIN)
    inspector, path = office.program("inspector"), f"{API}/lines/f1/steps/verify_cut_off"
    step = {"on": "2027-01-16"}
    assert problem(inspector.post(path, json=step)) == (409, "no_certificate", None)
    show(office.engine, gateway, BEGIN, BEGIN + 31 * MINUTE)
    with write(office.engine) as connection:
        made = procedure.decide(connection, signer, number, "inspector", NOON)
    assert inspector.post(path, json=step).status_code == 200
    with read(office.engine) as connection:
        (taken,) = connection.scalars(select(line_step.c.facts))
    assert taken["certificate"] == made.id


@pytest.mark.requirement("verification.procedure")
def test_nothing_is_started_that_nobody_could_sign(web: Web) -> None:
    """The refusal says what to do."""
    answer = web.program("inspector").post(f"{API}/lines/f1/verifications", json={})
    assert problem(answer) == (503, "no_key", None)
    assert "evidence roots" in answer.json()["detail"]


@pytest.mark.requirement("statement.paper")
def test_the_paper_says_what_the_signed_json_says_and_its_code_leads_to_its_check_page(
    office: Web, gateway: SignedGateway, signer: Signer, tmp_path: Path
) -> None:
    """In both languages; without a login the page says no more than the paper, and to nobody who has not its digest."""
    show(office.engine, gateway, BEGIN - 2 * HOUR, BEGIN + 6 * HOUR)
    show(office.engine, gateway, BEGIN + 6 * HOUR, BEGIN + 7 * HOUR, LIVE)
    show(office.engine, gateway, BEGIN + 9 * HOUR, BEGIN + DAY, DEAD)
    with write(office.engine) as connection:
        made = attest_day(connection, signer, "f1", date(2027, 1, 15), NOON)
    assert made is not None
    viewer, stranger = office.program("duty_officer"), office.client()
    for language in ("zh", "en"):
        answer = viewer.get(f"{API}/statements/{made.id}/paper", params={"language": language})
        assert answer.headers["content-type"] == "application/pdf"
        paper, sheet = printed(answer.content), sheet_of(made.content, made.digest, load_texts()[language])
        rows = [cell for table in sheet.tables for row in table.rows for cell in row]
        words = [sheet.title, sheet.verdict, *(v for fact in sheet.facts for v in fact), *rows, *sheet.foot]
        assert [w for w in words if tight(w) not in paper] == []
        stranger.cookies.set("stillcold_language", language)
        page = stranger.get(f"/check/{made.id}/{made.digest}")
        text = tight(re.sub(r"<[^>]+>", "", page.text.replace("&#39;", "'")))
        assert [w for w in words if tight(w) not in text] == []
        assert tight(load_texts()[language]("checked.valid_long")) in text
        code = tmp_path / "paper.pdf"
        code.write_bytes(answer.content)
    assert f"{PUBLIC}/check/{made.id}/{made.digest}" in paper
    for path in (f"/check/{made.id}/{'0' * 64}", f"/check/f1:day:20270114T160000Z:9/{made.digest}"):
        page = stranger.get(path)
        assert (page.status_code, made.content["line_name"] in page.text) == (404, False)
        assert "Unknown" in page.text
    assert stranger.get(f"/check/{made.id}/x").status_code == 422
    assert problem(stranger.get(f"{API}/statements/{made.id}"))[:2] == (401, "login_required")


@pytest.mark.requirement("statement.superseded")
def test_a_paper_that_was_superseded_says_so(office: Web, gateway: SignedGateway, signer: Signer) -> None:
    """Its check page names the later one, which is valid; both keep their text."""
    made: list[Any] = []
    for begin in (BEGIN - 2 * HOUR, BEGIN + 2 * HOUR):
        show(office.engine, gateway, begin, begin + 3 * HOUR)
        with write(office.engine) as connection:
            made.append(attest_day(connection, signer, "f1", date(2027, 1, 15), NOON))
    first, second = made
    client = office.client()
    client.cookies.set("stillcold_language", "en")
    old, new = (client.get(f"/check/{s.id}/{s.digest}").text for s in made)
    assert "Superseded" in old
    assert second.id in old
    assert "Valid" in new
    viewer = office.program("duty_officer")
    assert get(viewer, f"/statements/{first.id}")["superseded_by"] == second.id
    assert viewer.get(f"{API}/statements/{first.id}/note").text == first.note


@pytest.mark.requirement("statement.openssl")
def test_openssl_alone_verifies_a_statement_as_documented(
    office: Web, gateway: SignedGateway, signer: Signer, tmp_path: Path
) -> None:
    """With the commands of the page, as they stand there."""
    show(office.engine, gateway, BEGIN, BEGIN + HOUR)
    with write(office.engine) as connection:
        made = attest_day(connection, signer, "f1", date(2027, 1, 15), NOON)
    assert made is not None
    text = (Path(__file__).parents[2] / "docs" / "verification.md").read_text(encoding="utf-8")
    (commands,) = [b for b in re.findall(r"```sh\n(.*?)```", text, re.DOTALL) if "openssl" in b]
    (tmp_path / "certificate.note").write_bytes(
        office.program("duty_officer").get(f"{API}/statements/{made.id}/note").content
    )
    script = f"KEY={signer.public.text.split('+', 2)[2]}\n{commands}"

    def run() -> str:
        done = subprocess.run(["sh", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)
        return done.stdout

    said = run()
    assert made.digest in said
    assert "Signature Verified Successfully" in said
    (tmp_path / "certificate.note").write_text(made.note.replace('"live":0', '"live":1'))
    assert "Verified Successfully" not in run()


@pytest.mark.requirement("console.sealing")
def test_a_sealing_is_verified_by_plain_forms(office: Web, gateway: SignedGateway) -> None:
    """Start, progress, decision, certificate; a viewer sees and cannot start."""
    inspector, viewer = office.browser("inspector"), office.browser("duty_officer")
    page = "/lines/f1/verification"
    assert '<form class="act"' in inspector.get(page).text
    assert '<form class="act"' not in viewer.get(page).text
    assert inspector.post(page, data={"minutes": "30", "behind_cut": "p1"}).headers["location"] == page
    show(office.engine, gateway, NOON, NOON + 31 * MINUTE, {**DEAD, "current_l2": 9.5})
    office.clock.now = NOON + 31 * MINUTE
    running = viewer.get(page).text
    assert "读数已到齐" in running
    assert "9.5 A" in running
    (action,) = set(re.findall(r"/verifications/\d+/decide", inspector.get(page).text))
    decided = inspector.post(action)
    assert decided.status_code == 303
    shown = viewer.get(decided.headers["location"]).text
    assert "通过：观察期内每个读数都在限值之内。" in shown
    assert "断开点之后" in shown
    assert decided.headers["location"] in viewer.get(page).text
    assert decided.headers["location"] in viewer.get("/lines/f1").text


@pytest.mark.requirement("console.calendar")
def test_a_month_shows_each_day_by_letter_share_and_worst(office: Web, gateway: SignedGateway, signer: Signer) -> None:
    """Today as far as it goes, and each stated day leads to its statement; the API says the same."""
    show(office.engine, gateway, BEGIN - DAY, BEGIN)
    show(office.engine, gateway, BEGIN, BEGIN + 6 * HOUR)
    show(office.engine, gateway, BEGIN + 6 * HOUR, BEGIN + 7 * HOUR, LIVE)
    show(office.engine, gateway, BEGIN + 23 * HOUR, BEGIN + DAY + 11 * HOUR)
    with write(office.engine) as connection:
        for day in (14, 15):
            attest_day(connection, signer, "f1", date(2027, 1, day), NOON)
    viewer = office.browser("duty_officer")
    page = viewer.get("/lines/f1/calendar").text
    cells = {int(n): look for look, n in re.findall(r'<td class="(\w+)(?: today)?">\s*<span class="date">(\d+)<', page)}
    assert [cells[d] for d in (13, 14, 15, 16, 17)] == ["nothing", "dead", "live", "dead", "nothing"]
    assert "/statements/f1:day:20270114T160000Z:1" in page
    assert re.search(r'<td class="dead today">.*?至今', page, re.DOTALL)
    days = {
        d["day"]: d for d in get(office.program("duty_officer", "reader"), "/lines/f1/attestations", month="2027-01")
    }
    assert list(days) == ["2027-01-14", "2027-01-15", "2027-01-16"]
    assert (days["2027-01-14"]["coverage"], days["2027-01-16"]["statement"]) == (1, None)
    assert days["2027-01-15"]["live"] == pytest.approx(3600, abs=60)
    assert viewer.get("/lines/f1/calendar?month=2027-13").status_code == 422
    assert "nothing" in viewer.get("/lines/f1/calendar?month=2026-12").text
