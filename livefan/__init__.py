"""Real-time face landmarks with MobileFAN."""

__version__ = "0.1.0"
