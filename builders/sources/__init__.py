"""What the sources share: ids, folder listings, sidecar files, manifests and probing."""
