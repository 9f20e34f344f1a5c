"""A statement on paper: one sheet as PDF, with a code that leads to its check page."""

from datetime import UTC, datetime

import segno
from fpdf import FPDF
from fpdf.enums import TableCellFillMode
from fpdf.fonts import FontFace
from pylopdf_fonts_zh_cn import sans_path

from stillcold_server.language.texts import Texts
from stillcold_server.verification.sheet import Sheet, Table

_FONT = "Noto Sans SC"  # SIL Open Font License 1.1; what is used of it is put into the file
_QR = 30.0  # mm


def draw(sheet: Sheet, address: str, made_at: int, texts: Texts) -> bytes:
    """The PDF of a sheet.

    Parameters
    ----------
    address : str
        Where it can be checked.
    made_at : int
        ms; when the statement was made. The paper of one statement is the same at any time.
    """
    pdf = FPDF(format="A4")
    pdf.set_creation_date(datetime.fromtimestamp(made_at / 1000, UTC))
    pdf.set_title(sheet.title)
    pdf.set_lang("zh-CN" if texts.language == "zh" else "en")
    pdf.add_font(_FONT, fname=sans_path())
    pdf.set_margins(16, 14)
    pdf.set_auto_page_break(True, 14)
    pdf.add_page()
    _head(pdf, sheet, address, texts)
    for table in sheet.tables:
        _table(pdf, table)
    pdf.ln(2)
    for said in sheet.foot:
        _write(pdf, said, 8)
    return bytes(pdf.output())


def _head(pdf: FPDF, sheet: Sheet, address: str, texts: Texts) -> None:
    top, width = pdf.get_y(), pdf.epw - _QR - 4
    _write(pdf, sheet.title, 18, width=width)
    _write(pdf, sheet.verdict, 12, width=width)
    pdf.ln(1)
    for name, value in sheet.facts:
        _write(pdf, f"{name}  {value}", 9, width=width)
    below = pdf.get_y()
    left = pdf.w - pdf.r_margin - _QR
    _code(pdf, address, left, top)
    pdf.set_xy(left, top + _QR + 1)
    pdf.set_font(_FONT, size=7)
    pdf.multi_cell(_QR, 3.5, texts("paper.check"), align="C")
    pdf.set_xy(pdf.l_margin, max(below, pdf.get_y()))
    _write(pdf, address, 7)


def _code(pdf: FPDF, address: str, left: float, top: float) -> None:
    """The QR code as squares, which print at any size; the paper around is its quiet zone."""
    rows = [list(row) for row in segno.make(address, error="m").matrix]
    step = _QR / len(rows)
    pdf.set_fill_color(0)
    for y, row in enumerate(rows):
        for x, dark in enumerate(row):
            if dark:
                pdf.rect(left + x * step, top + y * step, step * 1.02, step * 1.02, style="F")


def _table(pdf: FPDF, table: Table) -> None:
    pdf.ln(2)
    _write(pdf, table.title, 11)
    pdf.set_font(_FONT, size=7.5)
    shade = FontFace(emphasis=None, fill_color=235)
    with pdf.table(
        line_height=4, padding=0.8, headings_style=shade, cell_fill_mode=TableCellFillMode.NONE,
        col_widths=_widths(table), text_align="LEFT",
    ) as drawn:  # fmt: skip
        for cells in (table.head, *table.rows):
            row = drawn.row()
            for cell in cells:
                row.cell(cell)


def _widths(table: Table) -> tuple[int, ...]:
    """By the longest text of each column, within bounds."""
    columns = zip(table.head, *table.rows, strict=True)
    return tuple(min(max(8, *(_length(cell) for cell in column)), 26) for column in columns)


def _length(text: str) -> int:
    return sum(2 if ord(c) > 0x2E80 else 1 for c in text)


def _write(pdf: FPDF, text: str, size: float, width: float = 0) -> None:
    pdf.set_font(_FONT, size=size)
    pdf.multi_cell(width, size * 0.5, text, align="L", new_x="LMARGIN", new_y="NEXT")
