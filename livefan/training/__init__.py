"""Training: from labelled faces to the weight files that the application loads."""
