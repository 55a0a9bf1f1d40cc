"""Outputs of a live session to other programs: landmarks, expressions and pictures, frame by frame."""
