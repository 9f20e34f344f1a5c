"""The ledger's pages, used as plain forms."""

import re

import pytest

from stillcold_server.registry.deadlines import remind
from stillcold_server.store.database import write
from support.story import NOW
from support.web import API, Web

PAPER = ("公告.pdf", b"%PDF-1.7 notice")


@pytest.mark.requirement("console.ledger")
def test_a_clerk_keeps_a_line_with_plain_forms(web: Web) -> None:
    """Identified, asked for, approved by another, looked up; what is refused is said in words."""
    clerk, lead = web.browser("bureau_energy", "张"), web.browser("district_lead", "李")
    page = clerk.get("/lines/mill/ledger").text
    assert 'action="/lines/mill/steps/identify"' in page
    assert 'action="/lines/mill/seals"' not in page
    files = {"document.identification": PAPER}
    given = {"on": "2027-01-15", "standards.energy": "发改局 <b>", "standards.quality": " "}
    early = clerk.post("/lines/mill/steps/identify", data=given | {"on": "2027-02-01"}, files=files)
    assert (early.status_code, "时间不能晚于当前" in early.text) == (409, True)
    done = clerk.post("/lines/mill/steps/identify", data=given, files=files)
    assert (done.status_code, done.headers["location"]) == (303, "/lines/mill/ledger")
    page = clerk.get("/lines/mill/ledger").text
    assert "已认定" in page
    assert "发改局 &lt;b&gt;" in page
    digest = re.search(r'href="(/api/v1/documents/[0-9a-f]{64})" download', page)
    assert digest
    assert clerk.get(digest[1]).content == PAPER[1]
    permit = {"start": "2027-01-16T08:00", "end": "2027-01-16T12:00", "reason": "检修"}
    assert clerk.post("/lines/mill/permits", data=permit | {"end": "soon"}).status_code == 422
    assert clerk.post("/lines/mill/permits", data=permit).status_code == 303
    assert "/approve" not in clerk.get("/ledger").text
    action = re.search(r'action="(/permits/\d+/approve[^"]*)"', lead.get("/ledger").text)
    assert action
    assert lead.post(action[1], data={"note": "同意"}).headers["location"] == "/ledger"
    page = clerk.get("/lines/mill/ledger").text
    assert "2027-01-16 08:00 – 2027-01-16 12:00 · 检修" in page
    assert "已批准" in page
    enterprise = clerk.get("/enterprises/kc-foundry").text
    assert "91220103MA0Y1L2T6X" in enterprise
    assert "1 t 中频炉" in enterprise


@pytest.mark.requirement("console.ledger")
def test_an_inspector_enters_and_ends_a_seal(web: Web) -> None:
    """With its picture; times are Beijing's."""
    inspector = web.browser("inspector")
    seal = {"number": "220-9", "place": "柜门", "applied_at": "2027-01-15T09:00", "applied_by": "王"}
    photo = {"photo": ("a.jpg", b"\xff\xd8\xff picture")}
    assert inspector.post("/lines/f1/seals", data=seal | {"number": "a b"}).status_code == 422
    assert inspector.post("/lines/f1/seals", data=seal, files=photo).status_code == 303
    page = inspector.get("/lines/f1/ledger").text
    assert "2027-01-15 09:00 王" in page
    action = re.search(r'action="(/seals/220-9/end[^"]*)"', page)
    assert action
    end = {"state": "broken", "at": "2027-01-15T10:00", "by": "王", "replaced_by": ""}
    assert inspector.post(action[1], data=end).headers["location"] == "/lines/f1/ledger"
    page = inspector.get("/lines/f1/ledger").text
    assert '<span class="bad">破损</span>' in page
    assert "部位 柜门 · 加封时间 2027-01-15 09:00" in page, "the history is in words too"


@pytest.mark.requirement("console.ledger")
def test_a_clerk_enters_a_meter_and_later_its_new_certificate(web: Web) -> None:
    """At a point of the line; a meter of another line stays there."""
    clerk = web.browser("bureau_energy")
    meter = {"number": "m-1", "point": "p1", "model": "ADW300", "certificate": "JL-1", "issued": "2026-01-01"}
    meter |= {"serial": "S-77"}
    assert 'action="/lines/f1/meters"' in clerk.get("/lines/f1/ledger").text
    assert clerk.post("/lines/f1/meters", data=meter | {"expires": "2027-01-01"}).status_code == 303
    assert '<span class="bad">2027-01-01</span>' in clerk.get("/lines/f1/ledger").text
    renewed = {"number": "m-1", "point": "p1", "certificate": "JL-2", "issued": "2027-01-02", "expires": "2028-01-02"}
    assert clerk.post("/lines/f1/meters", data=renewed).status_code == 303
    page = clerk.get("/lines/f1/ledger").text
    assert "JL-2" in page
    assert "ADW300 S-77" in page, "what is not given stays"
    assert '<span class="">2028-01-02</span>' in page
    for line, given, said in (
        ("f1", renewed | {"expires": "2027-01-02"}, "检定到期须晚于检定日期"),
        ("f1", renewed | {"point": "p2"}, "该产线没有这个测点"),
        ("mill", renewed | {"point": "p2"}, "该电表编号已登记在另一条产线"),
    ):
        answer = clerk.post(f"/lines/{line}/meters", data=given)
        assert (answer.status_code, said in answer.text) == (409 if "测点" not in said else 404, True)
    known = web.program("bureau_energy", "clerk").post(f"{API}/lines/mill/meters", json={"id": "m-1", "point": "p2"})
    assert "p1" not in known.text, "the other line may be in another district"
    inspector = web.browser("inspector")
    assert 'action="/lines/f1/meters"' not in inspector.get("/lines/f1/ledger").text
    assert inspector.post("/lines/f1/meters", data=renewed).status_code == 403


@pytest.mark.requirement("console.ledger-import")
def test_a_file_is_looked_at_before_it_is_imported(web: Web) -> None:
    """The changes, or every error by row; reminders are put aside."""
    clerk = web.browser("bureau_energy")
    file = {"file": ("line.csv", b"id,dismantle_by\nf1,2027-01-20\n")}
    shown = clerk.post("/ledger/import", data={"dry_run": "true"}, files=file).text
    assert "line.csv 将变更 1 处" in shown
    assert "2027-01-20" in shown
    assert "2027-01-20" not in clerk.get("/lines/f1/ledger").text
    assert "line.csv 已导入" in clerk.post("/ledger/import", data={"dry_run": "false"}, files=file).text
    bad = clerk.post("/ledger/import", data={"dry_run": "false"}, files={"file": ("line.csv", b"id,state\nf1,<i>\n")})
    assert bad.status_code == 422
    assert "须为以下之一：permitted, sealed" in bad.text
    clerk.cookies.set("stillcold_language", "en")
    english = clerk.post("/ledger/import", files={"file": ("line.csv", b"id,state\nf1,off\n")})
    assert "expected one of permitted, sealed" in english.text
    clerk.cookies.delete("stillcold_language")
    assert "&lt;i&gt;" in bad.text
    with write(web.engine) as connection:
        assert remind(connection, NOW) == 1
    assert "7 天内到期" in clerk.get("/ledger?district=kuancheng").text
    assert clerk.post("/reminders/seen").headers["location"] == "/ledger"
    assert "7 天内到期" not in clerk.get("/ledger").text
