"""What a database says of its own tables: columns, types, defaults, collations, keys, CHECKs, table options."""

import re

from sqlalchemy import Connection, text

_POSTGRES = (
    """SELECT c.table_name, c.column_name, c.data_type, c.character_maximum_length, c.numeric_precision,
              c.numeric_scale, c.is_nullable, c.column_default, c.collation_name
       FROM information_schema.columns c WHERE c.table_schema = 'public'""",
    """SELECT conrelid::regclass::text, contype::text, CASE contype WHEN 'c' THEN conname ELSE '' END,
              pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = 'public'::regnamespace""",
    """SELECT relname, array_to_string(reloptions, ',') FROM pg_class
       WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace""",
    "SELECT tablename, indexdef FROM pg_indexes WHERE schemaname = 'public'",
)


def fingerprint(connection: Connection) -> dict[str, list[str]]:
    """Sorted facts by table; equal for two databases exactly when their tables are."""
    facts: dict[str, list[str]] = {}
    if connection.dialect.name == "postgresql":
        for query in _POSTGRES:
            for table, *fact in connection.execute(text(query)):
                facts.setdefault(table, []).append(repr(fact))
    elif connection.dialect.name == "mysql":
        for (table,) in connection.execute(text("SHOW TABLES")).all():
            made = connection.execute(text(f"SHOW CREATE TABLE `{table}`")).one()[1]
            facts[table] = _lines(made)
    else:
        made_tables = connection.execute(text("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL"))
        for table, made in made_tables.all():
            facts[table] = _lines(made)
    facts.pop("alembic_version", None)
    return {table: sorted(found) for table, found in facts.items()}


def _lines(made: str) -> list[str]:
    """A CREATE TABLE's lines, whatever order its columns and constraints were written in. SQLite puts columns that were
    added later into one line."""
    lines = [re.sub(r"\s+", " ", line).strip().rstrip(",") for line in made.splitlines() if line.strip()]
    return [part for line in lines for part in re.split(r", (?=[a-z_]+ [A-Z])", line)]
