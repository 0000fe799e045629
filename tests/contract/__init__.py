"""One suite for every database: what `eightysix.storage.port` promises.

Real differences are declared in `Capabilities`, which the tests read. A database's own query plans are judged in
`test_plans_<database>.py`. Every test works on stores of its own, so nothing is ever cleaned away between tests.
"""
