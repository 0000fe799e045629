"""The deterministic simulation of the cloud and its stores' hubs: one seed, one run. See docs/SIMULATION.md."""
