"""Webhooks, told to real receivers on this machine."""
