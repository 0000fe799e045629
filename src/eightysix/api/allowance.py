"""How fast a key may call: a token bucket that holds what one second allows. Pure; the caller brings the time.

Instead of a level that has to be filled up, the instant is kept at which the bucket will be full again. In units of
1/rate nanoseconds every token is worth the same whole number, so nothing is ever rounded.
"""

_SECOND = 1_000_000_000


class Allowance:
    """The bucket of one key: full at first, `rate` tokens a second, never more than `rate` of them."""

    __slots__ = ("_full_at", "rate")

    def __init__(self, rate: int, *, full_at: int = 0) -> None:
        self.rate = rate
        self._full_at = full_at

    def at(self, rate: int) -> "Allowance":
        """The same bucket with another rate, as long before it is full again: what was spent stays spent."""
        return Allowance(rate, full_at=-(-self._full_at * rate // self.rate))

    def take(self, tokens: int, now: int) -> bool:
        """Take all of `tokens` (at most `rate`) at `now`, nanoseconds of any clock that never steps back; or none.

        Whoever was refused has as many in one second at most.
        """
        now *= self.rate
        full_at = max(self._full_at, now) + tokens * _SECOND
        if full_at > now + self.rate * _SECOND:
            return False
        self._full_at = full_at
        return True
