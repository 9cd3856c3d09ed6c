"""Loading: every way that works, and every way that cannot, each with one clear message."""

import json
import shutil
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
from checkpoints import TINY, write_byte_vocabulary
from huggingface_hub import constants
from safetensors.torch import load_file, save_file

from mingpt import weights
from mingpt.errors import WeightsError
from mingpt.weights import load

IDS = torch.tensor([[10, 20, 30]])


@pytest.fixture
def folder(tiny, tmp_path) -> Path:
    """A copy of the tiny model that a test may damage."""
    return Path(shutil.copytree(tiny[0], tmp_path / "model"))


def change(folder: Path, edit) -> None:
    """edit(tensors) on the model's file, with the file's names and layout."""
    tensors = load_file(folder / "model.safetensors")
    edit(tensors)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def change_config(folder: Path, **values) -> None:
    path = folder / "config.json"
    config = {**json.loads(path.read_text()), **values}
    path.write_text(json.dumps({k: v for k, v in config.items() if v != "absent"}))


# ---------------------------------------------------------------------------- what works


def test_layout_is_turned_once(tiny):
    """Conv1D's (in, out) on disk, (out, in) in memory."""
    folder, _ = tiny
    stored = load_file(folder / "model.safetensors")["transformer.h.1.mlp.c_fc.weight"]
    assert stored.shape == (64, 256)
    loaded = load(folder)[0].transformer.h[1].mlp.c_fc.weight
    assert loaded.is_contiguous()
    assert torch.equal(loaded, stored.t())


def test_ready_to_run(tiny):
    model, tokenizer = load(str(tiny[0]))
    assert model.name == str(tiny[0])
    assert not model.training
    assert not any(p.requires_grad for p in model.parameters())
    assert tokenizer.n_vocab == model.config.vocab_size == 256
    assert load(tiny[0], dtype=torch.bfloat16)[0](IDS).dtype == torch.bfloat16


def test_published_form(folder):
    """OpenAI's own upload: no `transformer.` in the names, the causal masks stored too."""
    expected = load(folder)[0](IDS)

    def edit(tensors):
        for name in list(tensors):
            tensors[name.removeprefix("transformer.")] = tensors.pop(name)
        for layer in range(3):
            tensors[f"h.{layer}.attn.bias"] = torch.ones(1, 1, 64, 64).tril()
        tensors["lm_head.weight"] = tensors["wte.weight"].clone()

    change(folder, edit)
    assert torch.equal(load(folder)[0](IDS), expected)


def test_half_precision_file(folder):
    expected = load(folder)[0](IDS)
    change(folder, lambda tensors: tensors.update({n: t.half() for n, t in tensors.items()}))
    model, _ = load(folder)
    assert model.dtype == torch.float32
    assert (model(IDS) - expected).abs().max() < 0.01 * expected.abs().max()


def test_file_with_and_without_its_config(folder):
    expected = load(folder)[0](IDS)
    path = folder / "model.safetensors"
    assert torch.equal(load(path)[0](IDS), expected)
    (folder / "config.json").unlink()
    assert load(path)[0].config.n_head == 1  # heads of 64, as in all published sizes


def test_split_file(folder):
    expected = load(folder)[0](IDS)
    tensors = list(load_file(folder / "model.safetensors").items())
    (folder / "model.safetensors").unlink()
    for i, part in enumerate([tensors[:7], tensors[7:]], start=1):
        save_file(dict(part), folder / f"model-0000{i}-of-00002.safetensors")
    assert torch.equal(load(folder)[0](IDS), expected)
    (folder / "model-00001-of-00002.safetensors").unlink()
    with pytest.raises(WeightsError, match="only 1 of the model's 2 parts"):
        load(folder)


def test_gpt2_vocabulary_where_there_is_no_other(folder):
    (folder / "vocab.tiktoken").unlink()
    with pytest.raises(WeightsError, match="256 tokens, not GPT-2's 50257"):
        load(folder)


# ---------------------------------------------------------------------------- what cannot


def truncate(folder):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1000])


def overwrite(folder):
    (folder / "model.safetensors").write_bytes(b"<html>404 Not Found</html>" * 100)


def empty(folder):
    (folder / "model.safetensors").write_bytes(b"")


def lose_a_tensor(folder):
    change(folder, lambda tensors: tensors.pop("transformer.h.2.mlp.c_fc.bias"))


def lose_a_layer(folder):
    def edit(tensors):
        for name in [n for n in tensors if ".h.2." in n]:
            del tensors[name]

    change(folder, edit)


def wrong_shape(folder):
    def edit(tensors):
        name = "transformer.h.0.attn.c_attn.weight"
        tensors[name] = tensors[name][:, :-1].contiguous()

    change(folder, edit)


def another_model(folder):
    def edit(tensors):
        tensors.clear()
        tensors["model.layers.0.self_attn.q_proj.weight"] = torch.zeros(4, 4)

    change(folder, edit)


def untied(folder):
    change(folder, lambda tensors: tensors.update({"lm_head.weight": torch.zeros(256, 64)}))


def only_a_pickle(folder):
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (truncate, r"model\.safetensors is damaged"),
        (overwrite, r"model\.safetensors is damaged"),
        (empty, r"model\.safetensors is damaged"),
        (lose_a_tensor, r"lacks transformer\.h\.2\.mlp\.c_fc\.bias: incomplete"),
        (lose_a_layer, r"lacks transformer\.h\.2\.ln_1\.weight and 11 more"),
        (wrong_shape, r"c_attn\.weight has the shape \(64, 191\), where .* \(64, 192\)"),
        (another_model, "none of GPT-2's tensors"),
        (untied, "lm_head that differs"),
        (only_a_pickle, r"no model\.safetensors .*\n.*pytorch_model\.bin is not read"),
        (lambda f: change_config(f, model_type="llama"), "'llama' model: only GPT-2"),
        (lambda f: change_config(f, n_embd="absent"), "lacks 'n_embd'"),
        (lambda f: change_config(f, n_layer=4), r"lacks transformer\.h\.3"),
        (lambda f: change_config(f, n_layer=2), r"has transformer\.h\.2.*which this GPT-2 has not"),
        (lambda f: change_config(f, n_head=7), "n_embd = 64 .* n_head = 7"),
        (lambda f: change_config(f, n_layer="many"), r"config\.json is damaged"),
        (lambda f: change_config(f, activation_function="relu"), "activation_function = 'relu'"),
        (lambda f: (f / "config.json").write_text("{"), r"config\.json is damaged"),
        (lambda f: (f / "config.json").write_text("[]"), r"config\.json is damaged"),
        (lambda f: (f / "config.json").write_bytes(b"\xff\xfe"), r"config\.json is damaged"),
    ],
)
def test_damaged(folder, damage, message):
    damage(folder)
    with pytest.raises(WeightsError, match=message):
        load(folder)


@pytest.mark.parametrize("name", ["gpt-2-huge", "no/such/folder", "./missing.safetensors", ""])
def test_no_such_model(name):
    with pytest.raises(WeightsError, match="There is no model"):
        load(name)


def test_a_file_of_another_kind(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("hello")
    with pytest.raises(WeightsError, match=r"not a \.safetensors file"):
        load(path)


# ---------------------------------------------------------------------------- Hugging Face


@pytest.fixture
def hub(tiny, tmp_path, monkeypatch):
    """An empty cache, a server that refuses, and the tiny model in place of the bundled one."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(weights, "BUNDLED_FOLDER", tiny[0])
    return tmp_path / "hub"


@pytest.mark.parametrize(
    ("offline", "reason"), [(False, "no connection"), (True, "HF_HUB_OFFLINE is set")]
)
def test_goes_on_with_the_bundled_model(hub, monkeypatch, offline, reason):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", offline)
    said = []
    model, _ = load("gpt2-medium", say=said.append)
    assert model.name == "shakespeare"
    assert len(said) == 1
    assert "gpt2-medium is not on this machine" in said[0]
    assert reason in said[0]
    assert "Going on with the bundled model" in said[0]


@pytest.mark.parametrize("owner", ["", "openai-community--"])
def test_from_the_local_cache(hub, tiny, owner):
    """The folders that huggingface_hub lays out, under the old name and the new."""
    repo = hub / f"models--{owner}gpt2"
    (repo / "refs").mkdir(parents=True)
    (repo / "refs" / "main").write_text("0" * 40)
    (repo / "snapshots").mkdir()
    shutil.copytree(tiny[0], repo / "snapshots" / ("0" * 40))
    said = []
    model, _ = load("gpt2", say=said.append)
    assert model.name == "gpt2"
    assert model.config.n_embd == TINY["n_embd"]
    assert said == []


@pytest.fixture
def server(monkeypatch, hub):
    """A server that answers as Hugging Face does, for the files in `served`: {path: bytes}."""
    served: dict[str, bytes] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            data = served.get(self.path.split("?")[0])
            if data is None:
                known = any(p.split("/resolve/")[0] in self.path for p in served)
                self.send_response(404)
                code = "EntryNotFound" if known else "RepoNotFound"
                self.send_header("X-Error-Code", code)
                data = b"{}"
            else:
                self.send_response(200)
                self.send_header("X-Repo-Commit", "1" * 40)
                self.send_header("ETag", f'"{len(data)}"')
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(data)

        do_HEAD = do_GET

        def log_message(self, *_):
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=http.serve_forever, daemon=True).start()
    monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{http.server_port}")
    monkeypatch.setattr(
        constants,
        "HUGGINGFACE_CO_URL_TEMPLATE",
        constants.ENDPOINT + "/{repo_id}/resolve/{revision}/{filename}",
    )
    yield served
    http.shutdown()
    http.server_close()


def test_download(server, tiny):
    for name in ("config.json", "model.safetensors"):
        path = f"/someone/tiny-gpt2/resolve/main/{name}"
        server[path] = (tiny[0] / name).read_bytes()
    said = []
    # Its vocabulary has no file at Hugging Face, so that loading ends after the download.
    with pytest.raises(WeightsError, match=r"256 tokens.*put its vocab\.tiktoken there"):
        load("someone/tiny-gpt2", say=said.append)
    assert said == ["Downloading someone/tiny-gpt2 from Hugging Face (once) ..."]
    server.clear()  # from the cache now
    snapshots = Path(constants.HF_HUB_CACHE) / "models--someone--tiny-gpt2" / "snapshots"
    write_byte_vocabulary(snapshots / ("1" * 40) / "vocab.tiktoken")
    model, _ = load("someone/tiny-gpt2", say=said.append)
    assert len(said) == 1
    assert torch.equal(model(IDS), load(tiny[0])[0](IDS))


def test_no_such_repository(server):
    with pytest.raises(WeightsError, match="no public model 'someone/nothing'"):
        load("someone/nothing", say=lambda _: None)


def test_a_repository_without_safetensors(server, tiny):
    server["/someone/old/resolve/main/config.json"] = (tiny[0] / "config.json").read_bytes()
    with pytest.raises(WeightsError, match=r"'someone/old' has no single model\.safetensors"):
        load("someone/old", say=lambda _: None)
