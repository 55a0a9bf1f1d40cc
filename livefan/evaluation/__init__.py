"""Measure the accuracy of networks on labelled faces, and report it."""
