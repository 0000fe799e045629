"""Migrations: up from nothing, in agreement with the schema, safe when several processes try at once."""
