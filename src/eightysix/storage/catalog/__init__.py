"""The configuration tables: brands, stores, channels, items, keys. Rows in, rows out; the rules live in `catalog/`.

Every write takes the next `catalog_version` under the lock of the one head row, so versions are committed in order and
whoever has read up to version n finds everything newer by `catalog_version > n`. A deletion is a row marked `deleted`.
"""

from .connect import connect
from .rows import CatalogRows, CatalogWrite, Row

__all__ = ["CatalogRows", "CatalogWrite", "Row", "connect"]
