"""Lossless and ordered under faults: a load, faults at random, subscribers, a checker apart from the product."""
