"""The benchmark: EightySix beside hand-written SQL, on one machine, in one run, in interleaved rounds.

Owns the contestants, the load they get, what is measured of them and how it is shown. The hand-written SQL under
`sql/` is the opponent, not part of the program. What every part has in common: two-line orders, one portion a line,
stocks that never run out, so that each order writes all its facts.
"""
