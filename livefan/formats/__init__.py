"""Data formats of annotations: writers, reader, metadata."""
