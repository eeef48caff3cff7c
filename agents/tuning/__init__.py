"""Fine-tuning a language model on real choices, and checking what that gained."""
