"""Landmark models of other projects, behind one interface: MediaPipe, dlib, and described network files."""
