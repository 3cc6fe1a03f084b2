"""Subtitles, read and cleaned: files and streams to cues, cues to words and sentences."""
