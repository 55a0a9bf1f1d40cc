"""Read frames from files, cameras and streams; write videos.

``open`` chooses the source for a path, number or address. The sources are in ``images``, ``video``,
``camera`` and ``stream``; ``source`` and ``live_source`` hold their base classes. ``capture_thread`` reads a
source in the background.
"""
