"""What stands between a hub and the cloud that only a person can mend."""

from enum import StrEnum

from eightysix.core.outcome import Code

from .call import Call, Denied, Upload


class Trouble(StrEnum):
    """The last answer to one of the agent's duties, as a word for the status page."""

    FENCED = "fenced"
    """The hub was replaced."""
    UNKNOWN = "unknown"
    """The cloud doesn't know the hub, or its key."""
    JOURNAL_LOST = "journal_lost"
    """The cloud asks for events that it had stored before: it was put back to an earlier state."""
    JOURNAL_MISMATCH = "journal_mismatch"
    """The cloud has other events: the hub was put back to an earlier state."""
    TOTALS_DIFFER = "totals_differ"
    """Hub and cloud don't agree about what the hub holds."""
    REFUSED = "refused"
    """Anything else: one of the two programs is wrong."""


_BY_CODE: dict[str | None, Trouble] = {
    None: Trouble.UNKNOWN,
    Code.HUB_NOT_FOUND: Trouble.UNKNOWN,
    Code.STORE_NOT_FOUND: Trouble.UNKNOWN,
    Code.BRAND_NOT_FOUND: Trouble.UNKNOWN,
    Code.HUB_FENCED: Trouble.FENCED,
    Code.JOURNAL_GAP: Trouble.JOURNAL_LOST,
    Code.JOURNAL_MISMATCH: Trouble.JOURNAL_MISMATCH,
    Code.GRANT_EXCEEDED: Trouble.TOTALS_DIFFER,
}


def trouble_of(call: Call, answer: Denied) -> Trouble:
    """What a refusal means."""
    trouble = _BY_CODE.get(answer.code, Trouble.REFUSED)
    is_journals = trouble in (Trouble.JOURNAL_LOST, Trouble.JOURNAL_MISMATCH)
    return Trouble.REFUSED if is_journals and not isinstance(call, Upload) else trouble
