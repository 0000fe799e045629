"""The steps from an empty database to today's schema, as Alembic runs them. `storage.migrate` is the way in."""
