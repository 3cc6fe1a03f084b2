"""MetaCLIP's metadata: how its entries are made, and found in texts."""
