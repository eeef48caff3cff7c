"""Who: what a simulated user is and how it decides."""
