"""Files to tensors: pictures, colours, masks, the library of styles, downloads, videos."""
