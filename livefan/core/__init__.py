"""Data types and geometry that every other package uses; imports nothing of livefan outside itself."""
