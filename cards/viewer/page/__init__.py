"""The files of the page."""

from pathlib import Path

PAGE = Path(__file__).parent
"""Where they are."""
