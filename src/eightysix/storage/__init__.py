"""What a database must do, said once (`port`), and the three databases that do it.

SQL and dialects live here only. Nothing here decides anything: rows in, rows out, guards checked.
"""
