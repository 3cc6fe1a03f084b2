"""Which of the vectors at hand a step compares: those of one encoder."""

from __future__ import annotations

from collections.abc import Iterable

from ...engine.contract.errors import nearest


class VectorChoiceError(Exception):
    """There are no vectors of the encoder that was asked for (``no_vectors``), or of several (``which_encoder``)."""

    def __init__(self, message: str, kind: str) -> None:
        super().__init__(message)
        self.kind = kind


def choose_model(models: Iterable[str], encoder: str, owner: str, option: str = "encoder") -> str:
    """The one ``Embedding.model`` among ``models`` that ``encoder`` names; an empty ``encoder`` takes the only one.

    ``encoder`` is an encoder's name, or all that ``Embedding.model`` says. For messages, ``owner`` says what has the
    vectors, such as ``captions``, and ``option`` where an encoder is named.

    Raises:
        VectorChoiceError: there is none, or more than one.
    """
    there = sorted(set(models))
    found = [model for model in there if encoder in ("", model, model.partition(" (")[0])]
    if len(found) == 1:
        return found[0]
    if found:
        raise VectorChoiceError(
            f"{owner} have vectors by {' and by '.join(found)}: name one with `{option}`", "which_encoder"
        )
    if there:
        message = f"{owner} have vectors by {', '.join(there)}, not by {encoder}{nearest(encoder, there)}"
        raise VectorChoiceError(message, "no_vectors")
    raise VectorChoiceError(f"{owner} have no vectors", "no_vectors")
