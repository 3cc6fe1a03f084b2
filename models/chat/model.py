"""A chat model, whatever runs it: what it is asked, what it answers, and how a recipe names one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, NamedTuple, Protocol, TypedDict

from ...schemas import Col


class ImagePart(NamedTuple):
    """A picture in a message."""

    jpeg: bytes


class VideoPart(NamedTuple):
    """A video in a message, as frames in time order; ``times_s`` are theirs on the video's clock."""

    frames: tuple[ImagePart, ...]
    times_s: tuple[float, ...]


Part = str | ImagePart | VideoPart


class Message(TypedDict):
    """One turn of a chat; ``role`` is ``system``, ``user`` or ``assistant``."""

    role: str
    content: str | Sequence[Part]


class ChatRequest(NamedTuple):
    """One question. With a JSON schema the answer's text is JSON of that shape, unless it was cut short."""

    messages: Sequence[Message]
    schema: Mapping[str, Any] | None = None
    max_tokens: int = 256
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0


class ChatAnswer(NamedTuple):
    """What a model said, and why it stopped: ``stop``, ``length``, or what its server calls it."""

    text: str
    finish_reason: str
    prompt_tokens: int
    completion_tokens: int


class ChatModel(Protocol):
    """A model that can be asked. With temperature 0 the same request gives the same answer, in any order."""

    @property
    def name(self) -> str:
        """What a caption's ``model`` says."""

    @property
    def revision(self) -> str:
        """Which weights, and what ran them."""

    async def ask(self, request: ChatRequest) -> ChatAnswer:
        """Answer a question; many may be under way at once.

        Raises:
            RowError: the model does not take these messages (too long, say).
            TransientError: it may answer when asked again.
            Waiting: its server is gone, or the budget is spent.
        """
        ...


@dataclass(frozen=True)
class ChatModelOptions:
    """Which model is asked, where it runs, and how it samples.

    In a recipe a plain word stands for ``{name: word}``.
    """

    name: Annotated[str, Col("`embedded`, `fake`, a model as its server calls it, or what vLLM loads")] = "embedded"
    url: Annotated[list[str], Col("OpenAI-compatible servers of it (`http://host:port/v1`)", local=True)] = field(
        default_factory=list
    )
    run: Annotated[str, Col("`vllm` runs it in this build's own process", choices=("", "vllm"))] = ""
    revision: Annotated[str, Col("its weights' revision, kept with every caption")] = ""
    max_tokens: Annotated[int, Col("longest answer", unit="tokens", low=1, high=131072)] = 256
    temperature: Annotated[float, Col("0 gives the same answer every time", low=0, high=2)] = 0.0
    top_p: Annotated[float, Col("share of the probability that is sampled from", low=0, high=1)] = 1.0
    seed: Annotated[int, Col("sampling seed", low=0)] = 0
    film: Annotated[str, Col("how several frames are shown", choices=("pictures", "video"))] = "pictures"
    extra: Annotated[dict[str, Any], Col("what else is sent with every request, such as `top_k`")] = field(
        default_factory=dict
    )
    settings: Annotated[dict[str, Any], Col("vLLM's engine arguments, such as `max_model_len`")] = field(
        default_factory=dict
    )
    key_env: Annotated[str, Col("environment variable that holds the servers' key", local=True)] = "OPENAI_API_KEY"
    at_once: Annotated[int, Col("questions under way at once, per server", low=1, high=4096, local=True)] = 16
    per_minute: Annotated[int, Col("questions a minute and server; 0: no limit", low=0, local=True)] = 0
    timeout_s: Annotated[
        float, Col("an answer that takes longer is asked for again", unit="s", low=0.01, local=True)
    ] = 300.0
    max_wait_s: Annotated[
        float, Col("a server that is gone for longer stops the step, to be resumed", unit="s", low=0, local=True)
    ] = 300.0

    def request(self, messages: Sequence[Message], schema: Mapping[str, Any] | None = None) -> ChatRequest:
        """A question with this model's sampling options."""
        return ChatRequest(messages, schema, self.max_tokens, self.temperature, self.top_p, self.seed)

    @property
    def max_concurrency(self) -> int:
        """Questions under way at once at its servers; 0 for a model that runs in a worker process."""
        return self.at_once * len(self.url)
