"""EightySix: the stock service for restaurant platforms."""
