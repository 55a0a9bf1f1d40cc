"""Accuracy of weights on labelled faces."""
