"""Sources of frames, the capture thread, and the video writer."""
