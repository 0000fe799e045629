"""The demo: a Chinese-fusion brand of three stores and a lunch rush of simulated guests.

`menu.csv` is a menu as `eightysix import-menu` reads it; `stock.csv` says what the kitchen has
and how much each dish is liked.
"""
