"""A real run: a cloud on PostgreSQL, hubs, and orders on both sides while the lines between them are cut."""
