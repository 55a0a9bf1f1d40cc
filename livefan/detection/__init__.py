"""Face detection, and the map from a detection to a crop."""
