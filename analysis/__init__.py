"""What happened: everything that reads run folders."""
