"""A server's configuration for a test's database."""

from sqlalchemy import Engine


def database_line(engine: Engine) -> str:
    """The line that names a database, whichever kind it is."""
    return f'database = "{engine.url.render_as_string(hide_password=False)}"\n'
