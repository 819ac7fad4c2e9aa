/* SPDX-License-Identifier: Apache-2.0 */
/* OpensoraParams: properties, notifications, copies. */
#include "pipeline/params.h"

#include "paramstest.h"

static void
test_defaults (void)
{
  g_autoptr (OpensoraParams) p = opensora_params_new ();

  g_assert_null (opensora_params_get_prompt (p));
  g_assert_cmpint (opensora_params_get_seed (p), ==, 42);
  g_assert_cmpuint (opensora_params_get_steps (p), ==, 0);
  g_assert_cmpfloat (opensora_params_get_guidance_scale (p), ==, -1);
  g_assert_cmpuint (opensora_params_get_num_frames (p), ==, 0);
  g_assert_cmpuint (opensora_params_get_width (p), ==, 0);
  g_assert_cmpuint (opensora_params_get_height (p), ==, 0);
  g_assert_cmpfloat (opensora_params_get_fps (p), ==, 0);
}

/* What a new object has is what its properties say they default to. */
static void
test_declared_defaults (void)
{
  g_autoptr (OpensoraParams) p = opensora_params_new ();
  g_autofree GParamSpec **specs = NULL;
  guint n;

  specs = g_object_class_list_properties (G_OBJECT_GET_CLASS (p), &n);
  g_assert_cmpuint (n, ==, 24);
  for (guint i = 0; i < n; i++) {
    g_auto (GValue) value = G_VALUE_INIT;

    g_value_init (&value, specs[i]->value_type);
    g_object_get_property (G_OBJECT (p), specs[i]->name, &value);
    g_assert_true (g_param_value_defaults (specs[i], &value));
  }
}

/* Another value than the default of each property. */
static const struct {
  const char *property, *value;
} filled[] = {
  { "prompt", "a red circle" },
  { "seed", "9224372036854775807" },
  { "steps", "3" },
  { "guidance-scale", "2.5" },
  { "step-cache", "0.125" },
  { "aesthetic-score", "5.5" },
  { "motion-score", "4" },
  { "camera-motion", "pan left" },
  { "num-frames", "34" },
  { "width", "64" },
  { "height", "48" },
  { "fps", "12.5" },
  { "frame-interval", "3" },
  { "resolution", "240p" },
  { "aspect-ratio", "16:9" },
  { "reference-path", "a.png;b.mp4" },
  { "mask-strategy", "0;0,1,0,-1" },
  { "loop", "2" },
  { "condition-frame-length", "10" },
  { "condition-frame-edit", "0.25" },
  { "align", "0" },
  { "continue-previous", "1" },
  { "noise", "cuda" },
  { "noise-dtype", "bf16" },
};

static OpensoraParams *
new_filled (void)
{
  OpensoraParams *p = opensora_params_new ();

  for (gsize i = 0; i < G_N_ELEMENTS (filled); i++)
    paramstest_set (p, filled[i].property, filled[i].value);
  return p;
}

/* All 24, each in its own place. */
static void
assert_filled (OpensoraParams *p)
{
  const OsParams *v = os_params_peek (p);

  g_assert_cmpstr (v->prompt, ==, "a red circle");
  g_assert_cmpint (v->seed, ==, G_MAXINT64);
  g_assert_cmpuint (v->steps, ==, 3);
  g_assert_cmpfloat (v->guidance_scale, ==, 2.5);
  g_assert_cmpstr (v->step_cache, ==, "0.125");
  g_assert_cmpfloat (v->aesthetic_score, ==, 5.5);
  g_assert_cmpfloat (v->motion_score, ==, 4);
  g_assert_cmpstr (v->camera_motion, ==, "pan left");
  g_assert_cmpuint (v->num_frames, ==, 34);
  g_assert_cmpuint (v->width, ==, 64);
  g_assert_cmpuint (v->height, ==, 48);
  g_assert_cmpfloat (v->fps, ==, 12.5);
  g_assert_cmpuint (v->frame_interval, ==, 3);
  g_assert_cmpstr (v->resolution, ==, "240p");
  g_assert_cmpstr (v->aspect_ratio, ==, "16:9");
  g_assert_cmpstr (v->reference_path, ==, "a.png;b.mp4");
  g_assert_cmpstr (v->mask_strategy, ==, "0;0,1,0,-1");
  g_assert_cmpuint (v->loop, ==, 2);
  g_assert_cmpint (v->condition_frame_length, ==, 10);
  g_assert_cmpfloat (v->condition_frame_edit, ==, 0.25);
  g_assert_cmpint (v->align, ==, 0);
  g_assert_true (v->continue_previous);
  g_assert_cmpint (v->noise, ==, OPENSORA_NOISE_CUDA);
  g_assert_cmpint (v->noise_dtype, ==, OPENSORA_NOISE_DTYPE_BF16);
}

static void
test_properties (void)
{
  g_autoptr (OpensoraParams) p = new_filled ();

  g_assert_cmpuint (G_N_ELEMENTS (filled), ==, 24);
  assert_filled (p);
  for (gsize i = 0; i < G_N_ELEMENTS (filled); i++) {
    g_autoptr (OpensoraParams) other = opensora_params_new ();
    GParamSpec *spec = g_object_class_find_property (
        G_OBJECT_GET_CLASS (p), filled[i].property);
    g_auto (GValue) value = G_VALUE_INIT;

    /* What was set is what is got. */
    g_value_init (&value, spec->value_type);
    g_object_get_property (G_OBJECT (p), spec->name, &value);
    g_assert_false (g_param_value_defaults (spec, &value));
    g_object_set_property (G_OBJECT (other), spec->name, &value);
    g_value_reset (&value);
    g_object_get_property (G_OBJECT (other), spec->name, &value);
    g_assert_false (g_param_value_defaults (spec, &value));
  }
}

static void
test_functions (void)
{
  g_autoptr (OpensoraParams) p = opensora_params_new ();

  opensora_params_set_prompt (p, "x");
  opensora_params_set_seed (p, 1);
  opensora_params_set_steps (p, 2);
  opensora_params_set_guidance_scale (p, 3);
  opensora_params_set_num_frames (p, 17);
  opensora_params_set_width (p, 32);
  opensora_params_set_height (p, 16);
  opensora_params_set_fps (p, 24);
  g_assert_cmpstr (opensora_params_get_prompt (p), ==, "x");
  g_assert_cmpint (opensora_params_get_seed (p), ==, 1);
  g_assert_cmpuint (opensora_params_get_steps (p), ==, 2);
  g_assert_cmpfloat (opensora_params_get_guidance_scale (p), ==, 3);
  g_assert_cmpuint (opensora_params_get_num_frames (p), ==, 17);
  g_assert_cmpuint (opensora_params_get_width (p), ==, 32);
  g_assert_cmpuint (opensora_params_get_height (p), ==, 16);
  g_assert_cmpfloat (opensora_params_get_fps (p), ==, 24);
}

static void
test_copy (void)
{
  g_autoptr (OpensoraParams) p = new_filled ();
  g_autoptr (OpensoraParams) copy = opensora_params_copy (p);

  for (gsize i = 0; i < G_N_ELEMENTS (filled); i++) {
    GParamSpec *spec = g_object_class_find_property (
        G_OBJECT_GET_CLASS (p), filled[i].property);

    g_object_set_property (
        G_OBJECT (p), spec->name, g_param_spec_get_default_value (spec));
  }
  assert_filled (copy);
}

static void
on_notify (GObject *object, GParamSpec *pspec, gpointer data)
{
  g_string_append_printf (data, "%s ", pspec->name);
}

/* A notification for each change, none where nothing changes. */
static void
test_notify (void)
{
  g_autoptr (OpensoraParams) p = opensora_params_new ();
  g_autoptr (GString) seen = g_string_new (NULL);
  g_autoptr (GString) expected = g_string_new (NULL);

  g_signal_connect (p, "notify", G_CALLBACK (on_notify), seen);
  for (gsize i = 0; i < G_N_ELEMENTS (filled); i++)
    g_string_append_printf (expected, "%s ", filled[i].property);
  for (int round = 0; round < 2; round++)
    for (gsize i = 0; i < G_N_ELEMENTS (filled); i++)
      paramstest_set (p, filled[i].property, filled[i].value);
  g_assert_cmpstr (seen->str, ==, expected->str);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/pipeline/params/defaults", test_defaults);
  g_test_add_func (
      "/pipeline/params/declared-defaults", test_declared_defaults);
  g_test_add_func ("/pipeline/params/properties", test_properties);
  g_test_add_func ("/pipeline/params/functions", test_functions);
  g_test_add_func ("/pipeline/params/copy", test_copy);
  g_test_add_func ("/pipeline/params/notify", test_notify);
  return g_test_run ();
}
