"""How the tests' proxy spreads its tables, as deploy/shardingsphere says it."""

PHYSICAL_DATABASES = ("eightysix_0", "eightysix_1")
TABLE_SUFFIXES = ("_0", "_1", "_2", "_3")
