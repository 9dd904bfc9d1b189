"""How the embedded SqueezeNet is trained: pictures, teacher, student."""
