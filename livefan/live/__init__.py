"""Watching a source live, without Qt: capture, one or two models at work, and the picture of it all."""
