"""Licence ids that a dataset card may name; any other is ``other`` with a name of its own."""

from __future__ import annotations

import re
from typing import NamedTuple

# https://huggingface.co/docs/hub/repositories-licenses
_IDS = """
afl-3.0 agpl-3.0 apache-2.0 apple-amlr apple-ascl artistic-2.0 bigcode-openrail-m bigscience-bloom-rail-1.0
bigscience-openrail-m bsd bsd-2-clause bsd-3-clause bsd-3-clause-clear bsl-1.0 c-uda cc cc-by-2.0 cc-by-2.5
cc-by-3.0 cc-by-4.0 cc-by-nc-2.0 cc-by-nc-3.0 cc-by-nc-4.0 cc-by-nc-nd-3.0 cc-by-nc-nd-4.0 cc-by-nc-sa-2.0
cc-by-nc-sa-3.0 cc-by-nc-sa-4.0 cc-by-nd-4.0 cc-by-sa-3.0 cc-by-sa-4.0 cc0-1.0 cdla-permissive-1.0
cdla-permissive-2.0 cdla-sharing-1.0 creativeml-openrail-m deepfloyd-if-license ecl-2.0 epl-1.0 epl-2.0
etalab-2.0 eupl-1.1 eupl-1.2 gemma gfdl gpl gpl-2.0 gpl-3.0 h-research intel-research isc lgpl lgpl-2.1 lgpl-3.0
lgpl-lr llama2 llama3 llama3.1 llama3.2 llama3.3 llama4 lppl-1.3c mit mpl-2.0 ms-pl ncsa odbl odc-by ofl-1.1
open-mdw openrail openrail++ osl-3.0 pddl postgresql unlicense unknown wtfpl zlib
"""
HUB_LICENSES = frozenset(_IDS.split())
_SPDX = {"odc-by-1.0": "odc-by", "odbl-1.0": "odbl", "pddl-1.0": "pddl", "cc-pddc": "pddl", "gfdl-1.3": "gfdl"}


class CardLicense(NamedTuple):
    """``license`` and ``license_name`` of a card."""

    id: str
    name: str  # empty for an id that the Hub knows


def card_license(text: str) -> CardLicense:
    """From an SPDX or Hub id, or a licence's own name; nothing is ``unknown``."""
    plain = text.strip()
    key = re.sub(r"-(only|or-later)$", "", plain.lower())
    key = _SPDX.get(key, key)
    if not key:
        return CardLicense("unknown", "")
    if key in HUB_LICENSES:
        return CardLicense(key, "")
    return CardLicense("other", re.sub(r"[^a-z0-9.]+", "-", key).strip("-") or "other")
