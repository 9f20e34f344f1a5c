"""Alembic's entry: runs the migrations on the connection that :mod:`stillcold_server.store.migrate` hands over."""

from alembic import context

from stillcold_server.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    transactional_ddl=False,  # the caller's transaction is the transaction
)
context.run_migrations()
