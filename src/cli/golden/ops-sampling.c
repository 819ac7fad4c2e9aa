/* SPDX-License-Identifier: Apache-2.0 */
/* Sampling and noise: rflow_sample, rng_torch_cpu, rng_philox. */
#include "cli/golden/golden.h"

#include <stdio.h>
#include <string.h>

#include "compute/noise.h"
#include "compute/philox.h"

static double
number (JsonObject *json, const char *key, double fallback)
{
  return json_object_get_double_member_with_default (json, key, fallback);
}

static GPtrArray *
read_renoise (GoldenRun *run, guint steps)
{
  GPtrArray *tensors =
      g_ptr_array_new_with_free_func ((GDestroyNotify) os_tensor_unref);

  for (guint i = 0; i < steps; i++) {
    g_autofree char *name = g_strdup_printf ("renoise.%u", i);

    if (golden_has_input (run, name))
      g_ptr_array_add (tensors, golden_input (run, name));
  }
  return tensors;
}

gboolean
golden_rflow_sample (GoldenRun *run, GError **error)
{
  JsonObject *json = run->json;
  JsonObject *scheduler = json_object_get_object_member (json, "scheduler");
  g_autoptr (OsConfig) config = golden_config (run, "config", error);
  g_autoptr (OsBinder) binder = golden_binder (run, error);
  g_autoptr (OsStdit) stdit = NULL;
  g_autoptr (OsTensor) z = NULL, sample = NULL;
  g_autoptr (GPtrArray) captions = NULL, renoise = NULL;
  g_autofree float *frame_mask = NULL;
  GoldenSampling sampling;
  gint64 n;

  if (config == NULL || binder == NULL
      || (stdit = os_stdit_new (config, binder, error)) == NULL)
    return FALSE;
  if (golden_has_input (run, "frame_mask"))
    frame_mask = golden_input_floats (run, "frame_mask", &n);
  z = golden_input (run, "z");
  captions = golden_captions (run, stdit);
  sampling = (GoldenSampling){
    .stdit = stdit,
    .z = z,
    .captions = captions,
    .fps = number (json, "fps", 24),
    .height = number (json, "height", 0),
    .width = number (json, "width", 0),
    .num_frames = number (json, "num_frames", 0),
    .steps = number (scheduler, "num_sampling_steps", 10),
    .guidance_scale = number (scheduler, "cfg_scale", 4),
    .timestep_transform = json_object_get_boolean_member_with_default (
        scheduler, "use_timestep_transform", FALSE),
    .discrete_timesteps = json_object_get_boolean_member_with_default (
        scheduler, "use_discrete_timesteps", FALSE),
    .frame_mask = frame_mask,
  };
  sampling.renoise = renoise = read_renoise (run, sampling.steps);
  sample = golden_sample (run, &sampling);
  golden_output (run, "z_final", sample);
  return TRUE;
}

/* --- rng_torch_cpu --- */

/* randn (n) in the dtype that `name` begins with. */
static void
output_normal (GoldenRun *run, const char *name, OsNoise *noise, gint64 n)
{
  OsDType dtype = g_str_has_prefix (name, "bf16.")  ? OS_DTYPE_BF16
                  : g_str_has_prefix (name, "f16.") ? OS_DTYPE_F16
                                                    : OS_DTYPE_F32;
  g_autofree double *values = g_new (double, n);
  g_autofree float *floats = g_new (float, n);

  if (g_str_has_prefix (name, "f64.")) {
    os_noise_normal_f64 (noise, n, values);
    golden_output_doubles (run, name, n, values);
  } else {
    os_noise_normal_f32 (noise, dtype, n, floats);
    golden_output_floats (run, name, n, floats);
  }
}

/* Successive calls on one generator: "sequence.seed42.call3.n17". */
static void
output_sequence (GoldenRun *run, gint64 seed)
{
  JsonArray *calls = json_object_get_array_member (run->json, "sequence_calls");
  OsNoise *noise = os_noise_new (OS_NOISE_CPU, seed, OS_DTYPE_F32);

  for (guint i = 0; i < json_array_get_length (calls); i++) {
    gint64 n = json_array_get_int_element (calls, i);
    g_autofree char *name = g_strdup_printf ("sequence.seed%" G_GINT64_FORMAT
                                             ".call%u.n%" G_GINT64_FORMAT,
        seed, i, n);

    output_normal (run, name, noise, n);
  }
  os_noise_free (noise);
}

/* {"first": [..], "at_623": [..]}: outputs of the engine from a position. */
static void
check_engine (GoldenRun *run, const char *seed, JsonObject *positions)
{
  JsonObjectIter iter;
  const char *key;
  JsonNode *node;

  json_object_iter_init (&iter, positions);
  while (json_object_iter_next (&iter, &key, &node)) {
    OsNoise *noise = os_noise_new (
        OS_NOISE_CPU, g_ascii_strtoll (seed, NULL, 10), OS_DTYPE_F32);
    JsonArray *want = json_node_get_array (node);
    int skip = 0;

    sscanf (key, "at_%d", &skip);
    for (int i = 0; i < skip; i++)
      os_noise_next_u32 (noise);
    for (guint i = 0; i < json_array_get_length (want); i++) {
      guint32 got = os_noise_next_u32 (noise);

      golden_check (run, got == json_array_get_int_element (want, i),
          "mt19937_u32 of seed %s, %s, value %u: %u, want %" G_GINT64_FORMAT,
          seed, key, i, got, json_array_get_int_element (want, i));
    }
    os_noise_free (noise);
  }
}

/* Output "f32.seed42.n100", or "sequence.seed42.…", which gives all of them. */
static void
output_stream (GoldenRun *run, const char *name, gboolean seen)
{
  const char *seed = strstr (name, ".seed");
  const OsTensor *want = golden_wanted (run, name);
  gint64 number;
  OsNoise *noise;

  if (seed == NULL || want == NULL || seen)
    return;
  number = g_ascii_strtoll (seed + strlen (".seed"), NULL, 10);
  if (g_str_has_prefix (name, "sequence.")) {
    output_sequence (run, number);
    return;
  }
  noise = os_noise_new (OS_NOISE_CPU, number, OS_DTYPE_F32);
  output_normal (run, name, noise, os_tensor_count (want));
  os_noise_free (noise);
}

gboolean
golden_rng_torch_cpu (GoldenRun *run, GError **error)
{
  JsonObjectIter iter;
  const char *name;
  JsonNode *node;

  json_object_iter_init (&iter, run->bounds);
  while (json_object_iter_next (&iter, &name, NULL))
    output_stream (run, name + strlen (run->prefix),
        g_hash_table_contains (run->seen, name));
  if (!json_object_has_member (run->json, "mt19937_u32"))
    return TRUE;
  json_object_iter_init (
      &iter, json_object_get_object_member (run->json, "mt19937_u32"));
  while (json_object_iter_next (&iter, &name, &node))
    check_engine (run, name, json_node_get_object (node));
  return TRUE;
}

/* --- rng_philox --- */

/* Successive calls on one generator, from "seed42.call0.n100" or
 * "seed42.threads512.call0.n5000" on. */
static void
output_cuda_calls (GoldenRun *run, const char *name)
{
  const char *call = strstr (name, ".call0.n");
  const char *threads = strstr (name, ".threads");
  g_autoptr (OsNoise) noise = NULL;
  gint64 n;

  if (!g_str_has_prefix (name, "seed") || call == NULL)
    return;
  n = g_ascii_strtoll (call + strlen (".call0.n"), NULL, 10);
  noise = os_noise_new (OS_NOISE_CUDA,
      g_ascii_strtoll (name + strlen ("seed"), NULL, 10), OS_DTYPE_F32);
  if (threads != NULL)
    os_noise_set_cuda_threads (
        noise, g_ascii_strtoll (threads + strlen (".threads"), NULL, 10));
  for (guint i = 0;; i++) {
    g_autofree char *output = g_strdup_printf (
        "%.*s.call%u.n%" G_GINT64_FORMAT, (int) (call - name), name, i, n);

    if (golden_wanted (run, output) == NULL)
      return;
    output_normal (run, output, noise, n);
  }
}

static void
read_words (JsonObject *answer, const char *key, guint n, guint32 *words)
{
  JsonArray *array = json_object_get_array_member (answer, key);

  for (guint i = 0; i < n; i++)
    words[i] = (guint32) json_array_get_int_element (array, i);
}

static void
check_philox (GoldenRun *run, JsonObject *answer)
{
  guint32 counter[4], key[2], want[4], got[4];

  read_words (answer, "counter", 4, counter);
  read_words (answer, "key", 2, key);
  read_words (answer, "output", 4, want);
  os_philox (counter, key, got);
  golden_check (run, memcmp (got, want, sizeof got) == 0,
      "philox of counter %08x %08x %08x %08x: %08x %08x %08x %08x", counter[0],
      counter[1], counter[2], counter[3], got[0], got[1], got[2], got[3]);
}

gboolean
golden_rng_philox (GoldenRun *run, GError **error)
{
  JsonArray *answers =
      json_object_get_array_member (run->json, "known_answers");
  g_autoptr (GList) names = json_object_get_members (run->bounds);

  for (GList *link = names; link != NULL; link = link->next)
    output_cuda_calls (run, (char *) link->data + strlen (run->prefix));
  for (guint i = 0; i < json_array_get_length (answers); i++)
    check_philox (run, json_array_get_object_element (answers, i));
  return TRUE;
}
