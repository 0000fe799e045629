"""Run by Alembic: hands it the connection that `storage.migrate` has opened and locked."""

from alembic import context

from eightysix.storage.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
