# SPDX-License-Identifier: Apache-2.0
"""Write the model folder: the layout and tensor names of the published repositories, in half precision."""
import json
import os

import torch
from safetensors.torch import save_file

import model as M
import preview_map
import tokens
from dit_stage import DIT, FPS, MAX_LENGTH, T5, Transformer
from vae_stages import C2D, C3D

PROMPT = "a red circle moving right on a blue background"


def export(work, out):
    load = lambda stage: torch.load(os.path.join(work, stage + "-final.pt"), map_location="cpu")
    nets, vae = load(Transformer.name), load("video")
    vocabulary = tokens.load(work)

    def weights(folder, state, full=()):
        os.makedirs(os.path.join(out, folder), exist_ok=True)
        state = {k: (v.float() if k in full else v.half()).contiguous() for k, v in state.items()}
        path = os.path.join(out, folder, "model.safetensors")
        save_file(state, path, dict(format="pt"))
        os.chmod(path, 0o644)

    def config(path, **values):
        os.makedirs(os.path.dirname(os.path.join(out, path)), exist_ok=True)
        with open(os.path.join(out, path), "w") as f:
            f.write(json.dumps(values, indent=2) + "\n")

    weights("transformer", nets["dit"])
    weights("text_encoder", nets["t5"])
    weights("vae", vae, full=("scale", "shift"))
    config("transformer/config.json", architectures=["STDiT3"], model_type="STDiT3", **DIT, class_dropout_prob=0.1,
           drop_path=0.0, enable_flash_attn=False, enable_layernorm_kernel=False, enable_sequence_parallelism=False,
           freeze_y_embedder=False, input_size=[None] * 3, only_train_temporal=False, skip_y_embedder=False,
           torch_dtype="float16")
    config("text_encoder/config.json", architectures=["T5EncoderModel"], model_type="t5",
           vocab_size=vocabulary.get_piece_size(), **T5, feed_forward_proj="gated-gelu", dense_act_fn="gelu_new",
           is_gated_act=True, layer_norm_epsilon=1e-6, dropout_rate=0.1, is_encoder_decoder=True, pad_token_id=0,
           eos_token_id=1, decoder_start_token_id=0, tie_word_embeddings=False, torch_dtype="float16")
    config("vae/config.json", architectures=["VideoAutoencoderPipeline"], model_type="VideoAutoencoderPipeline",
           cal_loss=False, freeze_vae_2d=False, from_pretrained=None, micro_frame_size=17,
           scale=vae["scale"].flatten().tolist(), shift=vae["shift"].flatten().tolist(), torch_dtype="float16",
           vae_2d=dict(type="VideoAutoencoderKL", from_pretrained=None, micro_batch_size=4, config=dict(
               _class_name="AutoencoderKL", act_fn="silu", sample_size=64, scaling_factor=M.VideoVAE.FACTOR, **C2D,
               down_block_types=["DownEncoderBlock2D"] * 4, up_block_types=["UpDecoderBlock2D"] * 4)),
           vae_temporal=dict(type="VAE_Temporal", activation_fn="swish", **C3D))
    config("tokenizer/tokenizer_config.json", tokenizer_class="T5Tokenizer", extra_ids=0, additional_special_tokens=[],
           pad_token="<pad>", eos_token="</s>", unk_token="<unk>", model_max_length=MAX_LENGTH)
    config("tokenizer/special_tokens_map.json", pad_token="<pad>", eos_token="</s>", unk_token="<unk>")
    with open(os.path.join(out, "tokenizer", "spiece.model"), "wb") as f:
        f.write(vocabulary.serialized_model_proto())
    config("opensora.json", version="1.2", prompt=PROMPT, num_frames=17, height=64, width=64, fps=int(FPS),
           num_sampling_steps=30, cfg_scale=Transformer.guidance, use_timestep_transform=False,
           aes=0, frame_mask=False, multi_resolution="STDiT2", seed=42, model_max_length=MAX_LENGTH)
    preview_map.write(out)
    size = sum(os.path.getsize(os.path.join(d, f)) for d, _, files in os.walk(out) for f in files)
    print(f"{out}: {size / 1e6:.2f} MB")
