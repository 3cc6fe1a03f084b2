"""What clips are about: clusters of their captions, with names."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import numpy as np

from ..engine.contract.errors import UserError
from ..engine.contract.requirements import Requirement
from ..engine.contract.step import Global, Step, StepContext
from ..engine.storage.files import write_json
from ..models.chat.client import check_model, model_requirements, model_revision, open_model
from ..models.chat.model import ChatModel, ChatModelOptions
from ..models.chat.prompt import load_prompt
from ..models.chat.structured import ask_structured
from ..models.encoders.spread import spherical_kmeans, unit
from ..models.encoders.vectors import VectorChoiceError, choose_model
from ..schemas import Caption, Clip, Col, Embedding, Score
from .topic.words import telling_words

if TYPE_CHECKING:
    import duckdb

REPORT_FILE = "topics.json"
_SCORE = "topic"
_SHOWN = 10  # captions of a cluster that the model sees
_FETCHED = 4096


class TopicsInput(NamedTuple):
    """A clip, its captions, and their vectors (and all others)."""

    clip: Clip
    captions: list[Caption]
    embeddings: list[Embedding]


@dataclass(frozen=True)
class TopicAnswer:
    """What the model is asked for."""

    topic: Annotated[str, Col("one to three words that name what the texts have in common")]


class TopicTexts(NamedTuple):
    """One caption a clip, in order of the clips' ids, and its vector."""

    ids: list[tuple[str, str, str]]  # clip, video, caption
    texts: list[str]
    vectors: Any  # (N, D) float32


@dataclass(frozen=True)
class Topics(Global[TopicsInput, Score]):
    """Cluster clips by the vectors of their captions, and name each cluster's topic.

    As VideoUFO's topics were made of what users ask for (Wang and Yang 2025, https://arxiv.org/abs/2503.01739: 1.67
    million prompts, vectors of 384 numbers, k-means with 2,000 clusters, names by GPT-4o; clusters of one name are one
    topic, 1,291 were left). With a ``model`` it names each cluster by the captions nearest to its middle; without, the
    words that tell it from the others are its name. The first caption by id counts where a clip has several.

    The score ``topic`` is the topic's number, its ``note`` the name: ``filters.sample: {by: topic, most: 500}`` caps
    topics, ``captioners.on_topic`` asks whether a clip shows its topic. ``topics.json`` in the step's folder lists
    them.
    """

    clusters: Annotated[int, Col("how many clusters there are at most", low=1)] = 2000
    model: Annotated[ChatModelOptions | None, Col("the model that names clusters; null: their words do")] = None
    prompt: Annotated[str, Col("a prompt that ships, the path of a .j2 file, or the template: it may use `texts`")] = (
        "topic"
    )
    encoder: Annotated[str, Col("whose vectors of captions to read; empty: the only one's")] = ""
    seed: Annotated[int, Col("of the clusters", low=0)] = 0

    cost = "llm"
    memory_mb = 3000
    measures = (_SCORE,)

    def check(self, earlier: Sequence[Step]) -> None:
        """``UserError`` for a model that there is not, and a prompt that is broken."""
        if self.model is not None:
            check_model(self.model)
            load_prompt(self.prompt).check({"texts": ["A dog runs."]})

    def requirements(self) -> Sequence[Requirement]:
        """What the model takes."""
        return model_requirements(self.model) if self.model is not None else ()

    def paid_models(self) -> Sequence[str]:
        """The model, if it is on a server."""
        return (self.model.name,) if self.model is not None and self.model.url else ()

    def revision(self) -> str:
        """The prompt's text and the model's weights."""
        return f"{load_prompt(self.prompt).text}\0{model_revision(self.model)}" if self.model is not None else ""

    def rows(self, db: duckdb.DuckDBPyConnection, context: StepContext) -> Iterator[Score]:
        """The topic of each clip with a caption, in order of their ids.

        Raises:
            UserError: captions have no vectors, or of several encoders, and none is named.
        """
        held = _read(db, self._encoder(db))
        found = spherical_kmeans(held.vectors, self.clusters, self.seed)
        named = self._names(held, found.labels, found.centres, context)
        topics = sorted(set(named))
        numbers = [topics.index(name) for name in named]
        write_json(context.folder() / REPORT_FILE, _report(held, found.labels, numbers, topics))
        made = self.model.name if self.model is not None else "words"
        for (clip_id, video_id, _), label in zip(held.ids, found.labels.tolist(), strict=True):
            number = numbers[label]
            yield Score(f"{clip_id}_{_SCORE}", video_id, clip_id, None, _SCORE, float(number), made, topics[number])

    def _encoder(self, db: duckdb.DuckDBPyConnection) -> str:
        found = db.execute("SELECT DISTINCT model FROM embeddings WHERE caption_id IS NOT NULL ORDER BY 1").fetchall()
        try:
            return choose_model((str(model) for (model,) in found), self.encoder, "captioners.topics: captions")
        except VectorChoiceError as error:
            raise UserError(str(error), "" if found else "add captioners.text_embeddings before it") from None

    def _names(self, held: TopicTexts, labels: Any, centres: Any, context: StepContext) -> list[str]:
        """The name of each cluster."""
        words = telling_words(held.texts, labels.tolist(), len(centres))
        plain = [" ".join(own) or f"cluster {number}" for number, own in enumerate(words)]
        if self.model is None:
            return plain
        units = unit(held.vectors)
        shown = []
        for number, centre in enumerate(centres):
            mine = np.flatnonzero(labels == number)
            order = np.argsort(-(units[mine] @ centre), kind="stable")
            shown.append(list(dict.fromkeys(held.texts[at] for at in mine[order].tolist()))[:_SHOWN])
        with asyncio.Runner() as runner:
            return runner.run(self._ask(self.model, shown, context))

    async def _ask(self, options: ChatModelOptions, shown: Sequence[Sequence[str]], context: StepContext) -> list[str]:
        prompt = load_prompt(self.prompt)
        at_once = asyncio.Semaphore(max(1, options.max_concurrency))

        async def name(texts: Sequence[str], model: ChatModel) -> str:
            async with at_once:
                answer = await ask_structured(model, options, prompt.messages({"texts": list(texts)}), TopicAnswer)
                return " ".join(answer.value.topic.lower().split())

        async with open_model(options, context) as model:
            return await asyncio.gather(*(name(texts, model) for texts in shown))


def _report(held: TopicTexts, labels: Any, numbers: Sequence[int], topics: Sequence[str]) -> list[dict[str, Any]]:
    """Each topic, how many clips have it, and some captions."""
    told: list[dict[str, Any]] = [{"topic": name, "clips": 0, "captions": []} for name in topics]
    for text, label in zip(held.texts, labels.tolist(), strict=True):
        one = told[numbers[label]]
        one["clips"] += 1
        one["captions"] += [text] if len(one["captions"]) < 3 else []
    return told


def _read(db: duckdb.DuckDBPyConnection, model: str) -> TopicTexts:
    found = db.execute(_QUERY, [model])
    ids, texts, parts = list[tuple[str, str, str]](), list[str](), list[Any]()
    while rows := found.fetchmany(_FETCHED):
        ids += [(str(clip), str(video), str(caption)) for clip, video, caption, *_ in rows]
        texts += [str(text) for *_, text, _ in rows]
        parts.append(np.array([vector for *_, vector in rows], np.float32))
    return TopicTexts(ids, texts, np.concatenate(parts) if parts else np.zeros((0, 1), np.float32))


_QUERY = """
SELECT c.clip_id, c.video_id, t.caption_id, t.text, e.vector
FROM clips c JOIN captions t USING (clip_id) JOIN embeddings e ON e.caption_id = t.caption_id AND e.model = ?
QUALIFY row_number() OVER (PARTITION BY c.clip_id ORDER BY t.caption_id, e.embedding_id) = 1 ORDER BY c.clip_id
"""
