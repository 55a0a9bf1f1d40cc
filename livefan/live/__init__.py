"""Live sessions, without Qt: capture, one or two models, statistics, recordings and rendering."""
