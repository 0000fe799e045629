"""What all tests share: the servers' fixtures and the sizes of property tests."""

from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.servers.fixtures"]

# Rules decide what a test does, never how long one example may take on a busy machine.
_SHORT = settings(
    deadline=None,
    max_examples=100,
    stateful_step_count=50,
    suppress_health_check=(HealthCheck.too_slow, HealthCheck.data_too_large),
)
settings.register_profile("test", _SHORT)
# 4,000 runs of 50 steps: 200,000 commands for each state machine; `make sim` chooses it.
settings.register_profile("nightly", _SHORT, max_examples=4_000, print_blob=True)
settings.load_profile("test")
