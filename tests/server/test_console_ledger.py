"""The ledger's pages, used as plain forms."""

import re

import pytest

from stillcold_server.registry.deadlines import remind
from stillcold_server.store.database import write
from support.story import NOW
from support.web import Web

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
    assert "expected one of permitted, sealed" in bad.text
    assert "&lt;i&gt;" in bad.text
    with write(web.engine) as connection:
        assert remind(connection, NOW) == 1
    assert "7 天内到期" in clerk.get("/ledger?district=kuancheng").text
    assert clerk.post("/reminders/seen").headers["location"] == "/ledger"
    assert "7 天内到期" not in clerk.get("/ledger").text
    assert "须为以下之一：permitted, sealed" in bad.text
    clerk.cookies.set("stillcold_language", "en")
    bad = clerk.post("/ledger/import", files={"file": ("line.csv", b"id,state\nf1,off\n")})
