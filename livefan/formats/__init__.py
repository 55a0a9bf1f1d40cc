"""Data formats of annotations, their columns and their metadata.

A frame goes through these modules:

* :mod:`~livefan.formats.records`: an annotated frame and its faces.
* :mod:`~livefan.formats.columns`: names, types and units of the columns, which all formats share.
* :mod:`~livefan.formats.metadata`: the description of a recording, its model and its settings.
* :mod:`~livefan.formats.registry`: the list of formats. A new format is one module and one entry there.
* ``csv``, ``jsonl``, ``parquet``, ``coco`` and ``pts``: the writer and the reader of one format each.
* :mod:`~livefan.formats.reader`: :func:`~livefan.formats.reader.load_annotations`.
"""
