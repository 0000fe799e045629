"""The stages, one for each kind of bus."""

from collections.abc import AsyncIterator

import pytest

from tests.bus.stage import LocalStage, RocketMQStage, Stage


@pytest.fixture(params=["local", "rocketmq"])
async def stage(request: pytest.FixtureRequest) -> AsyncIterator[Stage]:
    """Each kind in turn."""
    made = LocalStage() if request.param == "local" else RocketMQStage(request.getfixturevalue("rocketmq_server"))
    yield made
    await made.close()


@pytest.fixture
async def rocketmq_stage(rocketmq_server: str) -> AsyncIterator[RocketMQStage]:
    """RocketMQ alone."""
    made = RocketMQStage(rocketmq_server)
    yield made
    await made.close()
