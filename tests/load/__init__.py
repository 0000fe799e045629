"""Real services under mixed work, for seconds: what was answered and what is there afterwards add up."""
