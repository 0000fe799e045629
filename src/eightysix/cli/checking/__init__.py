"""Auditing a whole database and telling what is wrong in a sentence. The rules themselves are the core's."""
