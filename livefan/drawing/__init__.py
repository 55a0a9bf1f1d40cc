"""Faces and text drawn on images."""
