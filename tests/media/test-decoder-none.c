/* SPDX-License-Identifier: Apache-2.0 */
/* A library without GStreamer refuses references and says why. */
#include <glib/gstdio.h>
#include <opensora/opensora.h>
#include <string.h>

#include "media/media.h"

static void
test_refuses (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = NULL;
  int file = g_file_open_tmp ("XXXXXX.png", &path, NULL);

  g_assert_cmpint (file, >=, 0);
  g_assert_null (os_media_open (path, 8, 8, NULL, &error));
  g_assert_error (error, OPENSORA_ERROR, OPENSORA_ERROR_UNSUPPORTED);
  g_assert_nonnull (strstr (error->message, "built without GStreamer"));
  g_close (file, NULL);
  g_unlink (path);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/media/decoder-none/refuses", test_refuses);
  return g_test_run ();
}
