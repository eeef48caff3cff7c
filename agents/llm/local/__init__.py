"""What loads and computes in this process; imported only when a model is opened or converted."""
