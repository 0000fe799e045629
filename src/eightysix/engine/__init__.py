"""submit(command) -> outcome: lanes, batches (load, decide, save, commit) and sweeps."""
