"""Annotation of recordings: every frame has its row, and a stopped annotation continues.

A recording goes through these modules::

    measure  ->  journal  ->  postprocess  ->  formats, renderer -> encoder -> mux
   (network)   (on disk)   (identities, gaps, smoothing, pose)

* :mod:`~livefan.annotation.measure` decodes the recording, tracks its faces and fills the journal, which
  survives a crash.
* :mod:`~livefan.annotation.postprocess` reads the journal some seconds behind and knows the frames before and
  after each frame.
* :mod:`~livefan.annotation.annotate` runs both for one recording.
* :mod:`~livefan.annotation.batch` and :mod:`~livefan.annotation.cluster` run that for many recordings.
"""
