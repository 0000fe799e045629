"""Webhooks: what third-party channels are told, each endpoint from a queue of its own.

```
message of the bus ── intake: a row for each webhook it matches, durable ──> handled
                         │ wakes
                       sender ── an endpoint each: what is due, a few at a time ──> courier ──> the world
                         │                                                            │
                         └── ledger: rows taken out or put off, attempts logged <─────┘
```

An endpoint that fails is asked again by the schedule, with one request, while its queue waits; after the last try its
webhook is paused. What an event tells is the state when it is sent.
"""
