"""A store in memory: the rules run against plain dictionaries, batch by batch, as the engine would run them."""
