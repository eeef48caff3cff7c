"""Ways to carry a question to an endpoint and its reply back."""
