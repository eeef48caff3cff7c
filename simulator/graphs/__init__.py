"""Who knows whom: one file, one way to tie users together."""
