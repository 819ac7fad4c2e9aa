/* SPDX-License-Identifier: Apache-2.0 */
/* Rectified flow: its timesteps against recorded ones, and its steps with
 * networks whose flow is known. */
#include "sampling/rflow.h"

#include <json-glib/json-glib.h>
#include <math.h>
#include <opensora/opensora.h>

#include "optest.h"
#include "samplertest.h"

static void
check_sequence (JsonObject *one)
{
  const gboolean transform = json_object_get_boolean_member (one, "transform");
  JsonArray *t = json_object_get_array_member (one, "t");
  JsonArray *dt = json_object_get_array_member (one, "dt");
  const guint n = json_array_get_length (t);
  const OsRflow rflow = {
    .steps = json_object_get_int_member (one, "steps"),
    .num_timesteps = json_object_get_double_member (one, "num_timesteps"),
    .discrete_timesteps = json_object_get_boolean_member (one, "discrete"),
    .timestep_transform = transform,
    .height = transform ? json_object_get_double_member (one, "height") : 0,
    .width = transform ? json_object_get_double_member (one, "width") : 0,
    .num_frames =
        transform ? json_object_get_int_member (one, "num_frames") : 0,
  };
  g_autofree float *t_out = g_new (float, n);
  g_autofree float *dt_out = g_new (float, n);

  g_assert_cmpuint (n, ==, rflow.steps);
  os_rflow_schedule (&rflow, t_out, dt_out);
  for (guint i = 0; i < n; i++) {
    const double expected = json_array_get_double_element (t, i);

    g_assert_cmpfloat_with_epsilon (t_out[i], expected, 3e-7 * expected);
    g_assert_cmpfloat_with_epsilon (
        dt_out[i], json_array_get_double_element (dt, i), 3e-7);
  }
}

/* Member `list` of the file, which the parser owns. */
static JsonArray *
load_cases (JsonParser *parser, const char *list)
{
  g_autofree char *path = g_build_filename (
      g_getenv ("OPENSORA_TEST_DATA"), "sampling", "timesteps.json", NULL);
  g_autoptr (GError) error = NULL;

  json_parser_load_from_file (parser, path, &error);
  g_assert_no_error (error);
  return json_object_get_array_member (
      json_node_get_object (json_parser_get_root (parser)), list);
}

static void
test_schedule (void)
{
  g_autoptr (JsonParser) parser = json_parser_new ();
  JsonArray *sequences = load_cases (parser, "sequences");

  g_assert_cmpuint (json_array_get_length (sequences), ==, 13);
  for (guint i = 0; i < json_array_get_length (sequences); i++)
    check_sequence (json_array_get_object_element (sequences, i));
}

/* The first timestep of some small pictures rounds to above 1000, exactly: a
 * frame mask of ones then leaves the first step out. */
static void
test_above_1000 (void)
{
  g_autoptr (JsonParser) parser = json_parser_new ();
  JsonArray *cases = load_cases (parser, "first_timestep_above_1000");

  g_assert_cmpuint (json_array_get_length (cases), ==, 6);
  for (guint i = 0; i < json_array_get_length (cases); i++) {
    JsonObject *one = json_array_get_object_element (cases, i);
    const OsRflow rflow = { .steps = 1,
      .num_timesteps = 1000,
      .timestep_transform = TRUE,
      .height = json_object_get_double_member (one, "height"),
      .width = json_object_get_double_member (one, "width"),
      .num_frames = json_object_get_int_member (one, "num_frames") };
    float t, dt;

    os_rflow_schedule (&rflow, &t, &dt);
    g_assert_cmpfloat (t, ==, json_object_get_double_member (one, "t"));
  }
}

/* The steps add up to the way from the first timestep to 0. */
static void
test_steps_add_up (void)
{
  for (guint steps = 1; steps < 100; steps += 7) {
    const OsRflow rflow = { .steps = steps,
      .num_timesteps = 1000,
      .timestep_transform = TRUE,
      .height = 144,
      .width = 256,
      .num_frames = 51 };
    float t[100], dt[100];
    double sum = 0;

    os_rflow_schedule (&rflow, t, dt);
    for (guint i = 0; i < steps; i++) {
      sum += dt[i];
      g_assert_cmpfloat (dt[i], >, 0);
    }
    g_assert_cmpfloat_with_epsilon (sum, t[0] / 1000, 1e-6);
  }
}

/* A network with the flow `conditional` for the prompt's rows, `unconditional`
 * for the others; what it is asked is recorded. */
typedef struct {
  float conditional, unconditional;
  gint64 channels; /* more than z's: the rest is a variance */
  guint calls, noise_calls;
  float t[8];
  float estimates[8][4]; /* the first value of each frame */
  guint8 x_mask[8][4];
  gboolean masked;
  GCancellable *cancel_at_second;
} Network;

static OsTensor *
predict (OsCompute *compute, const OsTensor *x, float t, const guint8 *x_mask,
    gpointer data)
{
  Network *network = data;
  const gint64 *s = x->shape;
  const gint64 B = s[0], half = B * network->channels * s[2] * s[3] * s[4];
  OsTensor *out = os_compute_tensor (
      compute, OS_SHAPE (2 * B, network->channels, s[2], s[3], s[4]));
  const gint64 pixels = s[2] * s[3] * s[4];

  for (gint64 i = 0; i < 2 * half && os_compute_ok (compute); i++) {
    const gboolean variance = i / pixels % network->channels >= s[1];

    os_tensor_f32 (out)[i] = variance   ? NAN
                             : i < half ? network->conditional
                                        : network->unconditional;
  }
  if (network->calls < 8)
    network->t[network->calls] = t;
  network->masked = x_mask != NULL;
  for (gint64 i = 0; x_mask && i < B * s[2]; i++)
    network->x_mask[network->calls][i] = x_mask[i];
  if (++network->calls == 2 && network->cancel_at_second)
    g_cancellable_cancel (network->cancel_at_second);
  return out;
}

/* Sevens. */
static OsTensor *
draw (OsCompute *compute, int n_dims, const gint64 *shape, gpointer data)
{
  Network *network = data;
  OsTensor *noise = os_compute_tensor (compute, n_dims, shape);

  network->noise_calls++;
  for (gint64 i = 0; i < os_tensor_count (noise); i++)
    os_tensor_f32 (noise)[i] = 7;
  return noise;
}

static void
keep_estimate (
    OsCompute *compute, guint step, const OsTensor *x0, gpointer data)
{
  Network *network = data;

  if (!os_compute_ok (compute))
    return;
  for (gint64 t = 0; t < x0->shape[2] && step < 8; t++)
    network->estimates[step][t] =
        os_tensor_f32 (x0)[t * x0->shape[3] * x0->shape[4]];
}

static OsTensor *
sample (OsCompute *compute, Network *network, double guidance,
    const OsTensor *z, const float *frame_mask)
{
  const OsRflow rflow = {
    .steps = 4, .num_timesteps = 1000, .guidance_scale = guidance
  };
  const OsSamplerCallbacks callbacks = { predict, draw, network,
    keep_estimate };

  return os_rflow_sample (&rflow, compute, z, frame_mask, &callbacks);
}

/* Values move by unconditional + guidance (conditional - unconditional). */
static void
check_guidance (OsCompute *compute, double guidance, double change)
{
  Network network = { .conditional = 2, .unconditional = -1, .channels = 6 };
  g_autoptr (OsTensor) z = optest_tensor (compute, OS_SHAPE (2, 3, 2, 5, 3));
  g_autoptr (OsTensor) out = sample (compute, &network, guidance, z, NULL);

  g_assert_true (os_tensor_has_shape (out, 5, z->shape));
  for (gint64 i = 0; i < os_tensor_count (z); i++)
    optest_assert_near (
        os_tensor_f32 (out)[i], os_tensor_f32 (z)[i] + change, 2e-6, i);
  g_assert_cmpuint (network.calls, ==, 4);
  g_assert_cmpuint (network.noise_calls, ==, 0);
  g_assert_false (network.masked);
  for (int i = 0; i < 4; i++)
    g_assert_cmpfloat (network.t[i], ==, 1000 - 250 * i);
}

static void
test_guidance (OsCompute *compute)
{
  check_guidance (compute, 1, 2);
  check_guidance (compute, 0, -1);
  check_guidance (compute, 7, -1 + 7 * 3);
}

/* At scale 1 the unconditional rows do not count: bit by bit what it is with
 * other ones. */
static void
test_guidance_of_one (OsCompute *compute)
{
  Network a = { .conditional = 0.3f, .unconditional = -5, .channels = 4 };
  Network b = { .conditional = 0.3f, .unconditional = 11, .channels = 4 };
  g_autoptr (OsTensor) z = optest_tensor (compute, OS_SHAPE (1, 4, 3, 2, 2));
  g_autoptr (OsTensor) x = sample (compute, &a, 1, z, NULL);
  g_autoptr (OsTensor) y = sample (compute, &b, 1, z, NULL);

  optest_assert_equal (compute, x, y);
}

/* Frames: generated, kept, and kept until half of the time is over. */
static void
test_frame_mask (OsCompute *compute)
{
  const float mask[] = { 1, 0, 0.5f };
  const guint8 expected[4][3] = { { 1, 0, 0 }, { 1, 0, 0 }, { 1, 0, 1 },
    { 1, 0, 1 } };
  Network network = { .conditional = 2, .channels = 4 };
  g_autoptr (OsTensor) z = optest_tensor (compute, OS_SHAPE (1, 4, 3, 2, 2));
  g_autoptr (OsTensor) out = sample (compute, &network, 1, z, mask);

  for (gint64 i = 0; i < 48; i++) {
    const float before = os_tensor_f32 (z)[i], after = os_tensor_f32 (out)[i];

    switch (i / 4 % 3) {
      case 0:
        optest_assert_near (after, before + 2, 2e-6, i);
        break;
      case 1:
        g_assert_cmpfloat (after, ==, before);
        break;
      default: /* noised to t = 500, then two steps of 250 */
        optest_assert_near (after, 0.5 * before + 0.5 * 7 + 0.5 * 2, 2e-6, i);
    }
  }
  g_assert_cmpuint (network.noise_calls, ==, 4);
  for (int i = 0; i < 4; i++) {
    g_assert_cmpmem (network.x_mask[i], 3, expected[i], 3);
    /* It moves at one speed: what it ends at is seen from the start. The noise
     * of the first frame, which enters at once, is sevens. */
    g_assert_cmpfloat_with_epsilon (
        network.estimates[i][0], AT (out, 0, 0, 0, 0, 0), 2e-6);
    g_assert_cmpfloat (network.estimates[i][1], ==, AT (z, 0, 0, 1, 0, 0));
    g_assert_cmpfloat_with_epsilon (
        network.estimates[i][2], AT (i < 2 ? z : out, 0, 0, 2, 0, 0), 2e-6);
  }
}

/* A mask of ones changes nothing but that noise is drawn. */
static void
test_mask_of_ones (OsCompute *compute)
{
  const float ones[] = { 1, 1, 1, 1 };
  Network network = { .conditional = 1.5f, .channels = 8 };
  g_autoptr (OsTensor) z = optest_tensor (compute, OS_SHAPE (2, 4, 2, 3, 2));
  g_autoptr (OsTensor) masked = sample (compute, &network, 7, z, ones);
  g_autoptr (OsTensor) plain = sample (compute, &network, 7, z, NULL);

  g_assert_cmpuint (network.noise_calls, ==, 4);
  optest_assert_equal (compute, masked, plain);
}

static void
test_progress_and_cancel (OsCompute *compute)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  SamplerTestProgress progress = { .total = 4 };
  g_autoptr (OsTask) task =
      os_task_new (cancellable, samplertest_count_progress, &progress);
  Network whole = { .channels = 4 }, cut = { .channels = 4 };
  g_autoptr (OsTensor) z = optest_tensor (compute, OS_SHAPE (1, 4, 1, 2, 2));
  g_autoptr (OsTensor) done = NULL;
  g_autoptr (OsTensor) stopped = NULL;
  g_autoptr (GError) error = NULL;

  os_compute_set_task (compute, task);
  done = sample (compute, &whole, 1, z, NULL);
  g_assert_cmpuint (progress.reports, ==, 5);
  progress.reports = 0;
  cut.cancel_at_second = cancellable;
  stopped = sample (compute, &cut, 1, z, (float[]){ 1 });
  g_assert_cmpuint (cut.calls, ==, 2);
  g_assert_true (os_tensor_has_shape (stopped, 5, z->shape));
  g_assert_false (os_compute_check (compute, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  os_compute_set_task (compute, NULL);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/sampling/rflow/schedule", test_schedule);
  g_test_add_func ("/sampling/rflow/above-1000", test_above_1000);
  g_test_add_func ("/sampling/rflow/steps-add-up", test_steps_add_up);
  optest_add ("/sampling/rflow/guidance", test_guidance);
  optest_add ("/sampling/rflow/guidance-of-one", test_guidance_of_one);
  optest_add ("/sampling/rflow/frame-mask", test_frame_mask);
  optest_add ("/sampling/rflow/mask-of-ones", test_mask_of_ones);
  optest_add ("/sampling/rflow/progress-and-cancel", test_progress_and_cancel);
  return g_test_run ();
}
