"""MobileFAN, its teacher, heatmap decoding, and weight files."""
