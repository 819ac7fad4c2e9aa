/* SPDX-License-Identifier: Apache-2.0 */
/* Clips of Open-Sora 1.0 and 1.1, by small random networks: what their families
 * take and refuse, what is drawn when, and that conditions count. */
#include "pipeline/family.h"

#include <math.h>
#include <string.h>

#include "cliptest.h"
#include "oldtest.h"
#include "pipeline/bundle.h"
#include "pipeline/resolve.h"

typedef struct {
  char *folder;
  ClipTest clip;
  OpensoraParams *params; /* two steps of three frames of 48 x 32 */
  GError *error;
} Fixture;

static void
set_up (Fixture *f, gconstpointer version)
{
  f->folder = oldtest_make (version);
  cliptest_init_with (&f->clip, f->folder);
  f->params = g_object_new (OPENSORA_TYPE_PARAMS, "prompt", "a red circle",
      "width", 48, "height", 32, "num-frames", 3, "steps", 2, NULL);
}

static void
tear_down (Fixture *f, gconstpointer version)
{
  g_clear_error (&f->error);
  g_object_unref (f->params);
  cliptest_clear (&f->clip);
  oldtest_remove (f->folder);
  g_free (f->folder);
}

/* --- Both --- */

static void
test_defaults (Fixture *f, gconstpointer version)
{
  const gboolean is_1_0 = g_str_equal (version, "1.0");
  g_autoptr (OpensoraParams) params =
      g_object_new (OPENSORA_TYPE_PARAMS, "prompt", "a red circle", NULL);
  g_autoptr (OpensoraParams) resolved =
      os_resolve (f->clip.bundle, params, &f->error);
  const OsParams *p;

  g_assert_no_error (f->error);
  p = os_params_peek (resolved);
  g_assert_cmpstr (f->clip.bundle->family.version, ==, version);
  g_assert_cmpuint (p->width, ==, is_1_0 ? 256 : 424);
  g_assert_cmpuint (p->height, ==, is_1_0 ? 256 : 240);
  g_assert_cmpuint (p->num_frames, ==, 16);
  g_assert_cmpuint (p->steps, ==, 100);
  g_assert_cmpfloat (p->fps, ==, 8);
  g_assert_cmpuint (p->frame_interval, ==, is_1_0 ? 1 : 3);
  g_assert_cmpfloat (p->guidance_scale, ==, 7);
  g_assert_cmpfloat (p->aesthetic_score, ==, 0);
  g_assert_cmpuint (f->clip.bundle->max_length, ==, is_1_0 ? 16 : 20);
}

static void
test_clip (Fixture *f, gconstpointer version)
{
  g_autoptr (GBytes) first = cliptest_run_to_bytes (&f->clip, f->params);
  g_autoptr (GBytes) again = cliptest_run_to_bytes (&f->clip, f->params);
  g_autoptr (GBytes) other = NULL;
  const OsTensor *latents = g_ptr_array_index (f->clip.latents, 0);

  g_assert_cmpuint (g_bytes_get_size (first), ==, 3 * 48 * 32 * 3);
  g_assert_cmpint (latents->shape[2], ==, 3);
  g_assert_cmpint (latents->shape[3], ==, 4);
  g_assert_cmpint (latents->shape[4], ==, 6);
  g_assert_cmpstr (f->clip.log->str, ==, "\"a red circle\" z3 e e ");
  g_assert_true (g_bytes_equal (first, again));
  g_object_set (f->params, "seed", (gint64) 7, NULL);
  other = cliptest_run_to_bytes (&f->clip, f->params);
  g_assert_false (g_bytes_equal (first, other));
  g_object_set (f->params, "num-frames", 1, NULL);
  cliptest_run (&f->clip, f->params);
  g_assert_cmpuint (f->clip.n_frames, ==, 1);
}

static void
assert_refused (Fixture *f, const char *property, const char *said)
{
  g_autoptr (OpensoraParams) resolved =
      os_resolve (f->clip.bundle, f->params, &f->error);

  g_assert_null (resolved);
  g_assert_error (f->error, OPENSORA_ERROR, OPENSORA_ERROR_SETTINGS);
  if (!strstr (f->error->message, property)
      || !strstr (f->error->message, said))
    g_error ("\"%s\" lacks %s or %s", f->error->message, property, said);
  g_clear_error (&f->error);
}

static void
test_refused (Fixture *f, gconstpointer version)
{
  const gboolean is_1_0 = g_str_equal (version, "1.0");

  g_object_set (f->params, "width", 52, NULL);
  assert_refused (f, "width", is_1_0 ? "48 and 64" : "48 and 56");
  g_object_set (f->params, "width", 48, "height", 24, NULL);
  if (is_1_0)
    assert_refused (f, "height", "multiples of 16");
  else
    cliptest_run (&f->clip, f->params);
  g_object_set (f->params, "height", 32, "steps", 1, NULL);
  assert_refused (f, "steps", "at least 2");
}

/* --- 1.0 --- */

static void
test_no_conditions (Fixture *f, gconstpointer version)
{
  g_object_set (f->params, "reference-path", "1", NULL);
  assert_refused (f, "reference-path", "1.0");
  g_object_set (f->params, "reference-path", NULL, "mask-strategy", "0", NULL);
  assert_refused (f, "mask-strategy", "1.0");
  g_object_set (f->params, "mask-strategy", NULL, "loop", 2, NULL);
  assert_refused (f, "loop", "1.0");
  g_object_set (f->params, "loop", 1, "continue-previous", TRUE, NULL);
  assert_refused (f, "continue-previous", "1.0");
}

/* Its prompts have no grammar. */
static void
test_plain_prompt (Fixture *f, gconstpointer version)
{
  g_object_set (f->params, "prompt", "|0|a {\"reference_path\": \"1\"}", NULL);
  cliptest_run (&f->clip, f->params);
  g_assert_cmpstr (
      f->clip.log->str, ==, "\"0 a \"reference_path\": \"1\"\" z3 e e ");
}

static OsConfigModel
config_for (const char *version)
{
  return (OsConfigModel){ version, OS_SAMPLER_IDDPM, 3, 1, 1, 0, 4 };
}

static GBytes *
run_configured (Fixture *f, const OsConfigModel *config)
{
  os_bundle_configure (f->clip.bundle, config, &f->error);
  g_assert_no_error (f->error);
  return cliptest_run_to_bytes (&f->clip, f->params);
}

/* What a config says of the model changes the clip. */
static void
test_configured (Fixture *f, gconstpointer version)
{
  OsConfigModel config = config_for ("1.0");
  g_autoptr (GBytes) base = run_configured (f, &config);
  g_autoptr (GBytes) time = NULL, space = NULL, dpm = NULL;

  config.time_scale = 2.0 / 3;
  time = run_configured (f, &config);
  g_assert_false (g_bytes_equal (base, time));
  config.space_scale = 0.5;
  space = run_configured (f, &config);
  g_assert_false (g_bytes_equal (time, space));
  config.sampler = OS_SAMPLER_DPM_SOLVER;
  dpm = run_configured (f, &config);
  g_assert_false (g_bytes_equal (space, dpm));
  /* It is deterministic. */
  g_assert_cmpstr (f->clip.log->str, ==, "\"a red circle\" z3 ");
  config.sampler = OS_SAMPLER_RFLOW;
  g_assert_false (os_bundle_configure (f->clip.bundle, &config, &f->error));
  g_assert_error (f->error, OPENSORA_ERROR, OPENSORA_ERROR_SETTINGS);
}

/* --- 1.1 --- */

/* A list counts for nothing, and there are not more texts than loops. */
static void
test_prompt_grammar (Fixture *f, gconstpointer version)
{
  g_object_set (f->params, "prompt", "|0|a|1|b[1]", NULL);
  cliptest_run (&f->clip, f->params);
  g_assert_cmpstr (f->clip.log->str, ==, "\"a\" z3 e e ");
  g_object_set (f->params, "prompt", "|0|a|2|b", NULL);
  assert_refused (f, "prompt", "loop 2 has a text");
  g_object_set (f->params, "prompt", "a [hat]", NULL);
  assert_refused (f, "prompt", "at the \"[\"");
}

/* inference-long.py draws two tensors a step, inference.py one. */
static void
test_draws (Fixture *f, gconstpointer version)
{
  g_object_set (f->params, "reference-path", "1", NULL);
  cliptest_run (&f->clip, f->params);
  g_assert_cmpstr (
      f->clip.log->str, ==, "48x32 s1 \"a red circle\" z3 e e e e ");
  g_object_set (f->params, "reference-path", "6", "mask-strategy", "0,0,5,2",
      "loop", 2, "condition-frame-length", 2, NULL);
  cliptest_run (&f->clip, f->params);
  g_assert_cmpstr (f->clip.log->str, ==,
      "48x32 s4 s2 \"a red circle\" z3 e e e e s3 \"a red circle\" z3 e e e "
      "e ");
  g_assert_cmpuint (f->clip.n_frames, ==, 4);
}

/* Frame t of the latents. */
static float *
get_frame (const OsTensor *latents, gint64 t)
{
  const gint64 T = latents->shape[2], n = latents->shape[3] * latents->shape[4];
  const float *x = os_tensor_data (latents);
  float *frame = g_new (float, 4 * n);

  for (int c = 0; c < 4; c++)
    memcpy (frame + c * n, x + (c * T + t) * n, n * sizeof (float));
  return frame;
}

static double
distance (const OsTensor *a, gint64 t_a, const OsTensor *b, gint64 t_b)
{
  const gint64 n = 4 * a->shape[3] * a->shape[4];
  g_autofree float *x = get_frame (a, t_a), *y = get_frame (b, t_b);
  double sum = 0;

  for (gint64 i = 0; i < n; i++)
    sum += (x[i] - y[i]) * (x[i] - y[i]);
  return sqrt (sum / n);
}

/* What the VAE makes of `n` frames of the test's video. */
static OsTensor *
encode (Fixture *f, int n)
{
  g_autoptr (GPtrArray) kept = NULL;
  g_autofree char *path = g_strdup_printf ("%d", n);
  g_autofree char *strategy = g_strdup_printf ("0,0,0,0,%d", n);

  g_object_set (f->params, "reference-path", path, "mask-strategy", strategy,
      "num-frames", n, NULL);
  cliptest_run (&f->clip, f->params);
  return os_tensor_ref (g_ptr_array_index (f->clip.latents, 0));
}

/* Given frames come out as they are but for the noise of the last step, at the
 * place that the strategy names; the others are generated, and see them. */
static void
test_conditions (Fixture *f, gconstpointer version)
{
  g_autoptr (OsTensor) reference = NULL, none = NULL;
  const OsTensor *got;

  f->clip.no_posterior_noise = TRUE;
  reference = encode (f, 3);
  g_object_set (f->params, "reference-path", NULL, "mask-strategy", NULL,
      "num-frames", 3, NULL);
  cliptest_run (&f->clip, f->params);
  none = os_tensor_ref (g_ptr_array_index (f->clip.latents, 0));

  /* A picture, which is the video's first frame. */
  g_object_set (
      f->params, "reference-path", "1", "mask-strategy", "0,0,0,2", NULL);
  cliptest_run (&f->clip, f->params);
  got = g_ptr_array_index (f->clip.latents, 0);
  g_assert_cmpfloat (distance (got, 2, reference, 0), <, 0.1);
  g_assert_cmpfloat (distance (none, 2, reference, 0), >, 0.3);
  g_assert_cmpfloat (distance (got, 0, none, 0), >, 1e-4);

  /* Two frames of a video. */
  g_object_set (
      f->params, "reference-path", "3", "mask-strategy", "0,0,1,0,2", NULL);
  cliptest_run (&f->clip, f->params);
  got = g_ptr_array_index (f->clip.latents, 0);
  g_assert_cmpfloat (distance (got, 0, reference, 1), <, 0.1);
  g_assert_cmpfloat (distance (got, 1, reference, 2), <, 0.1);
  g_assert_cmpfloat (distance (got, 2, none, 2), >, 1e-4);

  /* Half of the steps change it. */
  g_object_set (f->params, "mask-strategy", "0,0,1,0,2,0.5", NULL);
  cliptest_run (&f->clip, f->params);
  got = g_ptr_array_index (f->clip.latents, 0);
  g_assert_cmpfloat (distance (got, 0, reference, 1), >, 0.1);
}

/* The model is told the frame rate of its training videos: 3 x 8. */
static void
test_frame_interval (Fixture *f, gconstpointer version)
{
  g_autoptr (GBytes) base = cliptest_run_to_bytes (&f->clip, f->params);
  g_autoptr (GBytes) slower = NULL, same = NULL;

  g_object_set (f->params, "frame-interval", 1, NULL);
  slower = cliptest_run_to_bytes (&f->clip, f->params);
  g_assert_false (g_bytes_equal (base, slower));
  g_object_set (f->params, "fps", 24.0, NULL);
  same = cliptest_run_to_bytes (&f->clip, f->params);
  g_assert_true (g_bytes_equal (base, same));
}

/* The config's groups of frames are drawn for, or all frames at once. */
static void
test_micro_batch_size (Fixture *f, gconstpointer version)
{
  OsConfigModel config = config_for ("1.1");
  g_autoptr (GBytes) pairs = NULL, all = NULL;

  g_object_set (f->params, "reference-path", "3", NULL);
  config.micro_batch_size = 2;
  pairs = run_configured (f, &config);
  g_assert_true (g_str_has_prefix (f->clip.log->str, "48x32 s2 s1 "));
  config.micro_batch_size = 0;
  all = run_configured (f, &config);
  g_assert_true (g_str_has_prefix (f->clip.log->str, "48x32 s3 "));
}

static void
test_guided_channels (Fixture *f, gconstpointer version)
{
  OsConfigModel config = config_for ("1.1");
  g_autoptr (GBytes) three = run_configured (f, &config);
  g_autoptr (GBytes) all = NULL, other = NULL;

  config.n_guided = 0;
  all = run_configured (f, &config);
  g_assert_false (g_bytes_equal (three, all));
  g_assert_cmpint (f->clip.bundle->family.n_guided, ==, 4);
  config.n_guided = 9;
  g_assert_false (os_bundle_configure (f->clip.bundle, &config, &f->error));
  g_assert_error (f->error, OPENSORA_ERROR, OPENSORA_ERROR_SETTINGS);
  /* A config of another version is for another model. */
  g_clear_error (&f->error);
  config.version = "1.2";
  config.n_guided = 3;
  other = run_configured (f, &config);
  g_assert_true (g_bytes_equal (all, other));
}

/* --- Releases --- */

static void
test_releases (void)
{
  static const struct {
    const char *name, *version, *file;
    guint size;
  } expected[] = {
    { "opensora-1.0", "1.0", "OpenSora-v1-HQ-16x256x256.pth", 0 },
    { "opensora-1.0-16x256x256", "1.0", "OpenSora-v1-16x256x256.pth", 0 },
    { "opensora-1.0-16x512x512", "1.0", "OpenSora-v1-HQ-16x512x512.pth", 512 },
    { "opensora-1.1", "1.1", NULL, 0 },
    { "opensora-1.1-stage2", "1.1", NULL, 0 },
    { "opensora-1.2", "1.2", NULL, 0 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (expected); i++) {
    const OsRelease *release = os_release_find (expected[i].name);
    const OsManifest *network =
        os_manifest_find_published (release->repos[OS_PART_TRANSFORMER]);

    g_assert_cmpstr (release->version, ==, expected[i].version);
    g_assert_cmpstr (release->file, ==, expected[i].file);
    g_assert_cmpuint (release->size, ==, expected[i].size);
    g_assert_cmpstr (os_release_find_by_transformer (network)->version, ==,
        expected[i].version);
    if (release->file)
      g_assert_true (os_release_find_by_file (release->file) == release);
  }
  g_assert_null (os_release_find ("opensora-0.9"));
  g_assert_null (os_release_find_by_file ("model.safetensors"));
  g_assert_null (os_family_find ("0.9", NULL));
}

static void
test_samplers (void)
{
  g_assert_cmpint (os_sampler_find ("rflow"), ==, OS_SAMPLER_RFLOW);
  g_assert_cmpint (os_sampler_find ("iddpm"), ==, OS_SAMPLER_IDDPM);
  g_assert_cmpint (os_sampler_find ("dpm-solver"), ==, OS_SAMPLER_DPM_SOLVER);
  g_assert_cmpint (os_sampler_find ("euler"), ==, OS_N_SAMPLERS);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(version, name, func)                                               \
  g_test_add ("/pipeline/family/" version "/" name, Fixture, version, set_up,  \
      func, tear_down)
  ADD ("1.0", "defaults", test_defaults);
  ADD ("1.0", "clip", test_clip);
  ADD ("1.0", "refused", test_refused);
  ADD ("1.0", "no-conditions", test_no_conditions);
  ADD ("1.0", "plain-prompt", test_plain_prompt);
  ADD ("1.0", "configured", test_configured);
  ADD ("1.1", "defaults", test_defaults);
  ADD ("1.1", "clip", test_clip);
  ADD ("1.1", "refused", test_refused);
  ADD ("1.1", "prompt-grammar", test_prompt_grammar);
  ADD ("1.1", "draws", test_draws);
  ADD ("1.1", "conditions", test_conditions);
  ADD ("1.1", "frame-interval", test_frame_interval);
  ADD ("1.1", "micro-batch-size", test_micro_batch_size);
  ADD ("1.1", "guided-channels", test_guided_channels);
#undef ADD
  g_test_add_func ("/pipeline/family/releases", test_releases);
  g_test_add_func ("/pipeline/family/samplers", test_samplers);
  return g_test_run ();
}
