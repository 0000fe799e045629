"""From a change to everybody who must know: outbox relay, buses, gateway streams, webhooks, compensation."""
