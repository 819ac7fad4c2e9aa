/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of Open-Sora's configs, collected from its scripts/ and opensora/ at
 * the releases 1.0 to 2.0. */
#include "settings/config-keys.h"

#include "base/json.h"
#include "settings/config-file.h"

/* What scripts/inference*.py and what they call ask for. */
static const char *const script_keys[] = { "ae", "ae_spatial_compression",
  "aes", "align", "aspect_ratio", "batch_size", "bucket_config", "cal_stats",
  "camera_motion", "ckpt_path", "clip", "cond_type", "condition_frame_edit",
  "condition_frame_length", "csv_reference_column_name", "data_path", "dataset",
  "deflicker", "discriminator", "dtype", "end_index", "flash_attn", "flow",
  "fps", "fps_save", "frame_interval", "gan_loss_confg", "guidance",
  "guidance_img", "image_cfg_scale", "image_size", "img_flux", "img_flux_ae",
  "img_resolution", "is_init_image", "kl_loss_weight", "layernorm_kernel",
  "llm_refine", "log_stats_every", "logvar_init", "loop", "mask_strategy",
  "model", "motion_score", "multi_resolution", "neg_prompt",
  "num_bucket_build_workers", "num_frames", "num_sample", "num_samples",
  "num_steps", "num_workers", "offload_model", "outputs", "patch_size",
  "perceptual_loss_weight", "plugin", "plugin_ae", "plugin_config",
  "plugin_config_ae", "prefetch_factor", "pretrained_lora_path", "prompt",
  "prompt_as_path", "prompt_generator", "prompt_path", "prompt_refine", "ref",
  "reference_path", "resolution", "sample_name", "sampling_option", "save_dir",
  "save_fps", "save_prefix", "scheduler", "seed", "start_index",
  "super_resolution", "t5", "text_encoder",
  "use_oscillation_guidance_for_image", "use_oscillation_guidance_for_text",
  "use_sdedit", "use_t2i2v", "vae", "vae_loss_config", "verbose", "watermark",
  NULL };

/* Arguments of the models, text encoders, VAEs and schedulers. */
static const char *const part_keys[] = { "act", "act_fn", "activation_fn",
  "axes_dim", "base_size", "block_out_channels", "block_type", "cache_dir",
  "cal_loss", "caption_channels", "cfg_channel", "cfg_scale", "ch", "ch_mult",
  "channel", "channel_multipliers", "class_dropout_prob", "cond_embed",
  "condition", "config", "context_in_dim", "decoder", "depth", "depth_list",
  "depth_single_blocks", "device", "device_map", "diffusion_steps",
  "disc_off_grad_ckpt", "double_latent", "double_z", "down_sampling_layer",
  "downsample_block_type", "downsample_match_channel", "downsample_shortcut",
  "drop_path", "dropout", "dtype", "embed_dim", "enable_flash_attn",
  "enable_flashattn", "enable_layernorm_kernel", "enable_sequence_parallelism",
  "encoder", "filters", "force_huggingface", "force_num", "freeze",
  "freeze_vae_2d", "freeze_y_embedder", "from_pretrained", "from_scratch",
  "fused_qkv", "grad_ckpt_settings", "guidance_embed", "hidden_size",
  "in_channels", "in_out_channels", "in_shortcut", "inflate_from_2d",
  "initial_image_scale", "input_nc", "input_size", "input_sq_size",
  "is_image_model", "is_training", "is_video", "kernel_size",
  "kv_compress_config", "latent_channels", "latent_embed_dim",
  "layers_per_block", "learn_sigma", "local_cache", "local_files_only",
  "max_length", "micro_batch_size", "micro_batch_size_2d", "micro_frame_size",
  "mid_block_add_attention", "mlp_ratio", "model_max_length", "model_name",
  "n_layers", "ndf", "no_temporal_pos_emb", "noise_schedule", "norm",
  "norm_num_groups", "normalization", "num_classes", "num_groups", "num_heads",
  "num_res_blocks", "num_sampling_steps", "num_tiles", "num_timesteps",
  "only_train_temporal", "out_act", "out_ch", "out_channels", "out_norm",
  "out_shortcut", "patch_size", "pred_sigma", "predict_xstart",
  "pretrained_path", "pretrained_source", "qk_norm", "qk_norm_legacy",
  "qkv_bias", "resamp_with_conv", "rescale_learned_sigmas", "resolution",
  "sample", "sample_size", "sample_tsize", "scale", "scale_factor",
  "scale_image_weight", "scale_temporal", "scaling_factor", "shardformer",
  "shift", "shift_factor", "sigma_small", "skip_temporal", "skip_y_embedder",
  "space_scale", "spatial_compression_ratio", "spatial_tile_size",
  "strict_load", "subfolder", "temporal_downsample", "temporal_overlap",
  "temporal_tile_size", "temporal_up_layers", "temporal_upsample", "theta",
  "tile_overlap_factor", "tile_size", "tiled_dim", "time_compression_ratio",
  "time_scale", "timestep_respacing", "torch_dtype", "transform_scale", "type",
  "upsample_block_type", "upsample_match_channel", "upsample_shortcut",
  "use_actnorm", "use_discrete_timesteps", "use_flaw_fix", "use_kl",
  "use_liger_rope", "use_oscillation_guidance", "use_pretrained",
  "use_quant_conv", "use_slicing", "use_spatial_rope", "use_spatial_tiling",
  "use_temporal_tiling", "use_tiled_conv3d", "use_timestep_transform", "vae_2d",
  "vae_temporal", "vec_in_dim", "width_list", "z_channels", NULL };

/* SamplingOption of 2.0. */
static const char *const sampling_keys[] = { "aspect_ratio", "flow_shift",
  "guidance", "guidance_img", "height", "image_osci", "is_causal_vae", "method",
  "num_frames", "num_steps", "resolution", "scale_temporal_osci", "seed",
  "shift", "temporal_reduction", "text_osci", "width", NULL };

static const char *const parts[] = { "model", "vae", "text_encoder",
  "scheduler", "ae", "t5", "clip", "img_flux", "img_flux_ae", NULL };

/* What Open-Sora would make something else with. */
static const char *const ignored_keys[] = { "llm_refine", "prompt_refine",
  "neg_prompt", "cond_type", "use_sdedit", "use_t2i2v", "deflicker",
  "super_resolution", "watermark", "image_cfg_scale",
  "use_oscillation_guidance_for_text", "use_oscillation_guidance_for_image",
  "pretrained_lora_path", "motion_score", "scheduler.use_discrete_timesteps",
  "scheduler.use_oscillation_guidance", "scheduler.use_flaw_fix" };

/* The keys that a section may have; NULL: any. */
static const char *const *
section_keys (const char *section)
{
  if (g_strv_contains (parts, section))
    return part_keys;
  return g_str_equal (section, "sampling_option") ? sampling_keys : NULL;
}

static void
add_unknown (GStrvBuilder *unknown, JsonObject *section, const char *name)
{
  const char *const *known = section_keys (name);
  JsonObjectIter iter;
  const char *key;
  JsonNode *value;

  if (known == NULL)
    return;
  json_object_iter_init_ordered (&iter, section);
  while (json_object_iter_next_ordered (&iter, &key, &value)) {
    if (!g_strv_contains (known, key)) {
      g_autofree char *full = g_strconcat (name, ".", key, NULL);

      g_strv_builder_add (unknown, full);
    }
  }
}

char **
os_config_keys_unknown (JsonObject *config)
{
  g_autoptr (GStrvBuilder) unknown = g_strv_builder_new ();
  JsonObjectIter iter;
  const char *key;
  JsonNode *value;

  json_object_iter_init_ordered (&iter, config);
  while (json_object_iter_next_ordered (&iter, &key, &value)) {
    if (!g_strv_contains (script_keys, key))
      g_strv_builder_add (unknown, key);
    else if (JSON_NODE_HOLDS_OBJECT (value))
      add_unknown (unknown, json_node_get_object (value), key);
  }
  return g_strv_builder_end (unknown);
}

/* A value that asks for something: not False, nothing, "t2v" or "none". */
static gboolean
asks_for_something (JsonNode *node)
{
  const char *text;

  if (os_json_holds (node, G_TYPE_BOOLEAN))
    return json_node_get_boolean (node);
  if (!os_json_holds (node, G_TYPE_STRING))
    return TRUE;
  text = json_node_get_string (node);
  return *text != '\0' && g_ascii_strcasecmp (text, "none") != 0
         && !g_str_equal (text, "t2v");
}

/* STDiT3 is always run with the timestep transform; without the key Open-Sora
 * runs it without. */
static gboolean
lacks_transform (JsonObject *config)
{
  JsonNode *model = os_config_file_find (config, "model.type");
  JsonNode *transform =
      os_config_file_find (config, "scheduler.use_timestep_transform");

  return os_json_holds (model, G_TYPE_STRING)
         && g_str_has_prefix (json_node_get_string (model), "STDiT3-")
         && (transform == NULL || !asks_for_something (transform));
}

char **
os_config_keys_ignored (JsonObject *config)
{
  g_autoptr (GStrvBuilder) ignored = g_strv_builder_new ();

  if (lacks_transform (config))
    g_strv_builder_add (ignored, "scheduler.use_timestep_transform");

  for (guint i = 0; i < G_N_ELEMENTS (ignored_keys); i++) {
    JsonNode *node = os_config_file_find (config, ignored_keys[i]);

    if (node != NULL && asks_for_something (node))
      g_strv_builder_add (ignored, ignored_keys[i]);
  }
  return g_strv_builder_end (ignored);
}
