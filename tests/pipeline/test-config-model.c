/* SPDX-License-Identifier: Apache-2.0 */
/* What a config says of the model, and what the reference's classes take where
 * it says nothing. */
#include "pipeline/config-model.h"

#include <glib/gstdio.h>
#include <string.h>

static OpensoraConfig *
load (const char *text)
{
  g_autofree char *path = NULL;
  g_autoptr (GError) error = NULL;
  const int fd = g_file_open_tmp ("opensora-XXXXXX.py", &path, &error);
  OpensoraConfig *config;

  g_assert_no_error (error);
  g_close (fd, NULL);
  g_assert_true (g_file_set_contents (path, text, -1, NULL));
  config = opensora_config_load (path, &error);
  g_assert_no_error (error);
  g_unlink (path);
  return config;
}

#define STDIT1 "model = dict(type='STDiT-XL/2')\n"
#define STDIT2 "model = dict(type='STDiT2-XL/2')\n"
#define STDIT3 "model = dict(type='STDiT3-XL/2')\n"

static const struct {
  const char *text;
  OsConfigModel model;
} configs[] = {
  { "", { NULL, OS_N_SAMPLERS, 0, 1, 1, 0, 0 } },
  { STDIT1, { "1.0", OS_N_SAMPLERS, 0, 1, 1, 0, 0 } },
  { "model = dict(type='STDiT-XL/2', space_scale=0.5, time_scale=2 / 3)\n",
      { "1.0", OS_N_SAMPLERS, 0, 0.5, 2.0 / 3, 0, 0 } },
  { STDIT1 "scheduler = dict(type='dpm-solver')\n"
           "text_encoder = dict(model_max_length=120)\n",
      { "1.0", OS_SAMPLER_DPM_SOLVER, 0, 1, 1, 120, 0 } },
  { STDIT2 "scheduler = dict(type='iddpm', cfg_channel=3)\n"
           "vae = dict(micro_batch_size=8)\n",
      { "1.1", OS_SAMPLER_IDDPM, 3, 1, 1, 0, 8 } },
  { STDIT2 "vae = dict(micro_batch_size=None)\n",
      { "1.1", OS_N_SAMPLERS, 0, 1, 1, 0, 0 } },
  { STDIT3 "scheduler = dict(type='rflow')\n",
      { "1.2", OS_SAMPLER_RFLOW, 0, 1, 1, 0, 4 } },
  { STDIT3 "vae = dict(micro_batch_size=2)\n",
      { "1.2", OS_N_SAMPLERS, 0, 1, 1, 0, 2 } },
};

static void
test_values (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (configs); i++) {
    g_autoptr (OpensoraConfig) config = load (configs[i].text);
    const OsConfigModel *want = &configs[i].model;
    g_autoptr (GError) error = NULL;
    OsConfigModel got;

    g_test_message ("%s", configs[i].text);
    os_config_model_read (config, &got, &error);
    g_assert_no_error (error);
    g_assert_cmpstr (got.version, ==, want->version);
    g_assert_cmpint (got.sampler, ==, want->sampler);
    g_assert_cmpuint (got.n_guided, ==, want->n_guided);
    g_assert_cmpfloat (got.space_scale, ==, want->space_scale);
    g_assert_cmpfloat (got.time_scale, ==, want->time_scale);
    g_assert_cmpuint (got.max_length, ==, want->max_length);
    g_assert_cmpuint (got.micro_batch_size, ==, want->micro_batch_size);
  }
}

static void
test_refuses (void)
{
  static const char *const refused[][2] = {
    { "scheduler = dict(type='euler')\n", "scheduler.type" },
    { "scheduler = dict(cfg_channel=0)\n", "scheduler.cfg_channel" },
    { "model = dict(space_scale=0)\n", "model.space_scale" },
    { "model = dict(time_scale='a')\n", "model.time_scale" },
    { "text_encoder = dict(model_max_length=-1)\n", "model_max_length" },
    { "vae = dict(micro_batch_size=0)\n", "vae.micro_batch_size" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (refused); i++) {
    g_autoptr (OpensoraConfig) config = load (refused[i][0]);
    g_autoptr (GError) error = NULL;
    OsConfigModel model;

    g_assert_false (os_config_model_read (config, &model, &error));
    g_assert_error (error, OPENSORA_ERROR, OPENSORA_ERROR_SETTINGS);
    g_assert_nonnull (strstr (error->message, refused[i][1]));
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/pipeline/config-model/values", test_values);
  g_test_add_func ("/pipeline/config-model/refuses", test_refuses);
  return g_test_run ();
}
