"""Records and how they become tensors."""
