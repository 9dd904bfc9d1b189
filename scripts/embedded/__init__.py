"""Training of the bundled SqueezeNet: images, teacher, student."""
