"""The way of a frame from image to faces: detect, crop, infer, associate, smooth."""
