"""Annotating recordings: nothing lost, nothing guessed, any length.

The way of a recording, one module each::

    follow  ->  journal  ->  offline  ->  tables, video
              (measured)    (who is who, gaps, smoothing, pose)

:mod:`~livefan.annotation.measure` decodes and measures, into a journal beside the output that outlives
a crash. :mod:`~livefan.annotation.postprocess` reads the journal a few seconds behind it and knows, for
each frame, what came before and after. :mod:`~livefan.annotation.annotate` runs both for one
recording, :mod:`~livefan.annotation.batch` runs that for many.
"""
