"""Chapters of videos: lines with times in descriptions, and which lists of chapters hold."""
