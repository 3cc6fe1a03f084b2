"""Language codes as files and containers write them, to BCP 47."""

from __future__ import annotations

import re

_CODES = (
    "afr:af amh:am ara:ar asm:as aze:az bel:be ben:bn bos:bs bul:bg cat:ca ces:cs cze:cs cym:cy wel:cy dan:da deu:de"
    " ger:de ell:el gre:el eng:en epo:eo est:et eus:eu baq:eu fas:fa per:fa fin:fi fra:fr fre:fr gle:ga glg:gl"
    " guj:gu heb:he hin:hi hrv:hr hun:hu hye:hy arm:hy ind:id isl:is ice:is ita:it jpn:ja kan:kn kat:ka geo:ka"
    " kaz:kk khm:km kor:ko lao:lo lat:la lav:lv lit:lt mal:ml mar:mr mkd:mk mac:mk mon:mn msa:ms may:ms mya:my"
    " bur:my nep:ne nld:nl dut:nl nob:nb nno:nn nor:no pan:pa pol:pl por:pt pus:ps ron:ro rum:ro rus:ru sin:si"
    " slk:sk slo:sk slv:sl som:so spa:es sqi:sq alb:sq srp:sr swa:sw swe:sv tam:ta tel:te tha:th tgl:tl tur:tr"
    " ukr:uk urd:ur uzb:uz vie:vi zho:zh chi:zh zul:zu"
)
"""ISO 639-2, both kinds, and ISO 639-1."""
_SHORT = dict(pair.split(":") for pair in _CODES.split())
_TAG = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_NO_LANGUAGE = ("und", "mis", "zxx", "mul", "sdh", "sub", "cc")  # the last three mark captions for the deaf
_MACHINE = re.compile(r"-orig$")  # yt-dlp's mark of the captions that others were translated from


def bcp47(tag: str) -> str:
    """``eng`` and ``en`` to ``en``, ``pt_BR`` to ``pt-BR``; empty for ``und`` and for what is no language."""
    plain = _MACHINE.sub("", tag.strip().replace("_", "-"))
    if not _TAG.fullmatch(plain):
        return ""
    first, *rest = plain.split("-")
    first = first.lower()
    if first in _NO_LANGUAGE:
        return ""
    return "-".join((_SHORT.get(first, first), *map(_subtag, rest)))


def file_language(tag: str) -> str:
    """The language in what stands between a video's name and its subtitles' ending: ``en.forced`` is ``en``."""
    return next((found for part in tag.split(".") if (found := bcp47(part))), "")


def _subtag(part: str) -> str:
    if len(part) == 2:
        return part.upper()
    return part.title() if len(part) == 4 and part.isalpha() else part
