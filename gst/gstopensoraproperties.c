/* SPDX-License-Identifier: Apache-2.0 */
/* The list of opensorasrc's properties: types, ranges, defaults, descriptions.
 * Those of a clip have the names that they have in OpensoraParams, those of the
 * model the names of OpensoraPipeline. "Model default" is a value of its own
 * (0, -1 or NULL) and reads back as such. */
#include <gst/gst.h>

#include "gstopensorasettings.h"

#define FLAGS (G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS)
/* Taken when a clip begins. */
#define CLIP (FLAGS | GST_PARAM_MUTABLE_PLAYING)
/* The same, and a controller may change it from clip to clip. */
#define CONTROLLED (CLIP | GST_PARAM_CONTROLLABLE)
/* Taken at the start. */
#define START (FLAGS | GST_PARAM_MUTABLE_READY)

static GType
gst_opensora_backend_get_type (void)
{
  static const GEnumValue values[] = {
    { GST_OPENSORA_BACKEND_AUTO, "The fastest one that is there", "auto" },
    { GST_OPENSORA_BACKEND_OPENBLAS, "OpenBLAS", "openblas" },
    { GST_OPENSORA_BACKEND_ONEDNN, "oneDNN", "onednn" },
    { GST_OPENSORA_BACKEND_BUILTIN, "Its own linear layers", "builtin" },
    { 0, NULL, NULL },
  };
  static gsize type;

  if (g_once_init_enter (&type))
    g_once_init_leave (
        &type, g_enum_register_static ("GstOpensoraBackend", values));
  return type;
}

static GType
gst_opensora_continue_from_get_type (void)
{
  static const GEnumValue values[] = {
    { GST_OPENSORA_CONTINUE_FROM_NONE, "Every clip starts afresh", "none" },
    { GST_OPENSORA_CONTINUE_FROM_PREVIOUS,
        "A clip goes on from the end of the one before", "previous" },
    { 0, NULL, NULL },
  };
  static gsize type;

  if (g_once_init_enter (&type))
    g_once_init_leave (
        &type, g_enum_register_static ("GstOpensoraContinueFrom", values));
  return type;
}

static void
add_prompts (GPtrArray *specs)
{
  /**
   * GstOpensoraSrc:prompt:
   *
   * The text to make a video of, in UTF-8. %NULL means the model's own default
   * prompt; a model without one reports an error. The empty text is legal. In
   * Open-Sora's grammar `|0| ... |3| ...` are the texts of the loops from 0 and
   * from 3, and a JSON object at the end may have `reference_path` and
   * `mask_strategy`. Not together with #GstOpensoraSrc:prompt-path.
   *
   * Since: 0.1
   */
  g_ptr_array_add (specs,
      g_param_spec_string ("prompt", "Prompt",
          "Text to make a video of, in UTF-8 (NULL = the model's default "
          "prompt, if it has one)",
          NULL, CLIP));
  /**
   * GstOpensoraSrc:prompt-path:
   *
   * File with a prompt a line; empty lines are skipped. The clips follow each
   * other in one stream.
   *
   * Since: 0.1
   */
  g_ptr_array_add (specs,
      g_param_spec_string ("prompt-path", "Prompt file",
          "File with a prompt a line, which are made one after the other; "
          "empty lines are skipped (NULL = none)",
          NULL, START));
  /**
   * GstOpensoraSrc:num-clips:
   *
   * How many clips are made of each prompt. Clip k has the seed
   * #GstOpensoraSrc:seed + k. With -1 all prompts are gone through again and
   * again.
   *
   * Since: 0.1
   */
  g_ptr_array_add (specs,
      g_param_spec_int ("num-clips", "Number of clips",
          "Clips to make of each prompt, clip k with seed + k (-1 = without "
          "end)",
          -1, G_MAXINT, 1, CLIP));
  /**
   * GstOpensoraSrc:aesthetic-score:
   *
   * How beautiful the pictures are to be; the training pictures have scores of
   * about 4 to 7.
   *
   * Since: 0.1
   */
  g_ptr_array_add (specs,
      g_param_spec_double ("aesthetic-score", "Aesthetic score",
          "How beautiful the pictures are to be, told to the model in the "
          "prompt (-1 = model's default, 0 = say nothing)",
          -1, 10, -1, CONTROLLED));
  /**
   * GstOpensoraSrc:motion-score:
   *
   * How much is to move.
   *
   * Since: 0.1
   */
  g_ptr_array_add (specs,
      g_param_spec_double ("motion-score", "Motion score",
          "How much is to move, told to the model in the prompt (-1 = say "
          "nothing)",
          -1, 100, -1, CONTROLLED));
  /**
   * GstOpensoraSrc:camera-motion:
   *
   * How the camera is to move.
   *
   * Since: 0.1
   */
  g_ptr_array_add (specs,
      g_param_spec_string ("camera-motion", "Camera motion",
          "How the camera is to move, told to the model in the prompt: pan "
          "right, pan left, tilt up, tilt down, zoom in, zoom out or static "
          "(NULL = say nothing)",
          NULL, CLIP));
}

static void
add_sampling (GPtrArray *specs)
{
  /**
   * GstOpensoraSrc:seed:
   *
   * Where the noise starts: one seed gives one video. With -1 every clip has
   * another; the element message `opensora-clip-started` tells it.
   *
   * Since: 0.1
   */
  g_ptr_array_add (specs,
      g_param_spec_int64 ("seed", "Seed",
          "Seed of the noise, one seed gives one video (-1 = another for every "
          "clip)",
          -1, G_MAXINT64, 42, CONTROLLED));
  /**
   * GstOpensoraSrc:steps:
   *
   * Number of denoising steps. More take longer and look better.
   *
   * Since: 0.1
   */
  g_ptr_array_add (specs, g_param_spec_uint ("steps", "Steps",
                              "Number of denoising steps (0 = model's default)",
                              0, 1000, 0, CONTROLLED));
  /**
   * GstOpensoraSrc:step-cache:
   *
   * Whether steps that change little do without most of the network (TeaCache):
   * faster, and a little less true. A threshold tells how much change may add
   * up until a step is computed again.
   *
   * Since: 0.1
   */
  g_ptr_array_add (specs,
      g_param_spec_string ("step-cache", "Step cache",
          "Whether steps that change little do without most of the network: "
          "off, on, or a threshold such as 0.1 (NULL = off)",
          NULL, CLIP));
  /**
   * GstOpensoraSrc:guidance-scale:
   *
   * How strongly the prompt pulls, as a factor of classifier-free guidance.
   *
   * Since: 0.1
   */
  g_ptr_array_add (specs,
      g_param_spec_double ("guidance-scale", "Guidance scale",
          "Factor of classifier-free guidance, how strongly the prompt pulls "
          "(-1 = model's default)",
          -1, 100, -1, CONTROLLED));
  /**
   * GstOpensoraSrc:noise:
   *
   * Whose random numbers the seed starts. A seed that was found with Open-Sora
   * on a graphics card needs `cuda`.
   *
   * Since: 0.1
   */
  g_ptr_array_add (specs,
      g_param_spec_enum ("noise", "Noise",
          "Whose random numbers the seed starts: PyTorch's on a CPU or on an "
          "NVIDIA graphics card",
          OPENSORA_TYPE_NOISE, OPENSORA_NOISE_CPU, CLIP));
  /**
   * GstOpensoraSrc:noise-dtype:
   *
   * The type that the random numbers are drawn in: the `dtype` of Open-Sora's
   * config.
   *
   * Since: 0.1
   */
  g_ptr_array_add (specs,
      g_param_spec_enum ("noise-dtype", "Type of the noise",
          "Type that the random numbers are drawn in, the dtype of Open-Sora's "
          "config",
          OPENSORA_TYPE_NOISE_DTYPE, OPENSORA_NOISE_DTYPE_F32, CLIP));
  gst_type_mark_as_plugin_api (OPENSORA_TYPE_NOISE, 0);
  gst_type_mark_as_plugin_api (OPENSORA_TYPE_NOISE_DTYPE, 0);
}

static void
add_format (GPtrArray *specs)
{
  /**
   * GstOpensoraSrc:num-frames:
   *
   * Length of the clip in frames, or of each of its loops.
   *
   * Since: 0.1
   */
  g_ptr_array_add (
      specs, g_param_spec_int ("num-frames", "Number of frames",
                 "Length of the clip in frames (0 = model's default, 1 = still "
                 "picture)",
                 0, 4096, 0, CLIP));
  /**
   * GstOpensoraSrc:frame-interval:
   *
   * Of how many frames of its training videos the model takes each frame for
   * one. It is told the negotiated frame rate times this.
   *
   * Since: 0.1
   */
  g_ptr_array_add (specs, g_param_spec_uint ("frame-interval", "Frame interval",
                              "Of how many frames of its training videos the "
                              "model takes each frame "
                              "for one (0 = model's default)",
                              0, G_MAXINT, 0, CLIP));
  /**
   * GstOpensoraSrc:resolution:
   *
   * A size by its name, such as `240p`, or WIDTHxHEIGHT, such as `426x240`, for
   * when the caps leave the size open. The model is told this size; the frames
   * are the next smaller ones that it can make: 424x240.
   *
   * Since: 0.1
   */
  g_ptr_array_add (specs,
      g_param_spec_string ("resolution", "Resolution",
          "Size when the caps leave it open: a name such as 144p, 240p, 360p, "
          "480p, 720p, or WIDTHxHEIGHT (NULL = model's default)",
          NULL, CLIP));
  /**
   * GstOpensoraSrc:aspect-ratio:
   *
   * The shape of a #GstOpensoraSrc:resolution with a name, width/height as
   * everywhere in GStreamer. Open-Sora 1 writes height:width: its `9:16` is
   * 16/9 here.
   *
   * Since: 0.1
   */
  g_ptr_array_add (specs,
      gst_param_spec_fraction ("aspect-ratio", "Aspect ratio",
          "Shape of a resolution with a name, width/height; Open-Sora 1 writes "
          "height:width, its 9:16 is 16/9 here (0/1 = model's default)",
          0, 1, 100, 1, 0, 1, CLIP));
}

static void
add_conditions (GPtrArray *specs)
{
  /**
   * GstOpensoraSrc:reference-path:
   *
   * Pictures and videos that the clip begins with, ends in or is made from.
   *
   * Since: 0.1
   */
  g_ptr_array_add (specs,
      g_param_spec_string ("reference-path", "Reference files",
          "Pictures and videos to make the clip from, separated by ; (NULL = "
          "none)",
          NULL, CLIP));
  /**
   * GstOpensoraSrc:mask-strategy:
   *
   * Which frames of the references go where, in latent frames, of which 5 are
   * 17 frames. `0` begins with the first frame of the first reference; that is
   * also what %NULL means.
   *
   * Since: 0.1
   */
  g_ptr_array_add (specs,
      g_param_spec_string ("mask-strategy", "Mask strategy",
          "Where the references go, in latent frames: groups separated by ; of "
          "loop,reference,reference start,target start,length,edit ratio "
          "(NULL = 0, the clip begins with the first)",
          NULL, CLIP));
  /**
   * GstOpensoraSrc:align:
   *
   * What the starts of #GstOpensoraSrc:mask-strategy are rounded to multiples
   * of, in latent frames.
   *
   * Since: 0.1
   */
  g_ptr_array_add (specs,
      g_param_spec_int ("align", "Align",
          "Latent frames that the starts of mask-strategy are rounded to "
          "multiples of (-1 = model's default, 0 = not rounded)",
          -1, 4096, -1, CLIP));
  /**
   * GstOpensoraSrc:loop:
   *
   * How many times the clip is made longer by going on from its end.
   *
   * Since: 0.1
   */
  g_ptr_array_add (specs,
      g_param_spec_int ("loop", "Loops",
          "Parts of a clip, each but the first going on from the end of the "
          "one before",
          1, 1000, 1, CLIP));
  /**
   * GstOpensoraSrc:condition-frame-length:
   *
   * How much of a loop the next one goes on from, in latent frames: of
   * Open-Sora 1.2 a multiple of 5, which are 17 frames, of 1.1 any number of
   * frames.
   *
   * Since: 0.1
   */
  g_ptr_array_add (specs,
      g_param_spec_int ("condition-frame-length", "Condition frame length",
          "Latent frames that a loop goes on from: of Open-Sora 1.2 a multiple "
          "of 5, which are 17 frames (-1 = model's default)",
          -1, 4096, -1, CLIP));
  /**
   * GstOpensoraSrc:condition-frame-edit:
   *
   * How much of what a loop goes on from may change.
   *
   * Since: 0.1
   */
  g_ptr_array_add (specs,
      g_param_spec_double ("condition-frame-edit", "Condition frame edit",
          "How much of what a loop goes on from may change (0 = nothing, 1 = "
          "everything)",
          0, 1, 0, CLIP));
}

static void
add_model (GPtrArray *specs)
{
  /**
   * GstOpensoraSrc:model:
   *
   * Folder of a model of the Open-Sora family, a release such as
   * `opensora-1.2`, or a repository `org/name` on the Hugging Face hub. %NULL
   * means the bundled demo model. A path that exists always wins; what begins
   * with `/`, `.` or `~` or has more than one `/` is never looked up on the
   * network.
   *
   * Since: 0.1
   */
  g_ptr_array_add (specs,
      g_param_spec_string ("model", "Model",
          "Folder of an Open-Sora model, a release such as opensora-1.2, or a "
          "Hugging Face repository org/name (NULL = the bundled demo model)",
          NULL, START));
  /**
   * GstOpensoraSrc:transformer:
   *
   * Another transformer than the model's: a folder, a file of weights, or a
   * repository. Without a #GstOpensoraSrc:model the other parts are those of
   * its release.
   *
   * Since: 0.1
   */
  g_ptr_array_add (
      specs, g_param_spec_string ("transformer", "Transformer",
                 "Folder, file of weights or Hugging Face repository of the "
                 "transformer (NULL = that of the model)",
                 NULL, START));
  /**
   * GstOpensoraSrc:vae:
   *
   * Another video autoencoder than the model's: a folder, a file of weights, or
   * a repository.
   *
   * Since: 0.1
   */
  g_ptr_array_add (specs,
      g_param_spec_string ("vae", "Video autoencoder",
          "Folder, file of weights or Hugging Face repository of the video "
          "autoencoder (NULL = that of the model)",
          NULL, START));
  /**
   * GstOpensoraSrc:text-encoder:
   *
   * Another text encoder than the model's: a folder, a file of weights, or a
   * repository. Its tokenizer comes from the same place.
   *
   * Since: 0.1
   */
  g_ptr_array_add (specs,
      g_param_spec_string ("text-encoder", "Text encoder",
          "Folder, file of weights or Hugging Face repository of the text "
          "encoder and its tokenizer (NULL = those of the model)",
          NULL, START));
}

static void
add_hub (GPtrArray *specs)
{
  /**
   * GstOpensoraSrc:revision:
   *
   * Branch, tag or commit of the model's repository. The commit that is used is
   * reported in the element messages.
   *
   * Since: 0.1
   */
  g_ptr_array_add (specs,
      g_param_spec_string ("revision", "Revision",
          "Branch, tag or commit of the model's Hugging Face repository (NULL "
          "= main)",
          NULL, START));
  /**
   * GstOpensoraSrc:cache-dir:
   *
   * Folder of downloaded models. It has the layout of Python's huggingface_hub
   * and is shared with it.
   *
   * Since: 0.1
   */
  g_ptr_array_add (specs,
      g_param_spec_string ("cache-dir", "Cache folder",
          "Folder of downloaded models (NULL = HF_HUB_CACHE, else HF_HOME/hub, "
          "else ~/.cache/huggingface/hub)",
          NULL, START));
  /**
   * GstOpensoraSrc:local-files-only:
   *
   * Use no network at all, as if the environment variable `HF_HUB_OFFLINE` were
   * set. A model that is whole in the cache starts without network in any case.
   *
   * Since: 0.1
   */
  g_ptr_array_add (
      specs, g_param_spec_boolean ("local-files-only", "Local files only",
                 "Use no network: the model must be in the cache already",
                 FALSE, START));
}

static void
add_previews (GPtrArray *specs)
{
  /**
   * GstOpensoraSrc:preview:
   *
   * Whether the stream shows clips while they are denoised, in few colours and
   * an eighth of the size, scaled up. In a live stream such pictures fill the
   * time until the clip is there. Else there is one for each step, or every
   * #GstOpensoraSrc:preview-interval steps, before the frames that come of
   * them. All have the custom meta `GstOpensoraPreviewMeta`.
   *
   * Since: 0.1
   */
  g_ptr_array_add (
      specs, g_param_spec_boolean ("preview", "Preview",
                 "Show in the stream what clips are going to be, while they "
                 "are denoised",
                 FALSE, CLIP));
  /**
   * GstOpensoraSrc:preview-interval:
   *
   * How often the element message `opensora-preview` is posted, with a small
   * picture of what the clip is going to be.
   *
   * Since: 0.1
   */
  g_ptr_array_add (
      specs, g_param_spec_uint ("preview-interval", "Preview interval",
                 "Steps from one message opensora-preview to the next (0 = no "
                 "messages, or with preview after each step)",
                 0, 1000, 0, CLIP));
}

static void
add_stream (GPtrArray *specs)
{
  GType continue_from_type = gst_opensora_continue_from_get_type ();

  /**
   * GstOpensoraSrc:continue-from:
   *
   * What each clip goes on from. With `previous` the stream is one shot: a clip
   * begins where the one before ends, as a #GstOpensoraSrc:loop does, and shows
   * what is new. The first starts afresh, and so does one of another size.
   *
   * Since: 0.1
   */
  g_ptr_array_add (
      specs, g_param_spec_enum ("continue-from", "Continue from",
                 "What a clip goes on from: nothing, or the end of the clip "
                 "before, so that the stream is one shot",
                 continue_from_type, GST_OPENSORA_CONTINUE_FROM_NONE, CLIP));
  gst_type_mark_as_plugin_api (continue_from_type, 0);
  /**
   * GstOpensoraSrc:is-live:
   *
   * Whether the stream follows the clock: once the model is loaded there is a
   * frame at every time, the last one again while the next is not made yet. See
   * the section on live streams.
   *
   * Since: 0.1
   */
  g_ptr_array_add (
      specs, g_param_spec_boolean ("is-live", "Is live",
                 "Push a frame at every time of the clock, the last one again "
                 "while the next is being made",
                 FALSE, START));
  /**
   * GstOpensoraSrc:keep-clip:
   *
   * Whether the frames of the clip that is being pushed are kept in memory, so
   * that any time within it can be sought without computing again.
   *
   * Since: 0.1
   */
  g_ptr_array_add (specs,
      g_param_spec_boolean ("keep-clip", "Keep clip",
          "Keep the frames of the clip that is being pushed in memory, for "
          "seeking in it",
          FALSE, CLIP));
  /**
   * GstOpensoraSrc:use-buffering:
   *
   * Whether BUFFERING messages are posted when a frame after the first has to
   * be waited for, until its clip is whole or as many frames are made as may
   * wait. An application that plays pauses while they say less than 100.
   *
   * Since: 0.1
   */
  g_ptr_array_add (specs,
      g_param_spec_boolean ("use-buffering", "Use buffering",
          "Post BUFFERING messages around waits after the first frame, so that "
          "players pause; frames then come clip by clip",
          TRUE, CLIP));
}

static void
add_execution (GPtrArray *specs)
{
  GType backend_type = gst_opensora_backend_get_type ();

  /**
   * GstOpensoraSrc:config:
   *
   * An inference config of Open-Sora, which is read without Python, or JSON
   * with the same keys. A property that was set on the element, if only to its
   * default, counts more than the config.
   *
   * Since: 0.1
   */
  g_ptr_array_add (specs,
      g_param_spec_string ("config", "Config file",
          "Inference config of Open-Sora, .py or .json; properties that are "
          "set count more (NULL = none)",
          NULL, START));
  /**
   * GstOpensoraSrc:n-threads:
   *
   * Number of threads that compute.
   *
   * Since: 0.1
   */
  g_ptr_array_add (
      specs, g_param_spec_uint ("n-threads", "Number of threads",
                 "Number of threads that compute (0 = all usable cores)", 0,
                 1024, 0, START));
  /**
   * GstOpensoraSrc:backend:
   *
   * Library that multiplies matrices.
   *
   * Since: 0.1
   */
  g_ptr_array_add (specs, g_param_spec_enum ("backend", "Backend",
                              "Library that multiplies matrices", backend_type,
                              GST_OPENSORA_BACKEND_AUTO, START));
  gst_type_mark_as_plugin_api (backend_type, 0);
  /**
   * GstOpensoraSrc:memory-limit:
   *
   * How many bytes a clip may take for computing, with its frames that wait. A
   * clip that needs more is an error before anything is computed. What it
   * leaves is for frames, of which one may always wait: the work is held up
   * until there is room. See the section on memory.
   *
   * Since: 0.1
   */
  g_ptr_array_add (
      specs, g_param_spec_uint64 ("memory-limit", "Memory limit",
                 "Bytes that a clip may take for computing, with its frames "
                 "that wait (0 = no limit)",
                 0, G_MAXUINT64, 0, START));
}

void
gst_opensora_properties_install (GObjectClass *klass)
{
  g_autoptr (GPtrArray) specs = g_ptr_array_new ();

  g_ptr_array_add (specs, NULL); /* ids begin with 1 */
  add_prompts (specs);
  add_sampling (specs);
  add_format (specs);
  add_conditions (specs);
  add_model (specs);
  add_hub (specs);
  add_stream (specs);
  add_previews (specs);
  add_execution (specs);
  g_object_class_install_properties (
      klass, specs->len, (GParamSpec **) specs->pdata);
}
