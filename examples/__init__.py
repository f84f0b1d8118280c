"""Examples that use the library with other packages; run from the checkout's root."""
