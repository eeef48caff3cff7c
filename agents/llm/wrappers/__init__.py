"""Language models around a language model: the same interface, one more property."""
