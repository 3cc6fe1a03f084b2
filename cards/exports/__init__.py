"""The dataset in the formats that others read: one file a format."""
