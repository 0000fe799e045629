"""The language of an answer's message, from Accept-Language."""

from enum import StrEnum
from functools import lru_cache


class Language(StrEnum):
    """What messages are written in."""

    ENGLISH = "en"
    CHINESE = "zh-CN"


@lru_cache(maxsize=256)
def preferred(accept_language: bytes) -> Language:
    """The language that an Accept-Language header wants most among ours; English if it names neither."""
    best, best_weight = Language.ENGLISH, 0.0
    for part in accept_language.decode("latin-1").lower().split(","):
        tag, _, parameters = part.partition(";")
        spoken = _SPOKEN.get(tag.strip().split("-")[0])
        weight = _weight(parameters)
        if spoken is not None and weight > best_weight:
            best, best_weight = spoken, weight
    return best


_SPOKEN = {"en": Language.ENGLISH, "zh": Language.CHINESE}


def _weight(parameters: str) -> float:
    name, _, value = parameters.partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        return min(float(value), 1.0)
    except ValueError:
        return 0.0
