"""One contract for every bus, and what RocketMQ must survive."""
