"""A failing run, made shorter: its store alone, and as few actions as still fail there."""

from .run import Failed, Run


def shrunk(failed: Failed) -> Failed:
    """The shortest run found that fails in the same store, for whatever reason; at worst the run itself."""
    best = failed
    most = Run(failed.seed).size.actions
    fewest = 0
    while fewest < most:  # a longer run fails where a shorter one did, nearly always
        actions = (fewest + most) // 2
        found = _failure(failed.seed, failed.store, actions)
        if found is None:
            fewest = actions + 1
        else:
            best, most = found, actions
    return best


def _failure(seed: int, store: int, actions: int) -> Failed | None:
    try:
        Run(seed, [store], actions).go()
    except Failed as failed:
        return failed
    return None
