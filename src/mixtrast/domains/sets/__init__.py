"""Sets known by name. One file each: what its owner gives out, read as it is, with the split that papers use."""
