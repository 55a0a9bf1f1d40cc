"""Actions of the user: small objects that ask, act, and name the parts of the window to redraw.

They run with and without a window::

    context.run(Watch("clip.mp4"))
    context.run(SetLoop(True))

:mod:`livefan.gui.controls` gives each action its menu entry, icon and shortcut.
"""
