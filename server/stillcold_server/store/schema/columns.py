"""What every table is made of."""

from sqlalchemy import BigInteger, Column, Integer, MetaData, String

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)
ROW_ID = BigInteger().with_variant(Integer, "sqlite")
"""Only INTEGER PRIMARY KEY counts up by itself in SQLite."""


def text(name: str, *, nullable: bool = False, primary_key: bool = False) -> Column[str]:
    """A column of text."""
    return Column(name, String, nullable=nullable, primary_key=primary_key)


def time(name: str, *, nullable: bool = False) -> Column[int]:
    """A column of a time, in ms."""
    return Column(name, BigInteger, nullable=nullable)
