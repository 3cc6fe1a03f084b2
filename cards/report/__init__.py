"""The report page of a build."""

from .page import render_report

__all__ = ["render_report"]
