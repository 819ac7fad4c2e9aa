/* SPDX-License-Identifier: Apache-2.0 */
/* The library without GStreamer: a prompt becomes one PPM picture a frame.
 *
 *   generate PROMPT [FOLDER [MODEL]]
 *
 * Build it with
 *   cc generate.c $(pkg-config --cflags --libs opensora-0.1) -o generate */

#include <opensora/opensora.h>
#include <stdio.h>

static gboolean
write_frame (
    GBytes *rgb, guint width, guint height, guint index, gpointer user_data)
{
  const char *folder = user_data;
  g_autofree char *path = g_strdup_printf ("%s/frame-%04u.ppm", folder, index);
  FILE *file = fopen (path, "wb");
  gboolean written;

  if (file == NULL) {
    perror (path);
    return FALSE;
  }
  fprintf (file, "P6\n%u %u\n255\n", width, height);
  written =
      fwrite (g_bytes_get_data (rgb, NULL), 3 * (size_t) width, height, file)
      == height;
  /* Closing writes what is still in the buffer. */
  if (fclose (file) != 0 || !written) {
    perror (path);
    return FALSE;
  }
  return TRUE;
}

static void
print_progress (
    OpensoraStage stage, guint64 done, guint64 total, gpointer user_data)
{
  printf ("%s %" G_GUINT64_FORMAT "/%" G_GUINT64_FORMAT "\n",
      opensora_stage_get_name (stage), done, total);
}

int
main (int argc, char **argv)
{
  g_autoptr (OpensoraPipeline) pipeline = NULL;
  g_autoptr (OpensoraParams) params = NULL;
  g_autoptr (GError) error = NULL;
  char *folder = argc > 2 ? argv[2] : ".";

  if (argc < 2) {
    fprintf (stderr, "Usage: generate PROMPT [FOLDER [MODEL]]\n");
    return 2;
  }

  /* No model: the bundled one. No backend, no threads: the best, all cores. */
  pipeline = opensora_pipeline_new (argc > 3 ? argv[3] : NULL, NULL, 0);
  params = opensora_params_new ();
  opensora_params_set_prompt (params, argv[1]);
  opensora_params_set_seed (params, 42);

  if (!opensora_pipeline_load (pipeline, NULL, print_progress, NULL, &error)
      || !opensora_pipeline_generate (pipeline, params, write_frame, folder,
          print_progress, NULL, NULL, &error)) {
    fprintf (stderr, "generate: %s\n", error->message);
    return 1;
  }
  return 0;
}
