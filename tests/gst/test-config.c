/* SPDX-License-Identifier: Apache-2.0 */
/* Config files of Open-Sora: what they say is done, properties count more. */
#include "gsttest.h"

#include <glib/gstdio.h>
#include <string.h>

/* The parts of the demo model under the names that Open-Sora has. %s: its
 * folder. */
#define MODEL                                                                  \
  "model = dict(type='STDiT3-XL/2', from_pretrained='%s/transformer')\n"       \
  "vae = dict(type='OpenSoraVAE_V1_2', from_pretrained='%s/vae')\n"            \
  "text_encoder = dict(type='t5', from_pretrained='%s/text_encoder')\n"        \
  "scheduler = dict(type='rflow', use_timestep_transform=True,\n"              \
  "                 num_sampling_steps=2, cfg_scale=3.5)\n"

static const char settings[] = "image_size = (48, 40)\n"
                               "num_frames = 1\n"
                               "fps = 24\n"
                               "frame_interval = 3\n"
                               "save_fps = 6\n"
                               "seed = 7\n"
                               "dtype = 'fp32'\n"
                               "align = 5\n"
                               "aes = 6.5\n"
                               "flow = 5\n"
                               "camera_motion = 'pan left'\n"
                               "prompt = ['a red circle', 'a blue square']\n"
                               "num_sample = 2\n"
                               "save_dir = './samples'\n";

static char *
write_config (const char *more)
{
  g_autofree char *demo =
      g_build_filename (g_getenv ("OPENSORA_DATA_DIR"), "opensora-demo", NULL);
  g_autofree char *model = g_strdup_printf (MODEL, demo, demo, demo);
  g_autofree char *text = g_strconcat (settings, model, more, NULL);
  char *path = NULL;
  int fd = g_file_open_tmp ("opensora-config-XXXXXX.py", &path, NULL);

  g_assert_cmpint (fd, >=, 0);
  g_close (fd, NULL);
  g_assert_true (g_file_set_contents (path, text, -1, NULL));
  return path;
}

typedef struct {
  GPtrArray *started; /* GstStructure, one a clip */
  guint warnings;
  GString *warning_text;
} Result;

static void
result_clear (Result *self)
{
  g_ptr_array_unref (self->started);
  g_string_free (self->warning_text, TRUE);
}

static void
note_message (Result *self, GstMessage *message)
{
  g_autoptr (GError) error = NULL;

  if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_WARNING) {
    gst_message_parse_warning (message, &error, NULL);
    g_string_append_printf (self->warning_text, "%s\n", error->message);
    self->warnings++;
  } else if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_ELEMENT
             && gst_message_has_name (message, "opensora-clip-started")) {
    g_ptr_array_add (self->started,
        gst_structure_copy (gst_message_get_structure (message)));
  }
}

static Result
run (const char *more_config, const char *properties)
{
  g_autofree char *path = write_config (more_config);
  g_autofree char *launch =
      g_strdup_printf ("opensorasrc config=%s %s ! fakesink", path, properties);
  GstElement *pipeline = gst_test_pipeline_new (launch);
  Result result = {
    .started =
        g_ptr_array_new_with_free_func ((GDestroyNotify) gst_structure_free),
    .warning_text = g_string_new (NULL),
  };
  gboolean ended = FALSE;

  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  while (!ended) {
    g_autoptr (GstMessage) message = gst_test_wait_message (
        pipeline, GST_MESSAGE_WARNING | GST_MESSAGE_ELEMENT | GST_MESSAGE_INFO
                      | GST_MESSAGE_EOS | GST_MESSAGE_ERROR);

    g_assert_cmpint (GST_MESSAGE_TYPE (message), !=, GST_MESSAGE_ERROR);
    g_assert_cmpint (GST_MESSAGE_TYPE (message), !=, GST_MESSAGE_INFO);
    note_message (&result, message);
    ended = GST_MESSAGE_TYPE (message) == GST_MESSAGE_EOS;
  }
  gst_test_pipeline_free (pipeline);
  g_unlink (path);
  return result;
}

/* A field of a clip as text. */
static char *
get_field (const Result *result, guint clip, const char *name)
{
  const GValue *value =
      gst_structure_get_value (result->started->pdata[clip], name);

  if (G_VALUE_HOLDS_STRING (value))
    return g_value_dup_string (value);
  return gst_value_serialize (value);
}

static void
check_field (
    const Result *result, guint clip, const char *name, const char *expected)
{
  g_autofree char *text = get_field (result, clip, name);

  g_test_message ("clip %u: %s", clip, name);
  g_assert_cmpstr (text, ==, expected);
}

static void
test_settings (void)
{
  Result result = run ("", "");

  g_assert_cmpuint (result.started->len, ==, 4);
  check_field (&result, 0, "width", "40");
  check_field (&result, 0, "height", "48");
  check_field (&result, 0, "num-frames", "1");
  check_field (&result, 0, "framerate", "6/1");
  check_field (&result, 0, "fps", "8"); /* fps / frame_interval */
  check_field (&result, 0, "steps", "2");
  check_field (&result, 0, "guidance-scale", "3.5");
  check_field (&result, 0, "aesthetic-score", "6.5");
  check_field (&result, 0, "motion-score", "5");
  check_field (&result, 0, "camera-motion", "pan left");
  check_field (&result, 0, "align", "5");
  check_field (&result, 0, "noise-dtype", "f32");
  check_field (&result, 0, "model", "transformer");
  check_field (&result, 0, "seed", "7");
  check_field (&result, 1, "seed", "8");
  check_field (&result, 1, "prompt", "a red circle");
  check_field (&result, 2, "prompt", "a blue square");
  check_field (&result, 2, "seed", "7");
  g_assert_cmpuint (result.warnings, ==, 0);
  result_clear (&result);
}

/* Also those that are set to their defaults. */
static void
test_properties_win (void)
{
  Result result =
      run ("", "seed=42 num-clips=1 prompt=\"a star\" aesthetic-score=0 "
               "motion-score=-1 align=-1 steps=1 resolution=32x32");

  g_assert_cmpuint (result.started->len, ==, 1);
  check_field (&result, 0, "seed", "42");
  check_field (&result, 0, "prompt", "a star");
  check_field (&result, 0, "aesthetic-score", "0");
  check_field (&result, 0, "motion-score", "-1");
  check_field (&result, 0, "steps", "1");
  check_field (&result, 0, "width", "32");
  check_field (&result, 0, "camera-motion", "pan left");
  check_field (&result, 0, "guidance-scale", "3.5");
  result_clear (&result);
}

/* The rate that is written is the one of the caps; the model is told the
 * config's unless downstream takes another. */
static void
test_caps_win (void)
{
  Result result = run ("", "! video/x-raw,width=32,height=32,framerate=12/1");

  check_field (&result, 0, "width", "32");
  check_field (&result, 0, "framerate", "12/1");
  check_field (&result, 0, "fps", "12");
  result_clear (&result);
}

static void
test_prompt_path_wins (void)
{
  Result result;
  g_autofree char *path = NULL;
  g_autofree char *properties = NULL;
  int fd = g_file_open_tmp ("opensora-prompts-XXXXXX", &path, NULL);

  g_assert_cmpint (fd, >=, 0);
  g_close (fd, NULL);
  g_assert_true (g_file_set_contents (path, "one\ntwo\nthree\n", -1, NULL));
  properties = g_strdup_printf ("prompt-path=%s num-clips=1", path);
  result = run ("", properties);
  g_assert_cmpuint (result.started->len, ==, 3);
  check_field (&result, 2, "prompt", "three");
  g_unlink (path);
  result_clear (&result);
}

/* A model of the user's takes the place of the config's. */
static void
test_model_wins (void)
{
  g_autofree char *demo =
      g_build_filename (g_getenv ("OPENSORA_DATA_DIR"), "opensora-demo", NULL);
  g_autofree char *properties = g_strdup_printf ("model=%s num-clips=1", demo);
  Result result = run ("", properties);

  check_field (&result, 0, "model", "opensora-demo");
  result_clear (&result);
}

static void
test_warnings (void)
{
  Result result = run ("guidence = 4\nllm_refine = True\n", "num-clips=1");

  g_assert_cmpuint (result.warnings, ==, 2);
  g_assert_nonnull (strstr (result.warning_text->str, "guidence"));
  g_assert_nonnull (strstr (result.warning_text->str, "llm_refine"));
  result_clear (&result);
}

/* References of their own for every prompt. */
static void
test_references (void)
{
  g_autofree char *picture = g_build_filename (
      g_getenv ("OPENSORA_TEST_DATA"), "pipeline", "gradient.png", NULL);
  g_autofree char *more = g_strdup_printf (
      "reference_path = ['', '%s']\nmask_strategy = ['', '0']\n", picture);
  Result result = run (more, "num-clips=1");

  check_field (&result, 0, "reference-path", NULL);
  check_field (&result, 1, "reference-path", picture);
  check_field (&result, 1, "mask-strategy", "0");
  result_clear (&result);
}

static void
check_error (
    const char *more, const char *properties, gint code, const char *part)
{
  g_autofree char *path = write_config (more);
  g_autofree char *launch =
      g_strdup_printf ("opensorasrc config=%s %s ! fakesink", path, properties);

  gst_test_expect_error (launch, GST_RESOURCE_ERROR, code, part);
  g_unlink (path);
}

static void
test_errors (void)
{
  check_error ("steps = range(3)\n", "", GST_RESOURCE_ERROR_SETTINGS, ":20:9");
  check_error ("loop = 'many'\n", "", GST_RESOURCE_ERROR_SETTINGS, "loop");
  check_error (
      "ckpt_path = '/nowhere'\n", "", GST_RESOURCE_ERROR_NOT_FOUND, "/nowhere");
  check_error ("reference_path = ['', '/nowhere.png']\n", "",
      GST_RESOURCE_ERROR_NOT_FOUND, "/nowhere.png");
}

static void
add_tests (void)
{
  g_test_add_func ("/gst/config/settings", test_settings);
  g_test_add_func ("/gst/config/properties-win", test_properties_win);
  g_test_add_func ("/gst/config/caps-win", test_caps_win);
  g_test_add_func ("/gst/config/prompt-path-wins", test_prompt_path_wins);
  g_test_add_func ("/gst/config/model-wins", test_model_wins);
  g_test_add_func ("/gst/config/warnings", test_warnings);
  g_test_add_func ("/gst/config/references", test_references);
  g_test_add_func ("/gst/config/errors", test_errors);
}

int
main (int argc, char **argv)
{
  return gst_test_main (argc, argv, add_tests);
}
