"""The tests, mirroring the source path for path."""
