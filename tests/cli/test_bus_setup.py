"""`eightysix bus-setup`, on a real RocketMQ."""

import pytest
from typer.testing import CliRunner

from eightysix.cli import build
from tests.servers.server import free_port


def test_it_makes_the_topics_on_rocketmq_and_may_be_run_again(rocketmq_server: str) -> None:
    for _ in range(2):
        done = CliRunner().invoke(build(), ["bus-setup", "--bus", rocketmq_server])
        assert done.exit_code == 0
        assert done.output == "Topics: poi_stock, order_events, order_stock, grant_recalls, stock_timers.\n"


def test_without_a_bus_there_is_nothing_to_do() -> None:
    assert CliRunner().invoke(build(), ["bus-setup"]).exit_code == 0


def test_a_server_that_isn_t_there_is_said_so() -> None:
    url = f"rocketmq://127.0.0.1:1;127.0.0.1:{free_port()}"
    done = CliRunner().invoke(build(), ["bus-setup", "--bus", url])
    assert done.exit_code == 2
    assert "The message bus can't be reached" in done.output


@pytest.mark.parametrize(
    "url",
    [
        "kafka://127.0.0.1:9092",
        "rocketmq://",
        "rocketmq://127.0.0.1",
        "rocketmq://127.0.0.1:81/topic",
        "rocketmq://127.0.0.1:81?a=b",
        "nonsense",
    ],
)
def test_an_address_that_names_no_bus_is_said_so(url: str) -> None:
    done = CliRunner().invoke(build(), ["bus-setup", "--bus", url])
    assert done.exit_code == 2
    assert "The message bus's address can't be used" in done.output
