"""Augmentation of labelled training faces."""
