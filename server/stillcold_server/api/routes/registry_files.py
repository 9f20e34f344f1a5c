"""The ledger as files, in and out."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, UploadFile
from fastapi.responses import Response

from stillcold_server.api.guard import Caller, Keeper, Watcher
from stillcold_server.api.keeping import keeping
from stillcold_server.api.models.ledger import Import
from stillcold_server.api.problems import Problem
from stillcold_server.api.read.ledger import cell_error, planned
from stillcold_server.api.routes.line_ledger import UPLOAD, attachment, name_of
from stillcold_server.api.services import Served, Services
from stillcold_server.api.uploads import UploadRoute
from stillcold_server.registry.files import read_file, write_form
from stillcold_server.registry.ledger import export_registry
from stillcold_server.registry.plan import carry_out, make_plan
from stillcold_server.registry.sheets import MOST_BYTES, Sheets
from stillcold_server.store.database import read

router = APIRouter(tags=["ledger"], route_class=UploadRoute)
FileInPath = Annotated[str, Path(pattern=r"^[a-z_]{1,40}\.(toml|xlsx|csv)$")]
_TYPES = {
    "toml": "application/toml", "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}  # fmt: skip


@router.get("/registry/{name}", response_class=Response)
def export(services: Served, _: Watcher, name: FileInPath) -> Response:
    """The ledger as ``registry.toml``, ``ledger.xlsx``, or one table as ``line.csv``."""
    with read(services.engine) as connection:
        known = export_registry(connection)
    try:
        return attachment(write_form(known, name), _TYPES[name.rpartition(".")[2]], name)
    except ValueError as error:
        raise Problem(422, "invalid", str(error), field="name") from error


@router.post("/registry", max_body_size=UPLOAD)
def import_files(services: Served, who: Keeper, file: UploadFile, dry_run: Annotated[bool, Query()] = False) -> Import:
    """Import a TOML, CSV or Excel file: all of it, or nothing where one cell is wrong.

    ``dry_run``: say what would change, and change nothing.
    """
    return take_in(services, who, name_of(file), file.file.read(MOST_BYTES + 1), dry_run=dry_run)


def take_in(services: Services, who: Caller, name: str, content: bytes, *, dry_run: bool) -> Import:
    """Import a file, or say what that would do."""
    sheets = Sheets()
    read_file(sheets, name, content)
    action = "registry.preview" if dry_run else "registry.import"
    with keeping(services, who, action, name, cause="import") as (connection, author):
        plan = make_plan(connection, sheets, approving=False)
        done = not plan.errors and not dry_run
        if done:
            carry_out(connection, plan, author)
    return Import(done=done, errors=[cell_error(e) for e in plan.errors], changes=planned(plan.changes, who.name))
