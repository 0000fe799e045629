"""The book of rules: pure decisions over values.

Architecture invariant: the core knows no clock, no random, no I/O and no framework. Instants, loaded rows and the
catalogue are handed in; what comes out is an outcome and the rows that changed. `msgspec.Struct` is used as a fast
frozen record and nothing else.

Units: quantities are integers of thousandths of a portion, instants are integers of milliseconds since 1970 in UTC.
"""
