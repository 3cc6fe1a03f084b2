"""What the steps that read media files share: opening them, and measuring pictures and sound."""
