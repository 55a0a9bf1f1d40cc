"""Quantities derived from the landmarks of one face."""
