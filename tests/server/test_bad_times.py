"""Times, names and workbooks that no form of ours would send."""

import io
import struct
import zipfile

import pytest
from openpyxl import Workbook

from stillcold_server.registry.files import read_file
from stillcold_server.registry.sheets import Sheets
from support.web import API, Web, problem

SEAL = {"id": "220-9", "place": "柜门", "applied_at": "2027-01-15T00:00:00Z", "applied_by": "王"}


@pytest.mark.requirement("api.bad-input")
@pytest.mark.parametrize("time", [10**30, -(10**15), "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
def test_a_time_that_no_clock_shows_is_refused(web: Web, time: object) -> None:
    """As a number too, which JSON lets through."""
    inspector = web.program("inspector")
    refused = inspector.post(f"{API}/lines/f1/seals", json=SEAL | {"applied_at": time})
    assert problem(refused) == (422, "invalid", "applied_at")


@pytest.mark.requirement("api.bad-input")
def test_forms_with_what_no_page_offers_are_refused(web: Web) -> None:
    lead, inspector = web.browser("district_lead", "lead"), web.browser("inspector")
    permit = {"start": "2027-01-16T08:00", "end": "2027-01-16T12:00", "reason": "a\x01b"}
    assert lead.post("/lines/f1/permits", data=permit).status_code == 422
    assert lead.post("/lines/f1/permits", data=permit | {"reason": "x", "start": "0001-01-01T00:00"}).status_code == 422
    many = {"minutes": "30", "behind_cut": [f"p{i}" for i in range(101)]}
    assert inspector.post("/lines/f1/verification", data=many).status_code == 422
    one = {"name": "n", "day_starts": "08:00", "turn_days": "1", "anchor": "2027-01-01", "shift": "日"}
    shift = {"starts": "08:00", "ends": "08:00", "days": "all", "first": "", "second": ""}
    assert lead.post("/duty/rosters", data={"id": "a/b", **one, **shift}).status_code == 422


@pytest.mark.requirement("ledger.files.hostile")
def test_cells_that_no_database_and_no_clock_takes_are_named(web: Web) -> None:
    clerk = web.program("bureau_energy")
    for column, cell in (("name", "a\0b"), ("sealed_at", "0001-01-01 00:00"), ("sealed_at", "9999-12-31T23:59:59Z")):
        file = {"file": ("line.csv", f"id,{column}\nf1,{cell}\n".encode())}
        (error,) = clerk.post(f"{API}/registry", files=file).json()["errors"]
        assert (error["row"], error["column"]) == (2, column)


@pytest.mark.requirement("ledger.files.hostile")
@pytest.mark.parametrize("spoil", ["encrypted", "method", "content"])
def test_a_workbook_that_cannot_be_unpacked_is_said(spoil: str) -> None:
    book, out = Workbook(), io.BytesIO()
    book.create_sheet("line", 0)
    book.save(out)
    content = bytearray(out.getvalue())
    for part in zipfile.ZipFile(out).infolist():
        if spoil == "content":
            content[part.header_offset + 30 + len(part.filename) + 1] ^= 0xFF
    at = content.find(b"PK\x01\x02")
    while at >= 0 and spoil != "content":
        offset, value = (8, 1) if spoil == "encrypted" else (10, 97)
        struct.pack_into("<H", content, at + offset, value)
        at = content.find(b"PK\x01\x02", at + 4)
    sheets = Sheets()
    read_file(sheets, "a.xlsx", bytes(content))
    (error,) = sheets.errors
    assert error.expected.startswith("expected an Excel workbook")
