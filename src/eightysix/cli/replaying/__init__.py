"""Replaying an order history: reading it as it comes, cleaning it, sending it through HTTP, reporting.

Pure: `columns moments cleaning account menu timeline`. With the outside: `table` (files), `upload`, `sending`.
"""
