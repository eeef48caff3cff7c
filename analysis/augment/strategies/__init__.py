"""Which simulated interactions a dataset is augmented with; one file is one strategy."""
