"""Brands, stores, items, channels and keys: their own short transactions, and a versioned snapshot in memory."""
