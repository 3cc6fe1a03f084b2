"""The dataset folder: its table, its splits, its files and its card."""
