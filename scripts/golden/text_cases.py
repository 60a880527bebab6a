"""Writes golden/clip-text: a small CLIP tokenizer, ids of many captions, and small text towers with their outputs.

Needs transformers and open_clip. Tokenizers and models are files that these wrote; every weight is drawn anew.
"""

import json
import shutil
from collections import Counter

import open_clip
import torch
from safetensors.torch import save_file
from transformers import CLIPConfig, CLIPModel, CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

from golden_file import Topic, single
from text_captions import CAPTIONS, CORPUS

SEED = 20261123
LENGTH = 77
START, END = "<|startoftext|>", "<|endoftext|>"
# for the towers: one that ends at the limit, one beyond, an empty one, one with an end token inside
ENCODED = ["a photo of a cat", "", "x " * 500, "a cat <|endoftext|> and a dog", "three birds on a wire! \U0001f431"]


def trained_merges(count):
    """The most frequent pair becomes one token, again and again; of equally frequent ones the first by name.

    The trainer of the tokenizers package breaks ties by the order of a hash table.
    """
    split = CLIPTokenizer().backend_tokenizer.pre_tokenizer.pre_tokenize_str
    words = Counter(word for line in CORPUS.strip().splitlines() for word, _ in split(line))
    parts = {word: [*word[:-1], word[-1] + "</w>"] for word in words}
    merges = []
    for _ in range(count):
        pairs = Counter()
        for word, tokens in parts.items():
            for pair in zip(tokens, tokens[1:]):
                pairs[pair] += words[word]
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append(best)
        for word, tokens in parts.items():
            joined = []
            for token in tokens:
                if joined and (joined[-1], token) == best:
                    joined[-1] += token
                else:
                    joined.append(token)
            parts[word] = joined
    return merges


def trained_vocabulary():
    """Ids and merges in the order of CLIP's own: bytes, bytes that end a word, merged tokens, special tokens."""
    merges = trained_merges(200)
    # the printable bytes first, as in CLIP, so that ! has id 0
    order = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = [byte for byte in range(256) if byte not in order]
    alphabet = [chr(byte) for byte in order] + [chr(256 + i) for i in range(len(rest))]
    tokens = alphabet + [c + "</w>" for c in alphabet] + ["".join(pair) for pair in merges] + [START, END]
    assert len(set(tokens)) == len(tokens)
    return {token: i for i, token in enumerate(tokens)}, merges


def added(content, normalized=True):
    return {"content": content, "lstrip": False, "normalized": normalized, "rstrip": False, "single_word": False}


def save_vocabulary(folder, ids, merges):
    """vocab.json and merges.txt, as they were published with CLIP and Stable Diffusion 1."""
    folder.mkdir(parents=True)
    (folder / "vocab.json").write_text(json.dumps(ids, ensure_ascii=False))
    lines = ["#version: 0.2", *(" ".join(pair) for pair in merges), ""]
    (folder / "merges.txt").write_text("\n".join(lines))


def write_json(path, content):
    path.write_text(json.dumps(content, indent=2) + "\n")


def tokenizers(topic, ids, merges):
    """The same vocabulary in every form in which it is found, and the ids that transformers makes with each."""
    root = topic.folder / "tokenizers"
    shutil.rmtree(root, ignore_errors=True)
    current = CLIPTokenizer(vocab=ids, merges=merges, model_max_length=LENGTH)
    current.save_pretrained(root / "current")
    # as tokenizers before 0.20 wrote it, with the pattern of transformers 4
    older = json.loads((root / "current/tokenizer.json").read_text())
    older["model"]["merges"] = [" ".join(pair) for pair in older["model"]["merges"]]
    del older["model"]["byte_fallback"], older["model"]["ignore_merges"]
    split = older["pre_tokenizer"]["pretokenizers"][0]["pattern"]
    split["Regex"] = split["Regex"].replace(r"<\|startoftext\|>|<\|endoftext\|>|", "")
    older["added_tokens"][0]["normalized"] = True
    (root / "older").mkdir()
    write_json(root / "older/tokenizer.json", older)
    save_vocabulary(root / "bare", ids, merges)
    special = {"bos_token": added(START), "eos_token": added(END), "unk_token": added(END)}
    config = {"model_max_length": LENGTH, "tokenizer_class": "CLIPTokenizer", "do_lower_case": True}
    save_vocabulary(root / "diffusion-1", ids, merges)
    write_json(root / "diffusion-1/tokenizer_config.json", config | {"pad_token": END} | {
        key: {"__type": "AddedToken"} | value for key, value in special.items()})
    write_json(root / "diffusion-1/special_tokens_map.json", special | {"pad_token": END})
    shutil.copytree(root / "diffusion-1", root / "diffusion-2")
    write_json(root / "diffusion-2/special_tokens_map.json", special | {"pad_token": "!"})
    shutil.copytree(root / "diffusion-2", root / "listed")
    write_json(root / "listed/tokenizer_config.json", config | {"pad_token": "!", "bos_token": START, "eos_token": END} | {
        "added_tokens_decoder": {
            "0": added("!", False) | {"special": True},
            str(ids[START]): added(START) | {"special": True},
            str(ids[END]): added(END) | {"special": True}}})
    extended = CLIPTokenizer(vocab=ids, merges=merges, model_max_length=LENGTH, pad_token="<|pad|>")
    extended.add_tokens(["my-cat"])
    extended.save_pretrained(root / "extended")
    rows = {}
    for folder in sorted(root.iterdir()):
        tokenizer = CLIPTokenizer.from_pretrained(folder)
        filled = tokenizer(CAPTIONS, padding="max_length", truncation=True, max_length=LENGTH)["input_ids"]
        rows[folder.name] = {"pad": tokenizer.pad_token_id, "rows": [without_tail(row) for row in filled]}
    topic.write_json("ids", {"captions": CAPTIONS, "ids": rows})
    return current


def without_tail(row):
    """A row as text, of the equal ids at its end only the first: the test fills up with padding."""
    while len(row) > 1 and row[-1] == row[-2]:
        row = row[:-1]
    return " ".join(map(str, row))


def random_state(model, draws):
    state = {}
    for key, value in model.state_dict().items():
        if "norm" in key or "ln_" in key:
            state[key] = draws.normal(key, value.shape, 0.2, mean=1.0 if key.endswith("weight") else 0.0)
        elif key.endswith("bias"):
            state[key] = draws.normal(key, value.shape, 0.1)
        elif "embedding" in key:
            state[key] = draws.normal(key, value.shape, 0.5)
        elif value.dim() > 1:
            state[key] = draws.normal(key, value.shape, 1.5 * value[0].numel() ** -0.5)
        else:
            state[key] = value.float()
    return state


def text_config(vocabulary, **changes):
    shape = dict(vocab_size=vocabulary, hidden_size=24, intermediate_size=40, num_hidden_layers=2, num_attention_heads=3,
                 max_position_embeddings=LENGTH, projection_dim=10, bos_token_id=vocabulary - 2,
                 eos_token_id=vocabulary - 1, pad_token_id=1)
    return CLIPTextConfig(**(shape | changes))


def clean(folder):
    shutil.rmtree(folder, ignore_errors=True)
    return folder


def published(topic, name, model, tokenizer):
    """The folder that save_pretrained makes, without modes that differ from machine to machine."""
    folder = clean(topic.folder / name)
    model.float().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    for file in folder.iterdir():
        file.chmod(0o644)


def transformers_cases(topic, tokenizer, vocabulary):
    ids = torch.tensor(tokenizer(ENCODED, padding="max_length", truncation=True, max_length=LENGTH)["input_ids"])
    vision = dict(hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1, image_size=8, patch_size=8)
    configs = {
        "plain": text_config(vocabulary),
        "projection": text_config(vocabulary, hidden_act="gelu", eos_token_id=2, layer_norm_eps=1e-3, num_hidden_layers=3),
    }
    for name in ("plain", "projection", "whole"):
        if name == "whole":
            text = text_config(vocabulary, num_attention_heads=2).to_dict()
            model = CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=10))
        else:
            model = (CLIPTextModel if name == "plain" else CLIPTextModelWithProjection)(configs[name])
        state = random_state(model, topic.draws(name))
        model = model.double().eval()
        model.load_state_dict({key: value.double() for key, value in state.items()})
        with torch.no_grad():
            if name == "whole":
                out = model.text_model(ids)
                tokens, pooled = out.last_hidden_state, model.text_projection(out.pooler_output)
            else:
                out = model(ids)
                tokens, pooled = out.last_hidden_state, out.pooler_output if name == "plain" else out.text_embeds
        write(topic, name, ids, tokens, pooled)
        published(topic, name, model, tokenizer)


def open_clip_case(topic, tokenizer, vocabulary):
    """open_clip's own CLIP with padding of zeros, as its own tokenizer pads."""
    folder = clean(topic.folder / "open-clip")
    text = dict(context_length=LENGTH, vocab_size=vocabulary, width=32, heads=4, layers=2)
    vision = dict(image_size=8, layers=1, width=16, head_width=8, patch_size=8)
    model = open_clip.model.CLIP(embed_dim=12, vision_cfg=vision, text_cfg=text).eval()
    state = random_state(model, topic.draws("open-clip"))
    model.load_state_dict(state)
    model = model.double()
    tokenizer.save_pretrained(folder)
    config = json.loads((folder / "tokenizer_config.json").read_text()) | {"pad_token": "!"}
    write_json(folder / "tokenizer_config.json", config)
    write_json(folder / "open_clip_config.json", {
        "model_cfg": {"embed_dim": 12, "vision_cfg": vision, "text_cfg": text}, "preprocess_cfg": {}})
    save_file({key: value.contiguous() for key, value in state.items()}, folder / "open_clip_model.safetensors")
    padded = CLIPTokenizer.from_pretrained(folder)
    ids = torch.tensor(padded([caption.replace("!", ".") for caption in ENCODED], padding="max_length", truncation=True,
                              max_length=LENGTH)["input_ids"])
    with torch.no_grad():
        pooled = model.encode_text(ids)
        x = model.token_embedding(ids) + model.positional_embedding
        tokens = model.ln_final(model.transformer(x, attn_mask=model.attn_mask.double()))
    write(topic, "open-clip", ids, tokens, pooled)
    for file in folder.iterdir():
        file.chmod(0o644)


def write(topic, name, ids, tokens, pooled):
    topic.write(name, {"inputs/ids": ids, "outputs/tokens": single(tokens), "outputs/pooled": single(pooled)},
                {"family": "clip-text", "captions": json.dumps(ENCODED)})


def main():
    torch.set_num_threads(1)
    topic = Topic("maskalign-encoders", "clip-text", "text_cases.py", SEED, {"ids": 0, "outputs": 1e-5}, [
        "tokenizers/* are tokenizers as published in different years; ids.json has what each makes of all captions.",
        "plain, projection, whole and open-clip are folders as their libraries save them; NAME.safetensors has",
        "inputs/ids (N, 77) int64 of the captions in the metadata, outputs/tokens (N, 77, D), outputs/pooled (N, P).",
    ])
    ids, merges = trained_vocabulary()
    tokenizer = tokenizers(topic, ids, merges)
    transformers_cases(topic, tokenizer, len(ids))
    open_clip_case(topic, tokenizer, len(ids))
    topic.close()


if __name__ == "__main__":
    main()
