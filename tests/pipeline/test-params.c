/* SPDX-License-Identifier: Apache-2.0 */
/* OpensoraParams: properties, notifications, copies. */
#include <opensora/opensora.h>

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
  g_assert_cmpuint (n, ==, 8);
  for (guint i = 0; i < n; i++) {
    g_auto (GValue) value = G_VALUE_INIT;

    g_value_init (&value, specs[i]->value_type);
    g_object_get_property (G_OBJECT (p), specs[i]->name, &value);
    g_assert_true (g_param_value_defaults (specs[i], &value));
  }
}

static OpensoraParams *
new_filled (void)
{
  OpensoraParams *p = opensora_params_new ();

  opensora_params_set_prompt (p, "a red circle");
  opensora_params_set_seed (p, G_MAXINT64);
  opensora_params_set_steps (p, 3);
  opensora_params_set_guidance_scale (p, 2.5);
  opensora_params_set_num_frames (p, 34);
  opensora_params_set_width (p, 64);
  opensora_params_set_height (p, 48);
  opensora_params_set_fps (p, 12.5);
  return p;
}

static void
assert_filled (OpensoraParams *p)
{
  g_autofree char *prompt = NULL;
  gint64 seed;
  guint steps, num_frames, width, height;
  double guidance_scale, fps;

  g_object_get (p, "prompt", &prompt, "seed", &seed, "steps", &steps,
      "guidance-scale", &guidance_scale, "num-frames", &num_frames, "width",
      &width, "height", &height, "fps", &fps, NULL);
  g_assert_cmpstr (prompt, ==, "a red circle");
  g_assert_cmpint (seed, ==, G_MAXINT64);
  g_assert_cmpuint (steps, ==, 3);
  g_assert_cmpfloat (guidance_scale, ==, 2.5);
  g_assert_cmpuint (num_frames, ==, 34);
  g_assert_cmpuint (width, ==, 64);
  g_assert_cmpuint (height, ==, 48);
  g_assert_cmpfloat (fps, ==, 12.5);
}

static void
test_properties (void)
{
  g_autoptr (OpensoraParams) by_function = new_filled ();
  g_autoptr (OpensoraParams) by_property =
      g_object_new (OPENSORA_TYPE_PARAMS, "prompt", "a red circle", "seed",
          G_MAXINT64, "steps", 3, "guidance-scale", 2.5, "num-frames", 34,
          "width", 64, "height", 48, "fps", 12.5, NULL);

  assert_filled (by_function);
  assert_filled (by_property);
  g_assert_cmpstr (
      opensora_params_get_prompt (by_property), ==, "a red circle");
  g_assert_cmpuint (opensora_params_get_num_frames (by_property), ==, 34);
  g_assert_cmpfloat (opensora_params_get_fps (by_property), ==, 12.5);
}

static void
test_copy (void)
{
  g_autoptr (OpensoraParams) p = new_filled ();
  g_autoptr (OpensoraParams) copy = opensora_params_copy (p);

  opensora_params_set_prompt (p, NULL);
  opensora_params_set_width (p, 0);
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

  g_signal_connect (p, "notify", G_CALLBACK (on_notify), seen);
  for (int i = 0; i < 2; i++) {
    opensora_params_set_prompt (p, "x");
    opensora_params_set_seed (p, 1);
    opensora_params_set_steps (p, 2);
    opensora_params_set_guidance_scale (p, 3);
    opensora_params_set_num_frames (p, 17);
    opensora_params_set_width (p, 32);
    opensora_params_set_height (p, 16);
    g_object_set (p, "fps", 24.0, NULL);
  }
  g_assert_cmpstr (seen->str, ==,
      "prompt seed steps guidance-scale num-frames width height fps ");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/pipeline/params/defaults", test_defaults);
  g_test_add_func (
      "/pipeline/params/declared-defaults", test_declared_defaults);
  g_test_add_func ("/pipeline/params/properties", test_properties);
  g_test_add_func ("/pipeline/params/copy", test_copy);
  g_test_add_func ("/pipeline/params/notify", test_notify);
  return g_test_run ();
}
