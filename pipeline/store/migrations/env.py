"""Alembic's entry: runs the migrations on the connection that ``pipeline.store.schema`` hands over."""

from alembic import context

from pipeline.store.schema import COMPARE, is_ours

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=context.config.attributes["metadata"],
    include_object=is_ours,
    **COMPARE,
)
with context.begin_transaction():
    context.run_migrations()
