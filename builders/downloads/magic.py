"""What the first bytes of a file say that it is."""

from __future__ import annotations

SIZE = 512
"""Bytes that are looked at."""
_AT_START = {
    b"\x1aE\xdf\xa3": "mkv", b"FLV\x01": "flv", b"OggS": "ogv", b"\x00\x00\x01\xba": "mpg", b"\x00\x00\x01\xb3": "mpg",
    b"\x30\x26\xb2\x75\x8e\x66\xcf\x11": "asf", b".RMF": "rm", b"GIF8": "gif",
    b"YUV4MPEG2": "y4m", b"DKIF": "ivf",
}  # fmt: skip
_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"styp", b"pnot")
_MARKUP = (b"<!doctype", b"<html", b"<head", b"<?xml", b"<body", b"<!--", b"<script", b"<svg")
_OF_TYPES = {
    "video/mp4": "mp4", "video/webm": "webm", "video/x-matroska": "mkv", "video/quicktime": "mov", "video/mp2t": "ts",
    "video/x-msvideo": "avi", "video/ogg": "ogv", "video/mpeg": "mpg", "video/x-flv": "flv", "video/3gpp": "3gp",
    "image/gif": "gif",
}  # fmt: skip
PLAYLIST_TYPES = frozenset(
    ("application/vnd.apple.mpegurl", "application/x-mpegurl", "audio/mpegurl", "audio/x-mpegurl",
     "application/dash+xml", "application/vnd.ms-sstr+xml")
)  # fmt: skip
"""Content types of lists of fragments: HLS, DASH and Smooth Streaming."""
_TEXT_TYPES = ("text/", "application/json", "application/xml", "application/xhtml", "application/problem", "image/")


def media_ending(head: bytes) -> str:
    """The ending of a container of pictures by its first bytes; "" for what is none that is known."""
    if head[4:8] in _BOXES:
        return "mov" if head[8:12] == b"qt  " else "mp4"
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return "avi"
    if head[:1] == b"G" and (len(head) <= 188 or head[188:189] == b"G"):
        return "ts" if not head.startswith(b"GIF8") else "gif"
    found = next((ending for magic, ending in _AT_START.items() if head.startswith(magic)), "")
    return "webm" if found == "mkv" and b"webm" in head[:64] else found


def is_playlist(head: bytes, content_type: str) -> bool:
    """Whether it is a list of fragments, and no video itself."""
    return head.lstrip(b"\xef\xbb\xbf").startswith(b"#EXTM3U") or content_type in PLAYLIST_TYPES or b"<MPD" in head


def is_page(head: bytes, content_type: str) -> bool:
    """Whether it is a page, a message or a picture in place of a video."""
    if media_ending(head):
        return False
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return start.startswith(_MARKUP) or content_type.startswith(_TEXT_TYPES)


def type_ending(content_type: str) -> str:
    """The ending of files of a content type; "" where it says nothing."""
    return _OF_TYPES.get(content_type, "")
