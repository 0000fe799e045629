"""The pages under docs/ that are made from the program, and tests that what the pages say is so."""
