"""Episodes played and learned from by the native kernels, where they cover them."""
