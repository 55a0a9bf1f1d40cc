"""The commands, one module each: ``add`` adds a command to the parser, ``run`` runs it."""
