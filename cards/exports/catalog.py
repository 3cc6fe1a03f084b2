"""Every export format, by its name."""

from __future__ import annotations

from ...engine.contract.errors import UserError, nearest
from .activitynet import ActivitynetFormat
from .coco import CocoFormat
from .datajuicer import DatajuicerFormat
from .fiftyone import FiftyoneFormat
from .format import ExportFormat
from .howtocaption import HowtocaptionFormat
from .internvl import InternvlFormat
from .kinetics import KineticsFormat
from .lance import LanceFormat
from .llava import LlavaFormat
from .msrvtt import MsrvttFormat
from .msrvtt_csv import MsrvttCsvFormat
from .panda70m import PandaFormat
from .qvhighlights import QvhighlightsFormat
from .sharegpt4video import SharegptFormat
from .swift import SwiftFormat
from .vidchapters import VidchaptersFormat, VidchaptersGroundingFormat, VidchaptersSequencesFormat
from .vtg import VtgFormat
from .webdataset import WebdatasetFormat
from .webvid import WebvidFormat

_CLASSES: tuple[type[ExportFormat], ...] = (
    ActivitynetFormat, CocoFormat, DatajuicerFormat, FiftyoneFormat, HowtocaptionFormat, InternvlFormat, KineticsFormat,
    LanceFormat, LlavaFormat, MsrvttFormat, MsrvttCsvFormat, PandaFormat, QvhighlightsFormat, SharegptFormat,
    SwiftFormat, VidchaptersFormat, VidchaptersGroundingFormat, VidchaptersSequencesFormat, VtgFormat, WebdatasetFormat,
    WebvidFormat,
)  # fmt: skip
FORMATS: dict[str, type[ExportFormat]] = {one.name: one for one in _CLASSES}


def format_class(name: str) -> type[ExportFormat]:
    """The format of that name; ``UserError`` with the nearest spelling where there is none."""
    if name not in FORMATS:
        raise UserError(f"there is no export format {name}{nearest(name, FORMATS)}", f"there are {', '.join(FORMATS)}")
    return FORMATS[name]
