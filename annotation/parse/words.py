"""The words that the rules over a parse tree treat in a way of their own; English, lemmas, lower case."""

from __future__ import annotations

FRAMES = (
    "video", "clip", "scene", "image", "picture", "photo", "photograph", "shot", "frame", "footage", "view",
    "close", "closeup", "up", "animation", "film", "movie", "camera", "background", "foreground",
)  # fmt: skip
"""What a caption says of itself. `up` is the head of `close-up` as the tokenizer cuts it."""

FRAME_PLACES = frozenset({
    "in", "of", "throughout", "from", "for", "across", "at", "to", "toward", "towards", "against",
})  # fmt: skip
"""After one of these the word for the caption's frame is where it all is: `in this video`, `at the camera`."""

FRAME_VERBS = frozenset({
    "be", "show", "depict", "feature", "capture", "display", "portray", "contain", "present", "begin", "start",
    "open", "end", "focus", "zoom", "illustrate", "cut", "fade", "pan", "move", "shift", "include", "take",
    "transition",
})  # fmt: skip
"""With one of these the word for the caption's frame is a subject that no one can see."""

PLACES = frozenset({
    "front", "top", "back", "side", "middle", "center", "centre", "left", "right", "bottom", "edge", "end",
    "distance", "corner", "rear", "midst",
})  # fmt: skip
"""In `on the side of the road` these are where, not what."""

AMOUNTS = frozenset({
    "group", "bunch", "couple", "pair", "number", "lot", "variety", "set", "series", "piece", "kind", "type",
    "sort", "row", "line", "pile", "stack", "crowd", "array", "bit", "part", "assortment", "collection", "lots",
    "plenty", "amount", "range", "herd", "flock",
})  # fmt: skip
"""In `a group of people` these are how many, not what."""

QUANTIFIERS = frozenset({
    "several", "many", "few", "more", "most", "much", "other", "another", "such", "same", "various",
    "different", "own", "first", "second", "third", "last", "next", "single", "only", "certain", "some", "any",
    "all", "both", "each", "every", "numerous", "multiple", "additional", "main", "overall", "further", "able",
    "about", "ready", "mid",
})  # fmt: skip
"""Adjectives that say which or how many, not what like."""

COLOURS = frozenset({
    "red", "orange", "yellow", "green", "blue", "purple", "violet", "pink", "brown", "black", "white", "gray",
    "grey", "silver", "gold", "golden", "beige", "tan", "turquoise", "teal", "maroon", "navy", "cream",
    "crimson", "magenta", "cyan", "blonde", "blond",
})  # fmt: skip
"""Some are nouns too: before another noun they are taken for what they say of it."""

SHADES = frozenset({"light", "dark", "bright", "pale", "deep"})
"""Before a colour, one attribute with it: `light blue`."""

PLURALS = frozenset({
    "pants", "jeans", "shorts", "trousers", "scissors", "sunglasses", "goggles", "binoculars", "tongs",
    "pliers", "leggings", "pajamas", "pyjamas", "overalls", "tights", "clothes", "headquarters", "stairs",
})  # fmt: skip
"""Words whose singular is another thing or none."""

SMALL_WORDS = frozenset({
    "a", "an", "the", "and", "or", "but", "nor", "of", "in", "on", "at", "to", "by", "for", "from", "with", "as", "is",
    "are", "into", "onto", "over", "up", "off", "near", "while", "her", "his", "their", "its", "that", "through",
    "along",
})  # fmt: skip
"""Titles may write these with a small letter."""

PLACE_NAMES = (
    "new york", "new zealand", "new delhi", "new orleans", "new jersey", "new mexico", "new england", "hong kong",
    "san francisco", "san diego", "los angeles", "las vegas", "united states", "united kingdom", "south africa",
    "south korea", "north korea", "great britain", "saudi arabia", "sri lanka", "costa rica", "rio de janeiro",
    "buenos aires", "mexico city", "cape town", "kuala lumpur", "tel aviv", "abu dhabi", "times square", "central park",
    "golden gate", "eiffel tower", "grand canyon", "niagara falls", "mount everest", "mount fuji", "hyde park",
)  # fmt: skip
"""Their first words are taken for adjectives where they are written small."""

FIXED = {
    "living": ("room",), "dining": ("room", "table", "hall"), "waiting": ("room",), "changing": ("room",),
    "swimming": ("pool", "suit"), "washing": ("machine",), "sewing": ("machine",), "vending": ("machine",),
    "parking": ("lot", "garage", "space", "meter"), "shopping": ("cart", "bag", "mall", "center", "centre", "basket"),
    "cutting": ("board",), "chopping": ("board",), "ironing": ("board",), "frying": ("pan",),
    "baking": ("sheet", "tray"), "mixing": ("bowl",), "measuring": ("cup", "tape"), "sleeping": ("bag",),
    "rocking": ("chair",), "chewing": ("gum",),
    "fishing": ("rod", "boat", "net", "line", "pole"), "sailing": ("boat", "ship"), "rowing": ("boat",),
    "racing": ("car", "bike", "track"), "running": ("shoe", "track"), "hiking": ("trail", "boot"), "boxing": ("ring",),
    "steering": ("wheel",), "climbing": ("wall",), "playing": ("card", "field"), "walking": ("stick",),
    "drinking": ("fountain", "glass"), "wrapping": ("paper",), "hot": ("dog", "tub"), "high": ("school",),
    "fast": ("food",), "polar": ("bear",), "solar": ("panel",), "electric": ("guitar",), "remote": ("control",),
}  # fmt: skip
"""Words that are no attribute of these nouns, but the first half of their names: `living room`."""

PLAIN_COLOURS = COLOURS - {"orange", "violet", "silver", "gold", "golden", "cream", "tan", "navy", "turquoise", "teal"}
"""Those that are no things too."""
