# SPDX-License-Identifier: Apache-2.0
"""The SentencePiece model: every word of the captions is one piece, everything else is spelled."""
import io
import os

import numpy as np
import sentencepiece
import torch

import clips as C

OTHER = ("the quick brown fox jumps over the lazy dog. sphinx of black quartz, judge my vow! "
         "a cat walks in the street of a city at day, people and trees, water, light, camera, beautiful scene? "
         "ABCDEFGHIJKLMNOPQRSTUVWXYZ 0123456789 (one) 'two' \"three\" four; five: six-seven & eight / nine")


def _sentences():
    texts = C.make(5, range(8000))[1]
    words = sorted({w for t in texts for w in t.split()})
    yield from texts
    for k in range(400):  # often enough that each becomes one piece
        yield " ".join(np.random.default_rng([6, k]).permutation(words))
    for _ in range(40):
        yield OTHER


def load(work, pieces=400):
    """The tokenizer of a working folder, trained there if it is not there yet."""
    path = os.path.join(work, "spiece.model")
    if not os.path.exists(path):
        out = io.BytesIO()
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=_sentences(), model_writer=out, vocab_size=pieces, model_type="unigram",
            character_coverage=1.0, pad_id=0, eos_id=1, unk_id=2, bos_id=-1, pad_piece="<pad>", eos_piece="</s>",
            unk_piece="<unk>", hard_vocab_limit=False, num_threads=1, minloglevel=2,
            required_chars="".join(chr(c) for c in range(33, 127)))
        with open(path, "wb") as f:
            f.write(out.getvalue())
    return open_model(path)


def open_model(path):
    return sentencepiece.SentencePieceProcessor(model_file=path)


def encode(sp, texts, longest):
    """Ids with the end piece and their mask, padded to the longest of the batch: (B, L) each."""
    ids = [sp.encode(t)[:longest - 1] + [1] for t in texts]
    width = max(map(len, ids))
    mask = torch.tensor([[True] * len(s) + [False] * (width - len(s)) for s in ids])
    return torch.tensor([s + [0] * (width - len(s)) for s in ids]), mask
