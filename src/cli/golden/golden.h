/* SPDX-License-Identifier: Apache-2.0 */
/* opensora-golden: runs golden cases, which are inputs, weights and outputs of
 * the reference implementation, against the library.
 *
 * A case is a folder with case.json, and weights, inputs and outputs as
 * .safetensors. Its "runs" name an op each; the op's handler calls the library
 * and hands every result to golden_output(), which compares it. Results that
 * the golden does not list are ignored, so that a handler offers all it has. */
#pragma once

#include <json-glib/json-glib.h>

#include "compute/ops.h"
#include "models/blocks/attention.h"
#include "models/stdit.h"
#include "pipeline/bundle.h"
#include "vae/vae12.h"
#include "weights/binder.h"
#include "weights/config.h"

/* --- compare.c --- */

/* |got - want| <= atol + rtol |want| for every element; in 8-bit pictures
 * atol is in levels, and at most this share of elements may differ. */
typedef struct {
  double atol, rtol, share;
} GoldenBounds;

typedef struct {
  double max_abs;
  double max_rel;   /* max_abs / max |want| */
  gint64 n_outside; /* elements beyond their bound */
  gint64 n_differing;
  gint64 worst; /* the element farthest beyond its bound */
} GoldenDifference;

GoldenBounds golden_bounds_read (JsonObject *bounds);
/* TRUE if within the bounds; a NaN never is. */
gboolean golden_compare (const GoldenBounds *bounds, gint64 n,
    const double *got, const double *want, GoldenDifference *difference);

/* --- case.c --- */

/* What the command line says. */
typedef struct {
  OsCompute *compute;
  const char *demo_model;   /* folder or NULL */
  const char *t5_tokenizer; /* spiece.model or NULL */
  gboolean verbose;
} GoldenSetup;

/* One case, and what became of it. */
typedef struct {
  const GoldenSetup *setup;
  char *folder;
  JsonParser *parser;
  JsonObject *json;
  OsCheckpoint *weights, *inputs, *wanted; /* NULL if there is no such file */

  double max_abs, max_rel;
  guint n_compared;
  char *failure;       /* the first one, or NULL */
  GPtrArray *missing;  /* outputs that need a feature the library lacks */
  const char *feature; /* the first such feature */
} GoldenCase;

GoldenCase *golden_case_open (
    const GoldenSetup *setup, const char *folder, GError **error);
void golden_case_free (GoldenCase *golden);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GoldenCase, golden_case_free)
const char *golden_case_get_name (const GoldenCase *golden);
const char *golden_case_get_family (const GoldenCase *golden);

/* How a tensor observed inside the library lies in the golden: a view of it. */
typedef OsTensor *(*GoldenView) (
    const char *name, const OsTensor *got, const OsTensor *want);

/* One run of a case: what a handler sees. */
typedef struct _GoldenRun {
  GoldenCase *of;
  OsCompute *compute;
  JsonObject *json; /* of the case */
  char *prefix;     /* of tensor names: "" or "<run>/" */
  JsonObject *bounds;
  GHashTable *seen; /* outputs compared, or known to be missing */
  GoldenView view;
  const char *suffix;
  /* The golden's name of what the library observes; NULL: the same. */
  const char *(*rename) (struct _GoldenRun *run, const char *name);
} GoldenRun;

typedef gboolean (*GoldenOp) (GoldenRun *run, GError **error);

/* Runs entry `index` of "runs" with `op`; the outcome is in the case. */
void golden_case_run (
    GoldenCase *golden, guint index, GoldenOp op, const char *inputs);
const char *golden_case_get_op (const GoldenCase *golden, guint index);
guint golden_case_get_n_runs (const GoldenCase *golden);

/* --- input.c --- */

/* Tensor `name` of the run; NULL if there is none, or no checkpoint. */
OsTensor *golden_find (
    GoldenRun *run, const OsCheckpoint *checkpoint, const char *name);
/* Values of a tensor of a file, widened. */
double *golden_values (const OsTensor *tensor, gint64 *n);

/* Inputs. The dispatch table names those that an op cannot do without, which
 * are there when it is called; of others golden_has_input() tells. */
gboolean golden_has_input (GoldenRun *run, const char *name);
OsTensor *golden_input (GoldenRun *run, const char *name);
float *golden_input_floats (GoldenRun *run, const char *name, gint64 *n);
gint32 *golden_input_ints (GoldenRun *run, const char *name, gint64 *n);
/* 1 where the input is above one half. */
guint8 *golden_input_mask (GoldenRun *run, const char *name, gint64 *n);
/* Names of all inputs that begin with `stem`, without it and sorted. */
GPtrArray *golden_input_names (GoldenRun *run, const char *stem);

/* Member of case.json as a network's configuration; "config.vae" names a
 * member of a member. */
OsConfig *golden_config (GoldenRun *run, const char *path, GError **error);
/* For the case's weights; fails if it has none. */
OsBinder *golden_binder (GoldenRun *run, GError **error);
/* n values of a small weight. */
float *golden_weight_floats (
    GoldenRun *run, const char *name, gint64 n, GError **error);

/* --- output.c --- */

/* Notes what failed, if it is the first of the case. */
void golden_fail (GoldenCase *golden, const char *format, ...)
    G_GNUC_PRINTF (2, 3);
/* The reference's tensor, or NULL if the golden does not list this output. */
const OsTensor *golden_wanted (GoldenRun *run, const char *name);

/* Outputs: compared if the golden lists the name. Shapes must hold the same
 * number of elements and end in the same dimension. */
void golden_output (GoldenRun *run, const char *name, const OsTensor *got);
void golden_output_floats (
    GoldenRun *run, const char *name, gint64 n, const float *got);
void golden_output_doubles (
    GoldenRun *run, const char *name, gint64 n, const double *got);
void golden_output_u8 (
    GoldenRun *run, const char *name, gint64 n, const guint8 *got);
/* Results that are not tensors: one check, and what to say if it fails. */
void golden_check (GoldenRun *run, gboolean ok, const char *format, ...)
    G_GNUC_PRINTF (3, 4);
/* Outputs whose names begin with `stem` need what the library lacks. */
void golden_needs (GoldenRun *run, const char *stem, const char *feature);

/* From now on the tensors that the library observes are outputs, under their
 * name and `suffix`; view NULL: as they lie. */
void golden_watch (GoldenRun *run, GoldenView view, const char *suffix);
void golden_unwatch (GoldenRun *run);

/* --- conditions.c --- */

/* Rows of the states y [L, C] whose mask is set, appended to `captions`. */
void golden_add_caption (
    GoldenRun *run, GPtrArray *captions, const OsTensor *y, const guint8 *mask);
/* For each of n_rows masks [max_length], the unconditional caption. */
void golden_add_null_captions (GoldenRun *run, OsStdit *stdit,
    GPtrArray *captions, const guint8 *masks, gint64 n_rows);
/* The states of the inputs y [B, 1, L, C] and mask; with a network, also its
 * unconditional ones after them. */
GPtrArray *golden_captions (GoldenRun *run, OsStdit *stdit);
/* Keys and values of texts that are packed as [1, sum of lengths, C]. */
GPtrArray *golden_text_kv (GoldenRun *run, const OsCrossAttention *cross,
    const char *input, JsonArray *lengths);
/* Of the inputs height, width, num_frames, fps: an OsStditFormat for each row
 * of x. */
GArray *golden_formats (GoldenRun *run, const OsTensor *x);

/* --- sampling.c --- */

/* STDiT3 under rectified flow. */
typedef struct {
  OsStdit *stdit;
  const OsTensor *z;   /* [B, C, T, H, W] */
  GPtrArray *captions; /* 2 B text states: prompts, then unconditional */
  float fps;
  double height, width; /* in pixels */
  gint64 num_frames;
  guint steps;
  double guidance_scale;
  gboolean timestep_transform, discrete_timesteps;
  const float *frame_mask; /* [B, T] or NULL */
  GPtrArray *renoise;      /* a tensor a step, or NULL: zeros */
} GoldenSampling;

/* The sample; each step's data are outputs "step<k>.…". */
OsTensor *golden_sample (GoldenRun *run, const GoldenSampling *sampling);

/* --- ops-diffusion.c --- */

/* A sample from the inputs z, y, mask and noise with IDDPM; "trace" is an
 * output. */
OsTensor *golden_iddpm (GoldenRun *run, OsStdit *stdit, GError **error);

/* --- ops-vae.c --- */

/* Frames of latents z [B, C, T, H, W] as [B, 3, n_frames, 8H, 8W]. */
OsTensor *golden_decode (
    GoldenRun *run, OsVae12 *vae, const OsTensor *z, gint64 n_frames);
/* Configuration of a VAE 1.2 in the form of published files. */
OsConfig *golden_vae12_config (
    GoldenRun *run, const char *path, GError **error);

/* --- ops-inference.c --- */

/* The transformer, by the name of its configuration and prefix of its weights,
 * and the VAE of a whole run. */
gboolean golden_open_networks (GoldenRun *run, const char *transformer,
    OsConfig *vae, OsBundle *bundle, GError **error);

/* --- ops-text.c --- */

/* The list `member` of a file beside case.json; it belongs to the parser. */
JsonArray *golden_read_list (GoldenRun *run, const char *file,
    const char *member, JsonParser *parser, GError **error);
/* A text of a case: UTF-8, or bytes in hexadecimal, in the member with "_hex"
 * behind its name, if it holds a NUL. */
GByteArray *golden_read_text (JsonObject *entry, const char *member);

/* --- ops-*.c: one handler an op --- */

gboolean golden_attention (GoldenRun *run, GError **error);
gboolean golden_embeddings (GoldenRun *run, GError **error);
gboolean golden_final_layer (GoldenRun *run, GError **error);
gboolean golden_patch_embed (GoldenRun *run, GError **error);
gboolean golden_pos_embed (GoldenRun *run, GError **error);
gboolean golden_rope (GoldenRun *run, GError **error);
gboolean golden_stdit_block (GoldenRun *run, GError **error);
gboolean golden_stdit2_block (GoldenRun *run, GError **error);
gboolean golden_stdit3_block (GoldenRun *run, GError **error);
gboolean golden_stdit (GoldenRun *run, GError **error);
gboolean golden_iddpm_tables (GoldenRun *run, GError **error);
gboolean golden_iddpm_step (GoldenRun *run, GError **error);
gboolean golden_iddpm_sample (GoldenRun *run, GError **error);
gboolean golden_cfg_forward (GoldenRun *run, GError **error);
gboolean golden_mask_time (GoldenRun *run, GError **error);
gboolean golden_dpm_sample (GoldenRun *run, GError **error);
gboolean golden_attention_1x (GoldenRun *run, GError **error);
gboolean golden_caption_embedder (GoldenRun *run, GError **error);
gboolean golden_checkpoint_adapt (GoldenRun *run, GError **error);
gboolean golden_checkpoint_rules (GoldenRun *run, GError **error);
gboolean golden_cross_attention (GoldenRun *run, GError **error);
gboolean golden_final_layer_1x (GoldenRun *run, GError **error);
gboolean golden_pos_embed_1x (GoldenRun *run, GError **error);
gboolean golden_rmsnorm (GoldenRun *run, GError **error);
gboolean golden_rope_1x (GoldenRun *run, GError **error);
gboolean golden_size_embedder (GoldenRun *run, GError **error);
gboolean golden_timestep_embedder (GoldenRun *run, GError **error);
gboolean golden_unpatchify (GoldenRun *run, GError **error);
gboolean golden_vae2d (GoldenRun *run, GError **error);
gboolean golden_save_sample (GoldenRun *run, GError **error);
gboolean golden_pipeline (GoldenRun *run, GError **error);
gboolean golden_vae_spatial (GoldenRun *run, GError **error);
gboolean golden_vae_temporal (GoldenRun *run, GError **error);
gboolean golden_vae_encode_decode (GoldenRun *run, GError **error);
gboolean golden_frames_u8 (GoldenRun *run, GError **error);
gboolean golden_reference_resize (GoldenRun *run, GError **error);
gboolean golden_reference_input (GoldenRun *run, GError **error);
gboolean golden_rflow_sample (GoldenRun *run, GError **error);
gboolean golden_rng_torch_cpu (GoldenRun *run, GError **error);
gboolean golden_rng_philox (GoldenRun *run, GError **error);
gboolean golden_t5_encode (GoldenRun *run, GError **error);
gboolean golden_t5_prompt_encode (GoldenRun *run, GError **error);
gboolean golden_t5_position_buckets (GoldenRun *run, GError **error);
gboolean golden_t5_tokenize (GoldenRun *run, GError **error);
gboolean golden_clean_caption (GoldenRun *run, GError **error);
gboolean golden_prompt_assembly (GoldenRun *run, GError **error);
gboolean golden_inference_script (GoldenRun *run, GError **error);
gboolean golden_prompts (GoldenRun *run, GError **error);
gboolean golden_mask_strategy (GoldenRun *run, GError **error);
gboolean golden_apply_mask (GoldenRun *run, GError **error);
gboolean golden_long_video (GoldenRun *run, GError **error);
gboolean golden_inference_with_states (GoldenRun *run, GError **error);
