"""The registry in the database."""

import msgspec
from sqlalchemy import Engine

from stillcold_core.registry import Registry
from stillcold_server.registry.ledger import export_registry, import_registry
from stillcold_server.store.database import read, write


def test_what_is_imported_is_exported(engine: Engine, plant: Registry) -> None:
    with read(engine) as connection:
        assert export_registry(connection) == plant


def test_importing_again_changes_what_changed_and_doubles_nothing(engine: Engine, plant: Registry) -> None:
    changed = msgspec.structs.replace(plant, site=(msgspec.structs.replace(plant.site[0], name="新名"),))
    with write(engine) as connection:
        import_registry(connection, changed)
        assert export_registry(connection) == changed
