"""Executors: where runs take place, one file each."""
