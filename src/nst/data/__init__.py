"""Files to tensors: images, colours, masks, the picture library, downloads, training photographs, videos."""
