"""HTTP: parse, authorise, submit, answer. Decides nothing about stock."""
