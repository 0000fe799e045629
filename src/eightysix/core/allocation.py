"""Sharing a quantity by weight so that the parts add up exactly (DESIGN section 8)."""

from collections.abc import Sequence


def largest_remainder(total: int, weights: Sequence[int], step: int = 1) -> list[int]:
    """Share `total` by `weights` in whole numbers of `step`; what `step` doesn't divide goes to nobody.

    Equal remainders go to the earlier share. Without any weight everybody gets 0.
    """
    units = total // step
    whole = sum(weights)
    if units <= 0 or whole == 0:
        return [0] * len(weights)
    shares = [units * weight // whole for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda at: -(units * weights[at] % whole))
    for at in by_remainder[: units - sum(shares)]:
        shares[at] += 1
    return [share * step for share in shares]
