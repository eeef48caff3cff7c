"""Datasets in the layouts that others read; one file with a function ``write`` is one format."""
