"""The commands, one module each: ``add`` declares a command's arguments, ``run`` does its work."""
