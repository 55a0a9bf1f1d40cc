"""How fast livefan is on this machine, and beside its peers: what ``livefan benchmark`` runs.

Times on a machine that does other things too mean little by themselves. Whatever is compared is run in turn,
frame by frame, and given as a ratio of medians.
"""
