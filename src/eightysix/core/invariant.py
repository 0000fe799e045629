"""A bug stops here: a broken promise of the program itself, never bad input and never a refusal."""


class InvariantError(RuntimeError):
    """The program contradicts itself; the command that found it fails alone with a 500."""


def invariant(holds: bool, what: str) -> None:  # noqa: FBT001 - reads like `assert`
    """Raise `InvariantError(what)` unless `holds`; unlike `assert` it survives `python -O`."""
    if not holds:
        raise InvariantError(what)
