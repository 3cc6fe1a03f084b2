"""Whether a clip's caption says that it shows its topic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, NamedTuple

from ..engine.contract.measures import check_score
from ..engine.contract.step import Step
from ..models.chat.model import ChatModel
from ..models.chat.prompt import load_prompt
from ..models.chat.step import ChatStep
from ..models.chat.structured import ask_structured
from ..schemas import Caption, Clip, Col, Score

_TOPIC = "topic"


class OnTopicInput(NamedTuple):
    """A clip, its captions, and its scores."""

    clip: Clip
    captions: list[Caption]
    scores: list[Score]


@dataclass(frozen=True)
class OnTopicAnswer:
    """What the model is asked for."""

    shows_topic: Annotated[bool, Col("whether the clip shows the topic")]


@dataclass(frozen=True)
class OnTopic(ChatStep[OnTopicInput, Score]):
    """Ask whether a clip shows its topic (the score ``topic``), by its caption: ``on_topic`` is 1 or 0.

    So VideoUFO's clips were verified by their detailed captions (Wang and Yang 2025, https://arxiv.org/abs/2503.01739):
    ``filters.keep: {where: on_topic = 1}`` keeps those that were found to. The longest caption counts where a clip has
    several. A clip without a topic or a caption has no score.
    """

    prompt: Annotated[
        str, Col("a prompt that ships, the path of a .j2 file, or the template: it may use `topic` and `caption`")
    ] = "on_topic"

    measures: ClassVar[tuple[str, ...]] = ("on_topic",)

    def check(self, earlier: Sequence[Step]) -> None:
        """Raise ``UserError`` where nothing before it finds topics, for an unknown model, and for a broken prompt."""
        super().check(earlier)
        check_score("captioners.on_topic needs a score that", _TOPIC, earlier)
        load_prompt(self.prompt).check({"topic": "dogs", "caption": "A dog runs."})

    def revision(self) -> str:
        """The prompt's text and the model's weights."""
        return f"{load_prompt(self.prompt).text}\0{super().revision()}"

    async def answer(self, row: OnTopicInput, model: ChatModel) -> list[Score]:
        """The score."""
        topics = [score.note for score in row.scores if score.name == _TOPIC and score.note]
        if not topics or not row.captions:
            return []
        caption = max(row.captions, key=lambda one: (len(one.text), one.caption_id))
        messages = self.open_prompt(self.prompt).messages({"topic": topics[0], "caption": caption.text})
        told = (await ask_structured(model, self.model, messages, OnTopicAnswer)).value
        clip, value = row.clip, float(told.shows_topic)
        return [Score(f"{clip.clip_id}_on_topic", clip.video_id, clip.clip_id, None, "on_topic", value, model.name)]
