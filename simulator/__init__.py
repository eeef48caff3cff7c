"""When: the world, its clock, the platform under test, and the record."""
