"""RocketMQ 5 behind the port of a bus, by the remoting protocol that its name servers and brokers speak.

See docs/SYNC.md, "Message buses", for what is asked of it and what a deployment has to know.
"""
