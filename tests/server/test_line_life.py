"""The life of a line through the API: each step with what it needs, and what is refused by which word."""

from datetime import UTC, date, datetime
from typing import Any

import httpx
import pytest
from msgspec.structs import replace
from sqlalchemy import select, update

from stillcold_core.life import SEALED
from stillcold_core.registry import Registry
from stillcold_server.registry.deadlines import remind
from stillcold_server.registry.documents import forget_loose
from stillcold_server.registry.ledger import export_registry, import_registry, registry_revision
from stillcold_server.registry.life import STEPS
from stillcold_server.store.database import read, write
from stillcold_server.store.schema import line as line_table
from stillcold_server.store.schema import point as point_table
from stillcold_server.store.schema import reminder, statement, verification
from support.story import NOW
from support.web import API, Web, get, problem

PAPER = b"%PDF-1.7 notice"
PHOTO = b"\xff\xd8\xff photograph"
TODAY = "2027-01-15"
POWER = "f1:p1:restart.power:20270115T080100.000Z"


class Desk:
    """A bureau and an inspector with their papers."""

    def __init__(self, web: Web) -> None:
        self.web = web
        self.bureau, self.inspector = web.program("bureau_energy"), web.program("inspector")
        self.paper, self.photo = (self.stored(content) for content in (PAPER, PHOTO))

    def stored(self, content: bytes) -> str:
        """A document that is kept."""
        answer = self.inspector.post(f"{API}/documents", files={"file": ("公告.pdf", content)})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["sha256"])

    def take(self, step: str, line: str = "mill", *, on: str = TODAY, **given: Any) -> httpx.Response:
        """A step with all of its documents."""
        who = self.inspector if STEPS[step].right == "verify" else self.bureau
        body = {"on": on, "documents": dict.fromkeys(STEPS[step].documents, self.paper)} | given
        return who.post(f"{API}/lines/{line}/steps/{step}", json=body)

    def done(self, step: str, line: str = "mill", **given: Any) -> dict[str, Any]:
        """A step that must be taken."""
        answer = self.take(step, line, **given)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def refused(self, step: str, line: str = "mill", **given: Any) -> str:
        """The word of a step that must not be."""
        status, word, _ = problem(self.take(step, line, **given))
        assert status in (404, 409), word
        return word


@pytest.fixture
def desk(web: Web) -> Desk:
    return Desk(web)


def day(text: str) -> int:
    """ms of a day's noon in Beijing."""
    return round(datetime.fromisoformat(f"{text}T12:00:00+08:00").timestamp() * 1000)


def verified(web: Web, line: str, begin: int, result: str = "passed") -> None:
    """An observation that was decided, with its certificate."""
    number, begun = f"{line}-{begin}", {"line": line, "from_at": begin, "to_at": begin + 1}
    with write(web.engine) as connection:
        made = {
            "id": number,
            "kind": "sealing",
            "version": 1,
            "result": result,
            "made_at": begin,
            "digest": "",
            "note": "",
        }
        connection.execute(statement.insert(), begun | made)
        done = {"behind_cut": [], "started_by": "", "state": "decided", "closed_by": "", "statement": number}
        connection.execute(verification.insert(), begun | done)


@pytest.mark.requirement("ledger.life")
def test_a_line_goes_from_its_identification_to_its_dismantling(desk: Desk) -> None:
    """By the steps; detection hears that it is sealed; every step and every field that it changed is written down."""
    desk.done("identify", on="2027-01-09", standards={"energy": "发改局", "quality": "质监局"})
    assert desk.refused("begin_rectifying", on="2027-01-08") == "too_early"
    found = desk.done("begin_rectifying", on="2027-01-10")
    assert [(x["standard"], x["rectify_by"]) for x in found["identifications"]] == [
        ("energy", "2027-07-10"), ("quality", "2027-07-10"),
    ]  # fmt: skip
    assert desk.refused("extend", standard="quality", until="2027-08-10") == "no_extension"
    assert desk.refused("extend", standard="energy", until="2027-10-11") == "over_extension"
    desk.done("extend", standard="energy", until="2027-10-10")
    assert desk.refused("extend", standard="energy", until="2027-10-10") == "already_extended"
    order: dict[str, Any] = {"measures": ["power_cut", "sealed"], "dismantle_by": "2028-06-30"}
    assert desk.refused("order", **order) == "term_runs"
    (due,) = get(desk.bureau, "/deadlines", within=200)
    assert (due["kind"], due["subject"], due["left"]) == ("rectification", "mill quality", 176)
    desk.web.clock.now = day("2027-10-11")
    for user in (desk.bureau, desk.inspector):
        name = "bureau_energy" if user is desk.bureau else "inspector"
        user.headers["Authorization"] = f"Bearer {desk.web.token(name)}"
    on: dict[str, Any] = {"on": "2027-10-11"}
    assert desk.refused("order", **on) == "no_measures"
    assert desk.refused("order", **on, measures=["sealed"], dismantle_by="2027-10-11") == "no_deadline"
    desk.done("order", **on, **order)
    verified(desk.web, "mill", day("2027-10-10"))
    paper = {"cut_off_certificate": desk.paper}
    assert desk.refused("verify_cut_off", **on, documents=paper) == "no_certificate"
    verified(desk.web, "mill", day("2027-10-11"))
    desk.done("verify_cut_off", **on)
    verified(desk.web, "mill", day("2027-10-11") + 1, "failed")
    assert desk.refused("seal", **on) == "no_certificate", "it was live again after it was verified"
    verified(desk.web, "mill", day("2027-10-11") + 2)
    assert desk.refused("seal", **on) == "no_seal"
    seal = {
        "id": "220-7",
        "place": "炉体",
        "applied_at": "2027-10-11T03:00:00Z",
        "applied_by": "王",
        "photo": desk.photo,
    }
    assert desk.inspector.post(f"{API}/lines/mill/seals", json=seal).status_code == 201
    with read(desk.web.engine) as connection:
        before = registry_revision(connection)
    ledger = desk.done("seal", **on, note="现场封存")
    with read(desk.web.engine) as connection:
        line = next(x for x in export_registry(connection).line if x.id == "mill")
        assert registry_revision(connection) > before
    assert (line.state, line.stage, line.sealed_at) == ("sealed", None, datetime(2027, 10, 11, 4, tzinfo=UTC))
    assert ledger["stage"] == "sealed"
    for file, wrong in (
        (("line.csv", "id,measures,dismantle_by\nmill,power_cut,2029-01-01\n"), ["measures", "dismantle_by"]),
        (("identification.csv", "line,standard,extended_to\nmill,energy,\n"), ["extended_to"]),
        (
            (
                "identification.csv",
                "line,standard,bureau,identified_on,rectify_by\nmill,safety,x,2027-01-09,2030-01-09\n",
            ),
            ["identified_on", "rectify_by"],
        ),
        (("permit.csv", "line,from,to,reason,approved_by\nmill,2027-10-12,2027-10-13,试车,张\n"), ["line"]),
    ):
        answer = desk.bureau.post(f"{API}/registry", files={"file": (file[0], file[1].encode())}).json()
        assert [e["column"] for e in answer["errors"]] == wrong, "what a step sets, and a permit, come by no file"
    desk.done("dismantle", **on)
    ledger = get(desk.bureau, "/lines/mill/ledger")
    assert (ledger["stage"], ledger["next"]) == ("dismantled", ["report_restart"])
    steps = ["dismantle", "seal", "verify_cut_off", "order", "extend", "begin_rectifying", "identify"]
    assert [s["step"] for s in ledger["steps"]] == steps
    assert (ledger["steps"][1]["actor"], ledger["steps"][1]["note"]) == ("inspector", "现场封存")
    assert {d["role"] for d in ledger["documents"]} >= {"identification", "order", "promise", "notice"}
    history = get(desk.bureau, "/lines/mill/history")
    changed = [(h["field"], h["before"], h["after"]) for h in history if h["kind"] == "line" and h["cause"] == "step"]
    assert ("state", "permitted", "sealed") in changed
    assert ("stage", "ordered", "verified") in changed


@pytest.mark.requirement("ledger.life.refused")
def test_paper_is_no_certificate_where_an_observation_has_failed(desk: Desk) -> None:
    """Of a line without an electricity meter: its breaker was seen closed."""
    with write(desk.web.engine) as connection:
        connection.execute(update(point_table).where(point_table.c.line == "mill").values(role="contacts"))
    desk.done("identify", standards={"energy": "发改局"})
    desk.done("order", measures=["power_cut"], dismantle_by="2028-06-30")
    begin, paper = day(TODAY), {"cut_off_certificate": desk.paper}
    verified(desk.web, "mill", begin, "failed")
    assert desk.refused("verify_cut_off", documents=paper) == "no_certificate"
    verified(desk.web, "mill", begin + 1, "incomplete")
    desk.done("verify_cut_off", documents=paper)
    verified(desk.web, "mill", begin + 2, "failed")
    assert desk.refused("seal") == "no_certificate"
    verified(desk.web, "mill", begin + 3, "incomplete")
    desk.done("seal")


@pytest.mark.requirement("ledger.life.refused")
def test_each_refusal_says_why_by_a_word_and_changes_nothing(desk: Desk) -> None:
    """Stage, documents, dates, and who may."""
    assert desk.refused("seal") == "wrong_stage"
    assert desk.refused("identify", "nothing", standards={"energy": "x"}) == "unknown_line"
    assert desk.refused("identify") == "no_standard"
    assert desk.refused("identify", on="2027-01-16", standards={"energy": "x"}) == "in_future"
    assert desk.refused("identify", documents={}, standards={"energy": "x"}) == "missing_document"
    assert (
        desk.refused("identify", documents={"identification": "0" * 64}, standards={"energy": "x"})
        == "unknown_document"
    )
    assert problem(desk.bureau.post(f"{API}/lines/mill/steps/melt", json={"on": TODAY}))[:2] == (404, "not_found")
    by_inspector = desk.inspector.post(f"{API}/lines/mill/steps/identify", json={"on": TODAY})
    assert problem(by_inspector)[:2] == (403, "role")
    assert get(desk.bureau, "/lines/mill/ledger")["steps"] == []
    assert desk.refused("dismantle", "f1", on="2027-02-01") == "in_future"


@pytest.mark.requirement("ledger.life.restart")
def test_a_restart_leads_to_a_case_and_the_line_stays_watched(restarted: Web) -> None:
    """By the alert or by an inspection; what was none goes back."""
    desk = Desk(restarted)
    assert desk.refused("report_restart", "f1", ground="f1:p1:restart.power:2026") == "no_ground"
    desk.done("report_restart", "f1", ground=POWER)
    desk.done("clear_restart", "f1")
    desk.done("report_restart", "f1", documents={"inspection_record": desk.paper})
    assert desk.refused("open_case", "f1") == "no_ground"
    desk.done("open_case", "f1", ground="长宽发改立〔2027〕3号")
    with read(restarted.engine) as connection:
        assert connection.scalar(select(line_table.c.state).where(line_table.c.id == "f1")) == "sealed"
    assert get(desk.bureau, "/lines/f1/ledger")["next"] == ["seal_again", "dismantle", "withdraw"]
    desk.done("withdraw", "f1")
    with read(restarted.engine) as connection:
        assert connection.scalar(select(line_table.c.state).where(line_table.c.id == "f1")) == "permitted"


def test_a_stage_and_what_detection_reads_go_together() -> None:
    """Every step ends in one stage; from every stage but the last something leads on."""
    stages = {step.after for step in STEPS.values()}
    assert stages >= SEALED
    assert {before for step in STEPS.values() for before in step.before} >= stages - {"withdrawn"}


@pytest.mark.requirement("ledger.seals")
def test_a_seal_is_entered_once_and_ends_once(desk: Desk) -> None:
    """Broken, or replaced by another one of the line."""
    seal = {"id": "s-1", "place": "柜门", "applied_at": "2027-01-01T00:00:00Z", "applied_by": "王"}
    path = f"{API}/lines/f1/seals"
    assert problem(desk.inspector.post(path, json=seal | {"photo": "1" * 64}))[1] == "unknown_document"
    assert problem(desk.inspector.post(path, json=seal | {"applied_at": "2027-02-01T00:00:00Z"}))[1] == "in_future"
    assert desk.inspector.post(path, json=seal).status_code == 201
    assert problem(desk.inspector.post(path, json=seal))[1] == "known_seal"
    assert problem(desk.bureau.post(path, json=seal))[1] == "role"
    end = {"state": "replaced", "at": "2027-01-02T00:00:00Z", "by": "李", "replaced_by": "s-2"}
    assert problem(desk.inspector.post(f"{API}/seals/s-1/end", json=end))[1] == "no_replacement"
    assert desk.inspector.post(path, json=seal | {"id": "s-2"}).status_code == 201
    assert desk.inspector.post(f"{API}/seals/s-1/end", json=end).status_code == 204
    assert problem(desk.inspector.post(f"{API}/seals/s-1/end", json=end))[1] == "ended"
    broken = {"state": "broken", "at": "2027-01-03T00:00:00Z", "by": "李", "note": "封条断裂"}
    assert desk.inspector.post(f"{API}/seals/s-2/end", json=broken).status_code == 204
    seals = get(desk.bureau, "/lines/f1/ledger")["seals"]
    assert [(s["id"], s["state"], s["replaced_by"]) for s in seals] == [
        ("s-1", "replaced", "s-2"),
        ("s-2", "broken", None),
    ]


@pytest.mark.requirement("ledger.documents")
def test_a_document_is_what_its_bytes_say_and_comes_back_as_a_file(desk: Desk) -> None:
    """No page of ours is made of it; what became part of nothing is forgotten."""
    for content, word in ((b"", "empty"), (b"<html>", "media_type"), (PAPER + bytes(8 << 20), "too_large")):
        answer = desk.inspector.post(f"{API}/documents", files={"file": ("a.pdf", content)})
        assert problem(answer)[:2] == (422, word)
    answer = desk.bureau.get(f"{API}/documents/{desk.paper}")
    assert (answer.content, answer.headers["content-type"]) == (PAPER, "application/pdf")
    assert answer.headers["content-disposition"] == "attachment; filename*=UTF-8''%E5%85%AC%E5%91%8A.pdf"
    assert answer.headers["x-content-type-options"] == "nosniff"
    desk.done("identify", standards={"energy": "发改局"})
    with write(desk.web.engine) as connection:
        assert forget_loose(connection, NOW) == 0
        assert forget_loose(connection, NOW + 1) == 1
    assert desk.bureau.get(f"{API}/documents/{desk.paper}").status_code == 200
    assert problem(desk.bureau.get(f"{API}/documents/{desk.photo}"))[0] == 404


@pytest.fixture
def lead(desk: Desk) -> httpx.Client:
    return desk.web.program("district_lead")


@pytest.mark.requirement("ledger.permits")
def test_an_activity_counts_once_somebody_else_has_approved_it(desk: Desk, lead: httpx.Client) -> None:
    """And no longer when it is withdrawn; a refused one may be reported again."""
    activity = {"from": "2027-01-15T00:00:00Z", "to": "2027-01-20T00:00:00Z", "reason": "消防泵试验"}
    path, report = f"{API}/permits", f"{API}/lines/f1/permits"

    def known() -> list[str]:
        with read(desk.web.engine) as connection:
            return [p.reason for p in export_registry(connection).permit]

    assert problem(desk.bureau.post(report, json=activity | {"to": "2027-01-14T00:00:00Z"}))[1] == "period"
    number = desk.bureau.post(report, json=activity).json()["id"]
    assert problem(desk.bureau.post(report, json=activity))[1] == "known_permit"
    assert known() == ["拆除"]
    assert problem(desk.bureau.post(f"{path}/{number}/approve", json={}))[:2] == (409, "own_request")
    assert lead.post(f"{path}/{number}/refuse", json={"note": "缺材料"}).status_code == 204
    assert problem(lead.post(f"{path}/{number}/approve", json={}))[1] == "decided"
    assert desk.bureau.post(report, json=activity).json()["id"] == number
    assert lead.post(f"{path}/{number}/approve", json={}).status_code == 204
    assert known() == ["拆除", "消防泵试验"]
    assert lead.post(f"{path}/{number}/withdraw", json={}).status_code == 204
    (ended,) = get(lead, "/permits", line="f1", state="approved")[1:]
    assert (ended["to"], ended["decided_by"]) == ("2027-01-15T08:03:39.500Z", "district_lead")
    assert problem(lead.post(f"{path}/{number}/withdraw", json={}))[1] == "permit_over"


@pytest.mark.requirement("ledger.import")
def test_files_are_imported_and_exported_by_the_api(desk: Desk) -> None:
    """A dry run does nothing; what is wrong is listed; only keepers may."""
    file = {"file": ("line.csv", "id,name\nf1,=新名\n".encode())}
    shown = desk.bureau.post(f"{API}/registry", params={"dry_run": True}, files=file).json()
    assert (shown["done"], shown["errors"], [c["after"] for c in shown["changes"]]) == (False, [], ["=新名"])
    assert desk.bureau.post(f"{API}/registry", files=file).json()["done"]
    assert "f1,kc-017,'=新名" in desk.bureau.get(f"{API}/registry/line.csv").content.decode("utf-8-sig")
    bad = desk.bureau.post(f"{API}/registry", files={"file": ("line.csv", b"id,state\nf1,off\n")}).json()
    expected = {"source": "line.csv", "row": 2, "column": "state", "value": "off"}
    assert bad["errors"] == [expected | {"expected": "expected one of permitted, sealed"}]
    assert problem(desk.inspector.post(f"{API}/registry", files=file))[1] == "role"
    assert problem(desk.bureau.get(f"{API}/registry/other.csv"))[:2] == (422, "invalid")
    assert desk.bureau.get(f"{API}/registry/registry.toml").text.startswith("[[site]]")


@pytest.mark.requirement("ledger.deadlines")
def test_deadlines_are_listed_the_most_urgent_first(desk: Desk) -> None:
    """Of dismantling and calibration; a line that is dismantled waits for nothing."""
    with write(desk.web.engine) as connection:
        line = export_registry(connection).line[0]
        import_registry(connection, Registry(line=(replace(line, dismantle_by=date(2027, 1, 29)),)))
    csv = b"id,point,certificate,expires\nm-1,p1,JL-1,2027-01-10\nm-2,p2,JL-2,2028-01-01\n"
    assert desk.bureau.post(f"{API}/registry", files={"file": ("meter.csv", csv)}).json()["done"]
    found = [(d["kind"], d["subject"], d["left"]) for d in get(desk.bureau, "/deadlines", within=30)]
    assert found == [("calibration", "m-1", -5), ("dismantling", "f1", 14)]


@pytest.mark.requirement("ledger.reminders")
def test_each_reminder_is_told_once_and_what_was_missed_is_told_by_the_nearest(desk: Desk) -> None:
    """30, 14, 7 and 1 days before, and when it is over; a deadline that moves begins again."""

    def move(due: date) -> None:
        with write(desk.web.engine) as connection:
            line = export_registry(connection).line[0]
            import_registry(connection, Registry(line=(replace(line, dismantle_by=due),)))

    def told(on: str) -> list[int]:
        with write(desk.web.engine) as connection:
            remind(connection, day(on))
            assert remind(connection, day(on)) == 0
        shown = [r["days"] for r in get(desk.bureau, "/reminders")]
        desk.bureau.post(f"{API}/reminders/seen")
        return shown

    move(date(2027, 6, 30))
    days = ["2027-05-30", "2027-05-31", "2027-06-20", "2027-06-29", "2027-06-30", "2027-07-01", "2027-07-09"]
    assert [told(d) for d in days] == [[], [30], [14], [1], [], [0], []]
    move(date(2027, 7, 20))
    assert told("2027-07-10") == [14]
    with read(desk.web.engine) as connection:
        rows = connection.execute(select(reminder.c.seen_by)).scalars().all()
    assert set(rows) == {"bureau_energy"}
