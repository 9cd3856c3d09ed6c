"""Weights from Hugging Face: from its cache on this machine, else by download."""

import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from mingpt.errors import LabError, WeightsError
from mingpt.model import PRESETS

TIMEOUT = 4  # seconds until a server that does not answer counts as out of reach
FILES = ("config.json", "model.safetensors")


class DownloadError(LabError):
    """Neither on this machine nor to be had now. The message says why."""


def fetch(name: str, say: Callable[[str], None]) -> Path:
    """The folder with config.json and model.safetensors of a model, `gpt2` or `owner/name`.

    Downloads what is not in the cache, with a progress bar. Raises DownloadError when the network
    (or HF_HUB_OFFLINE) does not let it, WeightsError when Hugging Face has no such model.
    """
    # The published sizes moved to an owner of their own; caches may have either name.
    names = (f"openai-community/{name}", name) if name in PRESETS else (name,)
    for candidate in names:
        if folder := _cached(candidate):
            return folder
    return _download(name, names[0], say)


def _cached(repo: str) -> Path | None:
    from huggingface_hub import try_to_load_from_cache

    paths = [try_to_load_from_cache(repo, file) for file in FILES]
    return Path(paths[-1]).parent if all(isinstance(p, str) for p in paths) else None


def _download(name: str, repo: str, say: Callable[[str], None]) -> Path:
    # Imported here: it takes a moment, and most runs need none of it.
    from huggingface_hub import constants, hf_hub_download
    from huggingface_hub.errors import (
        EntryNotFoundError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
    )

    missing = f"{name} is not on this machine, and cannot be downloaded"
    if constants.HF_HUB_OFFLINE:
        raise DownloadError(f"{missing}: HF_HUB_OFFLINE is set.")
    if not _reachable(constants.ENDPOINT):
        raise DownloadError(f"{missing}: there is no connection to Hugging Face.")
    say(f"Downloading {name} from Hugging Face (once) ...")
    try:
        paths = [hf_hub_download(repo, file, etag_timeout=TIMEOUT) for file in FILES]
    except LocalEntryNotFoundError:
        raise DownloadError(f"{missing}: the connection to Hugging Face broke off.") from None
    except RepositoryNotFoundError:
        raise WeightsError(f"Hugging Face has no public model {repo!r}.") from None
    except EntryNotFoundError:
        raise WeightsError(f"{repo!r} has no single model.safetensors: not a GPT-2.") from None
    except Exception as e:  # whatever the network, a proxy or the disk may do
        raise DownloadError(f"{missing} ({type(e).__name__}: {_first_line(e)}).") from None
    return Path(paths[-1]).parent


def _reachable(url: str) -> bool:
    """Whether anything at all answers there. (hf_hub_download would try again for 20 seconds.)

    On a thread of its own, because looking up a host's name knows no time limit.
    """
    answered = threading.Event()

    def ask():
        try:
            urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=TIMEOUT)
        except urllib.error.HTTPError:
            pass  # a refusal is an answer
        except (OSError, ValueError):
            return
        answered.set()

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(TIMEOUT)
    return answered.is_set()


def _first_line(e: Exception) -> str:
    return next(iter(str(e).splitlines()), "")
