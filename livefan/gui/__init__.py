"""The window: a view on a live session. Nothing outside this folder knows of Qt."""
