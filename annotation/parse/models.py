"""The pipeline that tags are made with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...engine.contract.errors import UserError
from ...models.text.spacy_pipelines import load_pipeline

if TYPE_CHECKING:
    from spacy.language import Language

NEEDED = ("tok2vec", "transformer", "tagger", "morphologizer", "parser", "attribute_ruler", "lemmatizer",
          "trainable_lemmatizer")  # fmt: skip
"""Of all that a pipeline may hold; names of people and places are found for nobody here."""


def load_model(model: str) -> Language:
    """The pipeline ``model``, without the parts that tags do not need.

    Raises:
        UserError: as ``load_pipeline``, or it cannot parse English.
    """
    nlp = load_pipeline(model, NEEDED)
    if nlp.lang != "en" or "parser" not in nlp.pipe_names:
        said = f"its language is {nlp.lang}" if nlp.lang != "en" else "it has no parser"
        raise UserError(f"the spaCy pipeline {model} cannot make tags: {said}", "the rules are for English")
    return nlp
