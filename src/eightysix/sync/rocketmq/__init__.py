"""RocketMQ 5 behind the port of a bus, by its official client, whose defects are dealt with in here.

`client` is the one place that imports the library, and only when a RocketMQ is asked for. See docs/SYNC.md, "Message
buses", for what it does wrong and what is done about it.
"""
