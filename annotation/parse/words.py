"""The words that the rules over a parse tree treat in a way of their own; English, lemmas, lower case."""

from __future__ import annotations

FRAMES = (
    "video", "clip", "scene", "image", "picture", "photo", "photograph", "shot", "frame", "footage", "view", "close",
    "closeup", "up", "animation", "film", "movie", "camera", "background", "foreground",
)  # fmt: skip
"""What a caption says of itself. `up` is the head of `close-up` as the tokenizer cuts it."""

FRAME_PLACES = frozenset({
    "in", "of", "throughout", "from", "for", "across", "at", "to", "toward", "towards", "against",
})  # fmt: skip
"""After one of these the word for the caption's frame is where it all is: `in this video`, `at the camera`."""

FRAME_VERBS = frozenset({
    "be", "show", "depict", "feature", "capture", "display", "portray", "contain", "present", "begin", "start",
    "open", "end", "focus", "zoom", "illustrate", "cut", "fade", "pan", "move", "shift", "include", "take",
    "transition", "return", "follow", "rotate", "replay",
})  # fmt: skip
"""With one of these the word for the caption's frame is a subject that no one can see."""

PLACES = frozenset({
    "front", "top", "back", "side", "middle", "center", "centre", "left", "right", "bottom", "edge", "end",
    "distance", "corner", "rear", "midst", "air", "inside", "outside", "opposite", "upside", "line", "way",
})  # fmt: skip
"""In `on the side of the road` these are where, not what."""

AMOUNTS = frozenset({
    "group", "bunch", "couple", "pair", "number", "lot", "variety", "set", "series", "piece", "kind", "type", "sort",
    "row", "line", "pile", "stack", "crowd", "array", "bit", "part", "assortment", "collection", "lots", "plenty",
    "amount", "range", "herd", "flock", "pinch", "handful", "dozen", "hundred", "thousand", "ton", "swarm", "heap",
    "selection", "majority", "rest", "dash", "mix", "body", "deal", "load", "loads", "multitude", "host", "cluster",
    "mass", "portion", "half",
})  # fmt: skip
"""In `a group of people` these are how many, not what."""

QUANTIFIERS = frozenset({
    "several", "many", "few", "more", "most", "much", "other", "another", "such", "same", "various", "different",
    "own", "first", "second", "third", "last", "next", "single", "only", "certain", "some", "any", "all", "both",
    "each", "every", "numerous", "multiple", "additional", "main", "overall", "further", "able", "about", "ready",
    "mid", "whole", "entire", "extra", "rest", "lone", "sole", "half", "fourth", "fifth", "final", "particular",
    "specific", "available", "unable", "total", "enough", "less", "least", "former", "latter", "previous",
    "following", "individual", "separate", "opposite", "remaining",
})  # fmt: skip
"""Adjectives that say which or how many, not what like."""

COLOURS = frozenset({
    "red", "orange", "yellow", "green", "blue", "purple", "violet", "pink", "brown", "black", "white", "gray",
    "grey", "silver", "gold", "golden", "beige", "tan", "turquoise", "teal", "maroon", "navy", "cream", "crimson",
    "magenta", "cyan", "blonde", "blond", "lavender", "burgundy", "khaki", "ivory", "indigo",
})  # fmt: skip
"""Some are nouns too: before another noun they are taken for what they say of it."""

SHADES = frozenset({
    "light", "dark", "bright", "pale", "deep", "lime", "navy", "sky", "olive", "hot", "neon", "royal", "baby",
    "forest", "mint", "jet", "blood", "burnt", "dirty", "off",
})  # fmt: skip
"""Before a colour, one attribute with it: `light blue`."""

PLURALS = frozenset({
    "pants", "jeans", "shorts", "trousers", "scissors", "sunglasses", "goggles", "binoculars", "tongs", "pliers",
    "leggings", "pajamas", "pyjamas", "overalls", "tights", "clothes", "headquarters", "stairs", "woods",
})  # fmt: skip
"""Words whose singular is another thing or none."""

SMALL_WORDS = frozenset({
    "a", "an", "the", "and", "or", "but", "nor", "of", "in", "on", "at", "to", "by", "for", "from", "with", "as",
    "is", "are", "into", "onto", "over", "up", "off", "near", "while", "her", "his", "their", "its", "that",
    "through", "along",
})  # fmt: skip
"""Titles may write these with a small letter."""

PLACE_NAMES = (
    "new york", "new zealand", "new delhi", "new orleans", "new jersey", "new mexico", "new england", "hong kong",
    "san francisco", "san diego", "los angeles", "las vegas", "united states", "united kingdom", "south africa",
    "south korea", "north korea", "great britain", "saudi arabia", "sri lanka", "costa rica", "rio de janeiro",
    "buenos aires", "mexico city", "cape town", "kuala lumpur", "tel aviv", "abu dhabi", "times square",
    "central park", "golden gate", "eiffel tower", "grand canyon", "niagara falls", "mount everest", "mount fuji",
    "hyde park",
)  # fmt: skip
"""Their first words are taken for adjectives where they are written small."""

MATERIALS = frozenset({
    "wood", "brick", "stone", "metal", "plastic", "glass", "leather", "paper", "cardboard", "concrete", "cement",
    "marble", "granite", "ceramic", "porcelain", "cotton", "wool", "silk", "denim", "velvet", "lace", "fur", "steel",
    "iron", "copper", "bronze", "brass", "aluminum", "aluminium", "tin", "straw", "wicker", "bamboo", "rubber",
    "vinyl", "nylon", "foam", "clay", "styrofoam", "chrome", "linen", "suede", "oak", "plywood", "hardwood",
    "stucco", "adobe", "fiberglass", "mesh", "burlap", "flannel", "fleece", "spandex", "satin", "tile",
    "cobblestone", "plaid", "mahogany",
})  # fmt: skip
"""What things are made of: before another noun it is said of that."""

WHOLE_MATERIALS = frozenset({
    "stainless steel", "wrought iron", "cast iron", "stained glass",
})  # fmt: skip
"""Materials in two words."""

ABSTRACT = frozenset({
    "time", "wild", "forward", "backward", "forwards", "backwards", "min", "hr", "cm", "mm", "way", "manner", "kind",
    "type", "sort", "turn", "order", "fashion", "rate", "chance", "fact", "moment", "process", "attempt", "try",
    "effort", "use", "action", "act", "activity", "motion", "movement", "move", "technique", "method", "style",
    "routine", "procedure", "trick", "stunt", "practice", "work", "job", "task", "progress", "start", "beginning",
    "finish", "ending", "stop", "result", "effect", "purpose", "reason", "cause", "change", "difference", "detail",
    "example", "instance", "aspect", "feature", "version", "option", "choice", "decision", "plan", "advantage",
    "benefit", "help", "support", "care", "control", "balance", "attention", "interest", "focus", "look", "glance",
    "gaze", "stare", "conversation", "discussion", "talk", "chat", "speech", "interview", "explanation",
    "introduction", "instruction", "direction", "information", "advice", "idea", "thought", "opinion", "question",
    "answer", "story", "joke", "news", "truth", "knowledge", "skill", "ability", "experience", "memory", "dream",
    "hope", "wish", "fun", "joy", "love", "fear", "anger", "happiness", "excitement", "surprise", "pleasure", "pain",
    "mood", "feeling", "emotion", "life", "death", "peace", "war", "freedom", "success", "failure", "luck", "beauty",
    "sense", "mind", "spirit", "power", "strength", "energy", "force", "speed", "pace", "size", "shape", "length",
    "height", "width", "depth", "weight", "color", "colour", "temperature", "degree", "level", "angle", "position",
    "spot", "contrast", "quality", "quantity", "number", "amount", "price", "percent", "point", "thing", "something",
    "anything", "everything", "nothing", "need", "condition", "situation", "state", "form", "formation", "theme",
    "topic", "subject", "content", "word of mouth", "rest", "while", "bit", "lot", "end", "middle", "midair",
    "unison", "preparation", "presence", "absence", "possibility", "opportunity", "business", "safety", "security",
    "education", "training", "transportation", "entertainment", "competence", "culture", "history", "nature",
    "world", "touch", "taste", "smell", "noise", "silence", "sound", "music video", "series", "sequence", "part",
    "piece", "portion", "amusement", "advertising", "marketing", "thanks", "credit", "round", "lap", "probability",
    "mile", "inch", "minute", "slow motion", "time lapse", "puff", "distance", "location", "season", "dimension",
    "resolution", "pose", "stance", "expression", "reaction", "behavior", "behaviour", "habit", "concept",
    "symbolism", "meaning", "importance", "appearance", "impression", "variety", "diversity", "total", "average",
    "limit", "tone", "delight", "enjoyment", "comfort", "ease", "hurry", "rush", "daylight hour", "peak hour",
    "rush hour", "goodbye", "hello", "appointment", "arrival", "departure", "return", "usage", "sale", "one",
    "other", "others", "ones", "timing",
})  # fmt: skip
"""What no picture shows."""

TIMES = frozenset({
    "time", "day", "night", "evening", "morning", "afternoon", "noon", "midday", "midnight", "today", "yesterday",
    "tomorrow", "tonight", "minute", "hour", "week", "weekend", "month", "year", "decade", "century", "moment",
    "summer", "winter", "autumn", "season", "daytime", "nighttime", "daylight", "dusk", "dawn", "future", "holiday",
    "birthday", "january", "february", "april", "june", "july", "august", "september", "october", "november",
    "december", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday",
})  # fmt: skip
"""When it is, which no picture names."""

FRAME_KINDS = frozenset({
    "view", "footage", "shot", "clip", "closeup",
})  # fmt: skip
"""Alone (`blurred view`) these are the caption's frame; a photo may be one of the things that a picture shows."""

NAMERS = frozenset({
    "word", "words", "letter", "letters", "number", "numbers",
})  # fmt: skip
"""After one of these stands what is written, and no further noun."""

NUMBERS = {
    "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
    "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16, "seventeen": 17,
    "eighteen": 18, "nineteen": 19, "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "hundred": 100, "both": 2,
}  # fmt: skip
"""Words for numbers."""

PAIRED = frozenset({
    "shoe", "sock", "boot", "glove", "ski", "sneaker", "sandal", "mitten", "skate", "earring", "shoes", "socks",
    "boots", "gloves", "skis", "sneakers", "sandals", "skates", "earrings", "eyes", "hands", "glasses", "headphones",
    "goggles", "legs", "feet",
})  # fmt: skip
"""Of these a pair is not always two that are meant."""

PLURAL_MODIFIERS = frozenset({
    "sports", "clothes", "arts", "ladies", "mens", "womens", "girls", "boys", "graphics", "electronics", "news",
    "savings", "customs", "gymnastics", "dunes",
})  # fmt: skip
"""Plurals that may stand before their noun: `sports car`."""

ADVERBS_OF_ATTRIBUTES = frozenset({
    "half", "well", "newly", "very", "too", "so", "quite", "rather",
})  # fmt: skip
"""Adverbs without -ly before an attribute."""

DEGREES = frozenset({
    "very", "too", "so", "quite", "rather", "really", "extremely", "currently", "recently", "newly", "slightly",
    "fairly", "completely", "mostly", "nearly", "only", "simply", "finally", "clearly", "apparently", "fully",
})  # fmt: skip
"""Adverbs that no attribute keeps: a `very large` dog is `large`."""

ADJECTIVE_ENDINGS = (
    "ed", "ing", "y", "less", "ful", "ish", "en", "al", "ive", "ous", "ic", "ble", "like", "er", "est", "an", "ese",
    "ar",
)  # fmt: skip
"""Of adjectives that no list has."""

ENDINGS = frozenset({
    "legged", "haired", "eyed", "shaped", "sized", "footed", "fashioned", "colored", "coloured",
})  # fmt: skip
"""Participles that always go with the word before them."""

IMPERATIVES = frozenset({
    "sprinkle", "place", "pour", "drain", "add", "put", "remove", "simmer", "saute", "whisk", "garnish", "marinate",
    "stir", "transfer", "preheat", "knead",
})  # fmt: skip
"""At the start of a sentence, or after `and`, these tell one to do something."""

JOINED_PARTICIPLES = ENDINGS | frozenset({
    "cut", "haired", "colored", "coloured", "shaped", "covered", "coated", "sized", "eyed", "faced", "legged",
    "sleeved", "topped", "lined", "filled", "sided", "skinned", "handed", "winged", "headed", "themed", "clad",
    "flavored", "flavoured", "bodied", "roofed", "wheeled", "bearded", "capped", "painted", "made", "dressed",
    "looking", "facing", "style",
})  # fmt: skip
"""With the word before them these are one attribute: `snow covered`."""

STEPS = frozenset({
    "mix", "stir", "toss", "season", "serve", "cook", "fry", "boil", "bake", "roast", "grill", "whisk", "cut",
    "chop", "slice", "peel", "drain", "mash", "blend", "simmer", "garnish", "saute", "steam", "heat", "flip", "roll",
    "fold", "knead", "marinate", "rinse", "wash", "spread", "sprinkle", "pour", "cover", "strain", "dice", "mince",
    "grate", "beat", "grind", "rest", "cool", "dry", "turn", "layer", "combine", "coat", "crush", "set", "repeat",
    "enjoy",
})  # fmt: skip
"""What recipes tell one to do: often taken for nouns in `and mix`."""

VERBS_LIKE_NOUNS = STEPS | frozenset({
    "run", "walk", "hike", "dance", "play", "jump", "ride", "surf", "ski", "swim", "race", "climb", "sit", "stand",
    "lie", "look", "watch", "wait", "rest", "pose", "smile", "laugh", "talk", "stare", "fight", "wrestle", "kick",
    "throw", "catch", "hit", "swing", "skate", "skateboard", "snowboard", "bike", "slide", "fly", "dive", "fall",
    "leap", "move", "pass", "cross", "travel", "drive", "park", "graze", "grazing", "feed", "drink", "eat", "cheer",
    "wave", "point", "sing", "perform", "march", "parade", "gather", "work", "shop", "fish", "paddle", "row", "sail",
    "float", "splash", "bark", "chase", "kneel", "clap", "tackle", "box", "practice", "compete", "lean", "stretch",
    "sleep", "hold", "stroll", "crawl", "cuddle", "hug", "kiss", "peer", "gaze", "shoot", "show", "waiting",
    "playing", "sitting", "standing", "eating", "walking", "running", "riding", "flying", "jumping", "looking",
    "watching", "moving", "smiling", "talking", "sleeping", "love", "enjoy", "lounge", "speed", "skid", "roam",
    "flow", "shine", "glow", "rise", "set", "melt", "burn", "spin",
})  # fmt: skip
"""Verbs that a tagger takes for nouns after their subject: `three men hike`, `outfits dance together`."""

PARTICLES = frozenset({
    "up", "down", "out", "off", "away", "back",
})  # fmt: skip
"""Adverbs that belong to their verb's name: `look up at`."""

GERUNDS = frozenset({
    "climbing", "building", "clothing", "wedding", "painting", "railing", "ceiling", "ring", "string", "king",
    "wing", "thing", "awning", "icing", "crossing", "lighting", "racing", "boarding", "rafting", "skating", "skiing",
    "diving", "surfing", "fishing", "boxing", "pudding", "topping", "dressing", "filling", "seating", "landing",
    "parking", "lining", "siding", "flooring", "frosting", "stuffing", "drawing", "sibling", "spring", "swing",
    "sling", "earring", "opening", "skateboarding", "snowboarding", "wrestling", "bowling", "cycling", "biking",
    "riding", "hiking", "shopping", "meeting", "greeting", "herring", "bedding", "piping", "tubing", "covering",
    "decking", "paragliding", "gardening", "cheerleading", "sailing", "kayaking", "swimming", "dumpling", "duckling",
    "housing", "sewing",
})  # fmt: skip
"""Nouns in -ing that stand after other nouns: `rock climbing`."""

CONTENTS = frozenset({
    "sauce", "oil", "powder", "juice", "paste", "vinegar", "sugar", "flour",
})  # fmt: skip
"""Of these a list without commas goes on with the next thing: `fish sauce sugar`."""

CONTAINERS = frozenset({
    "bottle", "bowl", "jar", "can", "cup", "mixture", "packet", "box", "container", "pan", "dish", "shaker", "bag",
    "cube", "stand", "factory", "glass", "pitcher", "mill", "painting", "mix", "cookie", "cake", "solution", "paint",
})  # fmt: skip
"""After those these are still the same thing: `oil bottle`."""

ANIMATES = frozenset({
    "man", "woman", "person", "people", "boy", "girl", "child", "kid", "baby", "toddler", "lady", "guy", "gentleman",
    "player", "skier", "surfer", "skateboarder", "snowboarder", "rider", "biker", "cyclist", "runner", "athlete",
    "chef", "cook", "worker", "soldier", "officer", "policeman", "fireman", "student", "teacher", "dancer", "singer",
    "crowd", "couple", "family", "team", "friend", "mother", "father", "son", "daughter", "brother", "sister",
    "group", "adult", "teenager", "dog", "cat", "horse", "cow", "sheep", "elephant", "giraffe", "zebra", "bear",
    "bird", "puppy", "kitten", "monkey", "goat", "duck", "animal", "fish", "seagull", "pigeon", "lamb", "male",
    "female", "individual", "somebody",
})  # fmt: skip
"""Who does things, among the nouns of captions."""

FIXED = {
    "living": ("room",), "dining": ("room", "table", "hall"), "waiting": ("room",), "changing": ("room",),
    "swimming": ("pool", "suit", "trunk", "trunks"), "washing": ("machine",), "sewing": ("machine",),
    "vending": ("machine",), "parking": ("lot", "garage", "space", "meter"),
    "shopping": ("cart", "bag", "mall", "center", "centre", "basket"), "cutting": ("board",), "chopping": ("board",),
    "ironing": ("board",), "frying": ("pan",), "mixing": ("bowl",), "measuring": ("cup", "tape"),
    "sleeping": ("bag",), "rocking": ("chair",), "chewing": ("gum",),
    "fishing": ("rod", "boat", "net", "line", "pole"), "sailing": ("boat", "ship"), "rowing": ("boat",),
    "racing": ("car", "bike", "track"), "running": ("shoe", "track"), "hiking": ("trail", "boot"),
    "boxing": ("ring",), "steering": ("wheel",), "climbing": ("wall",), "playing": ("card", "field"),
    "walking": ("stick",), "drinking": ("fountain", "glass"), "wrapping": ("paper",),
    "hot": ("dog", "tub", "sauce", "air"), "high": ("school", "chair", "heel", "heels", "jump", "bar"),
    "fast": ("food",), "polar": ("bear",), "double": ("decker",), "solar": ("panel",), "electric": ("guitar",),
    "remote": ("control", "controller"), "bathing": ("suit",), "ice": ("cream",), "soft": ("drink",),
    "flat": ("screen",), "green": ("onion", "bean", "pepper", "screen", "tea"), "black": ("pepper", "bean", "hole"),
    "bell": ("pepper",), "red": ("pepper", "onion", "wine", "carpet"), "white": ("wine", "water", "board"),
    "brown": ("sugar", "bear", "rice"), "sour": ("cream",), "whipped": ("cream",), "powdered": ("sugar",),
    "ground": ("beef", "pork", "meat", "turkey"), "french": ("fry", "fries", "toast", "horn"), "sweet": ("potato",),
    "baked": ("goods",), "wet": ("suit",), "hard": ("hat",), "golden": ("retriever",), "german": ("shepherd",),
    "siamese": ("cat",), "martial": ("art", "arts"), "long": ("board", "jump"), "front": ("door", "yard", "desk"),
    "back": ("yard", "door", "pack"), "inner": ("tube",), "barbed": ("wire",), "tight": ("rope",),
    "parallel": ("bar",), "uneven": ("bar",), "digital": ("camera", "clock"), "cell": ("phone",),
    "mobile": ("phone", "home"), "smart": ("phone",), "christmas": ("tree", "light"),
    "public": ("transit", "transport", "restroom"), "grizzly": ("bear",), "ferris": ("wheel",),
    "folding": ("chair",), "skating": ("rink",), "bowling": ("ball", "alley", "pin"), "punching": ("bag",),
    "riding": ("horse", "lawn"), "diving": ("board",), "lawn": ("mower",), "wading": ("pool",), "loading": ("dock",),
    "serving": ("dish", "tray"), "baking": ("sheet", "tray", "soda", "powder", "dish", "pan"),
    "cooking": ("oil", "pot", "pan", "show"), "stained": ("glass",), "fire": ("hydrant",), "power": ("line", "pole"),
    "paper": ("towel", "bag", "plane", "airplane", "clip"), "rubber": ("band",), "bamboo": ("shoot",),
    "bulletin": ("board",), "grand": ("piano",), "bobby": ("pin",), "opening": ("credit",), "closing": ("credit",),
    "palm": ("tree",), "park": ("bench",), "pine": ("tree",), "water": ("ski",), "street": ("light", "sign"),
    "stop": ("sign",), "tin": ("can", "foil"), "iron": ("board",), "cotton": ("candy",), "wine": ("glass",),
    "orange": ("juice", "slice", "tree", "peel"), "lime": ("juice",), "gold": ("fish", "medal"),
    "silver": ("medal",), "brass": ("band", "instrument"), "wood": ("chip", "stove"), "metal": ("detector",),
    "cream": ("cheese", "sauce"), "navy": ("officer", "ship"),
    "light": ("bulb", "switch", "pole", "post", "fixture"),
}  # fmt: skip
"""Words that are no attribute of these nouns, but the first half of their names: `living room`."""

PLAIN_COLOURS = COLOURS - {
    "orange", "violet", "silver", "gold", "golden", "cream", "tan", "navy", "turquoise", "teal",
}  # fmt: skip
"""Those that are no things too."""
