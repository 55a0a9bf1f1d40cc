"""Speed of livefan on this machine, alone and beside other programs; ``livefan benchmark`` runs it.

Other programs on the machine change the times. So compared programs run in turn, in blocks of frames, and
the result is the ratio of their medians.
"""
