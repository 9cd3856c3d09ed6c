"""A gpt.cu that decodes by itself (decoder.h): its logits, its text, its choices at random.

With float32 weights it must be as right as the layers alone. One that reads fewer bytes a step, and
says so by gpt_bytes_per_step, has rounded its weights, to 16 bits or to 8: its logits may be
farther off, and what they predict is compared as a whole. A token may then be another that is
nearly as good.
"""

import time
from dataclasses import dataclass

import numpy as np

from grader.client import RequestFailed, WorkerFailed
from grader.diagnosis.faults import explain
from grader.framework import Context, check
from grader.oracle import first_bad_token, first_difference, mean_divergence, relative_error
from grader.outcome import Failure, NotMeasured, Passed

ON_CPU = 272  # tokens of the longest text: more than 256, and the last position soon reached
TOP_K = 5
SIGMAS = 5  # a count this far from what is expected comes once in a million draws
POSITION = (
    "An id at `position` sees the keys and values of all before it, which earlier calls have put"
    " into the cache, and its own. Which row of wpe, which row of the cache, and how many keys?"
)
STEP = (
    "Fed at once this text was right, so look at what runs for a single id (step, in decoder.cuh)."
    " Is each sum right? Which row of wpe, which row of the cache, and how many keys? `simt check`"
    " finds missing barriers, and reads of what nobody has written: lab 5 has a cell for it."
)
AT_ONCE = "Does a token see itself and those before it, and none after? Which row of wpe is its?"
STALE = "A text begins with gpt_prefill, at position 0. What is left of the one before it?"


@check("decoder", needs=("build",), models=1)
def decoder(context: Context) -> Passed:
    """Your own decoder (decoder.h) gives the same logits and text"""
    if not has_decoder(context):
        message = "gpt.cu has no gpt_open, gpt_decode, ...: they are stage 5 (decoder.h)."
        if context.extra:
            raise NotMeasured(message)
        raise Failure(
            message,
            "The last line of gpt.cu includes decoder.cuh, when its // is taken away: it has them,"
            " as a beginning.",
        )
    with context.worker(with_model=True) as worker:
        own = Decoder(context, worker)
        figures = own.open() | own.check_logits()
        figures["texts"] = own.check_texts()
        own.check_sampling()
    return Passed(own.judged_as, figures=figures)


def has_decoder(context: Context) -> bool:
    with context.worker() as worker:
        path, limit = worker.show(context.session.library), context.rubric.time_limit
        reply, _ = worker.ask("load_library", path=path, device=context.device, limit=limit)
    return reply["decoder"]


def weights_of(reply: dict) -> str:
    """ "float32", "bf16" or "int8": by the bytes that a decoder says it reads a step, out of those
    that the float32 model has."""
    reads, has = reply["bytes_per_step"], reply["model_bytes_per_step"]
    if reads >= 0.75 * has:
        return "float32"
    return "bf16" if reads >= 0.375 * has else "int8"


@dataclass(frozen=True)
class Text:
    """What is generated: a name for messages, the prompt (T), and how many new ids."""

    name: str
    prompt: np.ndarray
    count: int
    hint: str = ""


def texts(oracle, size: int, rng: np.random.Generator) -> list[Text]:
    """Simplest first. size: the model's block_size.

    The last id of a text up to the last position is never fed.
    """
    longer = oracle.prompt(rng, size // 4)
    changed = other_beginning(longer, oracle, rng)
    return [
        Text("a prompt of one token", oracle.prompt(rng, 1), 8),
        Text("a longer prompt", longer, 12),
        Text("the same prompt with its beginning changed", changed, 4, STALE),
        Text("a short prompt after a longer text", oracle.prompt(rng, 3), 6, STALE),
        Text("a text up to the last position", oracle.prompt(rng, size - 8), 9, POSITION),
    ]


def other_beginning(prompt: np.ndarray, oracle, rng: np.random.Generator) -> np.ndarray:
    """The prompt with as few early ids changed as it takes for a clearly different answer: one that
    was remembered is then wrong."""
    remembered = oracle.logits(prompt)[-1].argmax()
    changed = prompt.copy()
    for i in range(prompt.size):
        changed[i] = (changed[i] + rng.integers(1, oracle.config.vocab_size)) % (
            oracle.config.vocab_size
        )
        logits = oracle.logits(changed)[-1]
        if logits.max() - logits[remembered] > 0.2 * np.abs(logits).max():
            break
    return changed


class Decoder:
    """The submission's decoder in a worker. What goes wrong in it is a Failure with a cause."""

    def __init__(self, context: Context, worker):
        self._context, self._worker, self._rng = context, worker, context.rng
        self._oracle, self._rubric = context.session.oracle, context.rubric
        self._deadline = time.monotonic() + context.rubric.time_limit
        self._size = self._oracle.config.block_size
        self.weights = "float32"

    @property
    def float32(self) -> bool:
        return self.weights == "float32"

    def allowed(self, name: str) -> float:
        """`name` of the rubric, for these weights."""
        return getattr(self._rubric, name if self.float32 else f"{self.weights}_{name}")

    @property
    def judged_as(self) -> str:
        return "" if self.float32 else f"It reads as few bytes as {self.weights} weights have."

    def open(self) -> dict:
        """gpt_open; what it says of itself, as figures."""
        if self._context.device == "cpu":
            self._size = min(ON_CPU, self._size)
            self._ask("The model", "shorten", block_size=self._size)
        path = self._worker.show(self._context.session.library)
        reply, _ = self._ask("gpt_open", "open_decoder", path=path)
        self.weights = weights_of(reply)
        return {"bytes_per_step": reply["bytes_per_step"]}

    @property
    def margin(self) -> float:
        """Of a token, behind the best: with rounded weights both logits may be off."""
        return self._rubric.margin if self.float32 else 2 * self.allowed("tolerance")

    # ------------------------------------------------------------------------------- logits

    def check_logits(self) -> dict:
        """Of a text fed at once, then of its beginning fed in pieces, most of one id."""
        ids = self._oracle.prompt(self._rng, self._size)
        expected = self._oracle.logits(ids)
        got = self._fed(f"{ids.size} ids fed at once", ids, 0)
        self._compare(f"of {ids.size} ids fed at once", got, expected, 0, AT_ONCE)
        position, pieces = 0, []
        for size in (5, 1, 1, 4, 1, 1):
            part = slice(position, position + size)
            name = f"{'an id' if size == 1 else f'{size} ids'} fed at position {position}"
            logits = self._fed(name, ids[part], position)
            hint = STEP if size == 1 else POSITION
            self._compare(f"of {name}", logits, expected[part], position, hint)
            pieces.append(logits)
            position += size
        divergence = mean_divergence(got, expected)
        if not self.float32 and divergence > self.allowed("kl"):
            raise Failure(
                f"What the logits predict is too far from the model: a KL divergence of"
                f" {divergence:.3g} nats on average, at most {self.allowed('kl'):g} is allowed"
                f" with {self.weights} weights.",
                "A scale for each row (or for smaller groups) keeps more of the weights than one"
                " for a whole matrix.",
            )
        piecewise = np.concatenate(pieces)  # prefill and decode may have weights of their own
        both = ((got, expected), (piecewise, expected[:position]))
        return {
            "logits_relative_error": max(relative_error(*one) for one in both),
            "divergence": max(mean_divergence(*one) for one in both),
        }

    def _fed(self, name: str, ids: np.ndarray, position: int) -> np.ndarray:
        _, arrays = self._ask(f"gpt_feed, with {name}", "feed", ids, position=position)
        shape = (ids.size, self._oracle.config.vocab_size)
        if [(a.dtype.name, a.shape) for a in arrays] != [("float32", shape)]:
            raise Failure("The worker sent back something else than logits.")
        return arrays[0]

    def _compare(
        self, name: str, got: np.ndarray, expected: np.ndarray, position: int, hint: str
    ) -> None:
        row = first_difference(got, expected, self.allowed("tolerance"))
        if row is None:
            return
        with np.errstate(invalid="ignore"):
            errors = np.nan_to_num(np.abs(got - expected)[row], nan=np.inf)
        column = int(errors.argmax())
        message = (
            f"gpt_feed: the logits {name} are wrong after position {position + row}: for id"
            f" {column} {got[row, column]:.6g}, expected {expected[row, column]:.6g}."
        )
        if np.isnan(got[row]).all():
            message += " They are NaN, as before the call: was any of them written?"
        elif (
            self.float32
            and first_difference(got, expected, wide := self._rubric.int8_tolerance) is None
        ):
            message += (
                f"\nAll are off by less than {wide:.0%} of the largest logit: are weights or sums"
                " narrower than float32?"
            )
            hint = (
                "Who rounds the weights says so by gpt_bytes_per_step; with float32 weights the"
                " sums too must be float32's. If nothing is rounded, a little is left out: do all"
                " lanes have the whole sum where all of them use it?"
            )
        raise Failure(message, hint, {"position": position + row})

    # --------------------------------------------------------------------------------- text

    def check_texts(self) -> int:
        """Greedy ids. Returns how many texts there were."""
        texts_ = texts(self._oracle, self._size, self._rng)
        for text in texts_:
            where = f"With {text.name} ({text.prompt.size} tokens)"
            _, arrays = self._ask(where, "decode", text.prompt, new_tokens=text.count)
            new = self._ids(arrays, (text.count,))
            expected = self._oracle.after_prompt(text.prompt, new)
            bad = first_bad_token(expected, new, self.margin)
            if bad is not None:
                best, step = (
                    int(expected[bad].argmax()),
                    "gpt_prefill" if bad == 0 else "gpt_decode",
                )
                raise Failure(
                    f"{where}: new token {bad}, which {step} picks, is {new[bad]}, expected"
                    f" {best}.",
                    text.hint or _picking(bad),
                    {"case": text.name, "first_wrong_token": bad},
                )
        return len(texts_)

    # ------------------------------------------------------------------------------ sampling

    def check_sampling(self) -> None:
        """Which ids come, and how often: at a moderate temperature, then at one so high that who
        does not keep to the k likeliest is sure to leave them."""
        prompt, count = self._oracle.prompt(self._rng, 4), self._rubric.samples
        moderate = halving_temperature(np.sort(self._oracle.logits(prompt)[-1])[-TOP_K:])
        self._draw(prompt, moderate, count)
        self._draw(prompt, 20 * moderate, -(-count // 4))

    def _draw(self, prompt: np.ndarray, temperature: float, count: int) -> None:
        """`count` texts with seeds of their own, 2 new tokens each."""
        seeds = self._rng.integers(0, 2**62, count)
        what = {"new_tokens": 2, "temperature": temperature, "top_k": TOP_K}
        name = f"With temperature {temperature:.3g} and top_k {TOP_K}"
        _, arrays = self._ask(name, "draw", prompt, seeds, **what)
        drawn = self._ids(arrays, (count, 2))
        for row in drawn:
            expected = self._oracle.after_prompt(prompt, row)
            for i, (logits, id) in enumerate(zip(expected, row, strict=True)):
                least = np.sort(logits)[-TOP_K] - self.margin * np.abs(logits).max()
                if logits[id] < least:
                    raise Failure(
                        f"{name}: new token {i} is {id}, which is not among the {TOP_K} likeliest.",
                        "top_k: find the k-th largest logit, and draw among those from it on.",
                    )
        self._count(name, drawn[:, 0], self._oracle.logits(prompt)[-1], temperature)

    def _count(self, name: str, first: np.ndarray, logits: np.ndarray, temperature: float) -> None:
        likeliest = np.argsort(logits)[-TOP_K:]
        weights = np.exp((logits[likeliest] - logits.max()) / temperature)
        for id, p in zip(likeliest, weights / weights.sum(), strict=True):
            count, n = int((first == id).sum()), first.size
            if abs(count - n * p) > SIGMAS * np.sqrt(n * p * (1 - p)) + 1:
                raise Failure(
                    f"{name}: of {n} texts with seeds of their own, {count} begin with id {id},"
                    f" where about {n * p:.0f} should.",
                    "Divide the logits by the temperature, take the softmax of the k likeliest, and"
                    " draw with a number that depends on the seed and on the step.",
                )

    def _ids(self, arrays: list[np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
        good = [(a.dtype.name, a.shape) for a in arrays] == [("int64", shape)]
        if not good or arrays[0].min() < 0 or arrays[0].max() >= self._oracle.config.vocab_size:
            raise Failure("The worker sent back something else than ids.")
        return arrays[0]

    def _ask(self, name: str, op: str, *arrays: np.ndarray, **fields):
        """What fails is said with what was asked."""
        limit = max(0.1, self._deadline - time.monotonic())
        try:
            return self._worker.ask(op, *arrays, limit=limit, **fields)
        except (RequestFailed, WorkerFailed) as error:
            failure = explain(error)
            message = f"{name}: {failure.message}"
            raise Failure(message, failure.hint, failure.figures) from error


def _picking(bad: int) -> str:
    if bad == 0:
        return "Its logits by gpt_feed are right: which row of them does gpt_prefill pick from?"
    return (
        "gpt_decode feeds the id that was picked last, one position after the one before it, and"
        " picks from the logits of that step. Or does a block read what another has yet to write?"
        " `simt check` finds it: labs 5 and 6 have a cell."
    )


def halving_temperature(logits: np.ndarray) -> float:
    """That at which the likeliest of these comes every second time."""
    low, high = 1e-3, 1e3
    for _ in range(60):
        middle = np.sqrt(low * high)
        weights = np.exp((logits - logits.max()) / middle)
        low, high = (middle, high) if weights.max() / weights.sum() > 0.5 else (low, middle)
    return float(low)
