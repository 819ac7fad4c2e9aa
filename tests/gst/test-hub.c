/* SPDX-License-Identifier: Apache-2.0 */
/* Models from the Hugging Face hub, which is a mock here: progress, errors,
 * cancellation.
 *
 *   test-gst-hub    with OPENSORA_TEST_PYTHON3 and OPENSORA_TEST_MOCK_HUB, the
 *                   interpreter and the script of the mock
 */
#include "interrupt.h"

#include <gio/gio.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

static char *folder; /* of the repositories and the caches */
static GSubprocess *mock;

/* org/silent gives no answer, org/slow arrives at 20 kB/s, org/damaged with a
 * wrong byte. */
static const char faults[] =
    "[{\"match\": {\"repo\": \"org/silent\"}, \"times\": -1,"
    "  \"do\": {\"hang\": 60}},"
    " {\"match\": {\"origin\": \"cdn\", \"repo\": \"org/slow\"}, \"times\": -1,"
    "  \"do\": {\"drip\": 20000, \"chunk\": 2000}},"
    " {\"match\": {\"origin\": \"cdn\", \"repo\": \"org/damaged\"},"
    "  \"times\": -1, \"do\": {\"corrupt\": {\"offset\": 1000}}}]";
static const char access_rules[] = "{\"gated\": [\"org/gated\"]}";

static char *
write_file (const char *name, const char *content)
{
  char *path = g_build_filename (folder, name, NULL);

  g_assert_true (g_file_set_contents (path, content, -1, NULL));
  return path;
}

/* Repositories that are the demo model, and those of Open-Sora 1.2 that are its
 * parts: the name, and what of the demo lies there. */
static const struct {
  const char *repo;
  const char *demo;
} repositories[] = {
  { "org/model", "" },
  { "org/silent", "" },
  { "org/slow", "" },
  { "org/damaged", "" },
  { "org/gated", "" },
  { "hpcai-tech/OpenSora-STDiT-v3", "transformer" },
  { "hpcai-tech/OpenSora-VAE-v1.2", "vae" },
  { "DeepFloyd/t5-v1_1-xxl/config.json", "text_encoder/config.json" },
  { "DeepFloyd/t5-v1_1-xxl/model.safetensors",
      "text_encoder/model.safetensors" },
  { "DeepFloyd/t5-v1_1-xxl/spiece.model", "tokenizer/spiece.model" },
  { "DeepFloyd/t5-v1_1-xxl/tokenizer_config.json",
      "tokenizer/tokenizer_config.json" },
};

static void
make_repositories (const char *root)
{
  for (guint i = 0; i < G_N_ELEMENTS (repositories); i++) {
    g_autofree char *demo = g_build_filename (g_getenv ("OPENSORA_DATA_DIR"),
        "opensora-demo", repositories[i].demo, NULL);
    g_autofree char *path = g_build_filename (root, repositories[i].repo, NULL);
    g_autofree char *parent = g_path_get_dirname (path);

    g_assert_cmpint (g_mkdir_with_parents (parent, 0700), ==, 0);
    g_assert_cmpint (symlink (demo, path), ==, 0);
  }
}

static void
start_mock (void)
{
  g_autofree char *root = g_build_filename (folder, "root", NULL);
  g_autofree char *faults_file = write_file ("faults.json", faults);
  g_autofree char *access_file = write_file ("access.json", access_rules);
  g_autoptr (GDataInputStream) output = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *port = NULL;
  g_autofree char *endpoint = NULL;

  make_repositories (root);
  mock = g_subprocess_new (
      G_SUBPROCESS_FLAGS_STDIN_PIPE | G_SUBPROCESS_FLAGS_STDOUT_PIPE, &error,
      g_getenv ("OPENSORA_TEST_PYTHON3"), g_getenv ("OPENSORA_TEST_MOCK_HUB"),
      "--root", root, "--config", access_file, "--faults", faults_file,
      "--print-port", "--exit-with-stdin", NULL);
  g_assert_no_error (error);
  output = g_data_input_stream_new (g_subprocess_get_stdout_pipe (mock));
  port = g_data_input_stream_read_line (output, NULL, NULL, &error);
  g_assert_no_error (error);
  endpoint = g_strconcat ("http://127.0.0.1:", port, NULL);
  g_setenv ("HF_ENDPOINT", endpoint, TRUE);
}

static void
stop_mock (void)
{
  g_assert_true (
      g_output_stream_close (g_subprocess_get_stdin_pipe (mock), NULL, NULL));
  g_assert_true (g_subprocess_wait (mock, NULL, NULL));
  g_clear_object (&mock);
}

static void
remove_tree (const char *path)
{
  g_autoptr (GDir) dir = NULL;
  const char *name;

  if (g_unlink (path) == 0)
    return;
  dir = g_dir_open (path, 0, NULL);
  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL) {
    g_autofree char *child = g_build_filename (path, name, NULL);

    remove_tree (child);
  }
  g_rmdir (path);
}

/* A pipeline of one frame, whose cache is `cache`. */
static GstElement *
new_pipeline (const char *model, const char *cache, const char *more)
{
  g_autofree char *launch = g_strdup_printf (
      "opensorasrc model=%s cache-dir=%s/%s num-frames=1 steps=1 %s "
      "! video/x-raw,width=32,height=32 ! fakesink",
      model, folder, cache, more);

  return gst_test_pipeline_new (launch);
}

/* Runs until the end. Codes of the operations begun, and the message of the
 * clip. */
static GstMessage *
run (const char *model, const char *more, GString *codes)
{
  GstElement *pipeline = new_pipeline (model, "cache", more);
  g_autoptr (GError) error = NULL;
  GstMessage *clip = NULL;

  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  for (;;) {
    g_autoptr (GstMessage) message = gst_test_wait_message (
        pipeline, GST_MESSAGE_PROGRESS | GST_MESSAGE_ELEMENT | GST_MESSAGE_EOS
                      | GST_MESSAGE_ERROR);
    g_autofree char *code = NULL;
    GstProgressType type;

    if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_ERROR) {
      gst_message_parse_error (message, &error, NULL);
      g_assert_no_error (error);
    }
    if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_EOS)
      break;
    if (gst_message_has_name (message, "opensora-clip-started"))
      clip = gst_message_ref (message);
    if (GST_MESSAGE_TYPE (message) != GST_MESSAGE_PROGRESS)
      continue;
    gst_message_parse_progress (message, &type, &code, NULL);
    if (type == GST_PROGRESS_TYPE_START)
      g_string_append_printf (codes, "%s ", code);
  }
  gst_test_pipeline_free (pipeline);
  g_assert_nonnull (clip);
  return clip;
}

static void
test_download (void)
{
  g_autoptr (GString) codes = g_string_new (NULL);
  g_autoptr (GstMessage) clip = run ("org/model", "", codes);
  const GstStructure *fields = gst_message_get_structure (clip);
  const char *commit = gst_structure_get_string (fields, "revision");
  g_autofree char *pinned = g_strdup_printf ("revision=%s", commit);

  g_assert_cmpstr (
      codes->str, ==, "resolve download open encode sample decode ");
  g_assert_cmpstr (gst_structure_get_string (fields, "model"), ==, "org/model");
  g_assert_cmpuint (strlen (commit), ==, 40);

  /* Nothing is downloaded twice, and nobody needs to be asked. */
  g_string_truncate (codes, 0);
  gst_message_unref (run ("org/model", "", codes));
  g_string_append (codes, "/ ");
  gst_message_unref (run ("org/model", "local-files-only=true", codes));
  g_string_append (codes, "/ ");
  gst_message_unref (run ("org/model", pinned, codes));
  g_assert_cmpstr (codes->str, ==,
      "resolve open encode sample decode / resolve open encode sample decode / "
      "resolve open encode sample decode ");
}

/* A release in three repositories, by its name and by that of one of them. */
static void
test_release (void)
{
  g_autoptr (GString) codes = g_string_new (NULL);
  g_autoptr (GstMessage) clip =
      run ("opensora-1.2", "prompt=\"a star\"", codes);
  const GstStructure *fields = gst_message_get_structure (clip);

  g_assert_cmpstr (
      codes->str, ==, "resolve download open encode sample decode ");
  g_assert_cmpstr (
      gst_structure_get_string (fields, "model"), ==, "opensora-1.2");
  g_assert_cmpstr (
      gst_structure_get_string (fields, "model-version"), ==, "1.2");
  g_string_truncate (codes, 0);
  gst_message_unref (run ("hpcai-tech/OpenSora-STDiT-v3",
      "prompt=\"a star\" local-files-only=true", codes));
  g_assert_cmpstr (codes->str, ==, "resolve open encode sample decode ");
}

/* Bytes, in the message and for the reader. */
static void
test_bytes (void)
{
  GstElement *pipeline = new_pipeline ("org/slow", "bytes", "");
  gboolean found = FALSE;

  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  while (!found) {
    g_autoptr (GstMessage) message = gst_test_wait_message (
        pipeline, GST_MESSAGE_PROGRESS | GST_MESSAGE_ERROR);
    const GstStructure *fields = gst_message_get_structure (message);
    g_autofree char *code = NULL;
    g_autofree char *text = NULL;
    GstProgressType type;
    guint64 bytes, total;

    g_assert_cmpint (GST_MESSAGE_TYPE (message), ==, GST_MESSAGE_PROGRESS);
    gst_message_parse_progress (message, &type, &code, &text);
    if (strcmp (code, "download") != 0 || type != GST_PROGRESS_TYPE_CONTINUE)
      continue;
    g_assert_true (gst_structure_get_uint64 (fields, "bytes", &bytes));
    g_assert_true (gst_structure_get_uint64 (fields, "total-bytes", &total));
    g_assert_cmpuint (bytes, >, 0);
    g_assert_cmpuint (bytes, <=, total);
    g_assert_nonnull (strstr (text, "/s"));
    found = TRUE;
  }
  g_assert_cmpfloat (gst_test_pipeline_free (pipeline), <, gst_test_limit (1));
}

/* From PAUSED to READY while bytes arrive slowly; the state READY is good for
 * another start. */
static void
test_cancel (void)
{
  GstElement *pipeline = new_pipeline ("org/slow", "cancel", "");

  for (guint i = 0; i < 2; i++) {
    gint64 begin;

    gst_element_set_state (pipeline, GST_STATE_PAUSED);
    gst_test_wait_progress (pipeline, GST_PROGRESS_TYPE_START, "download");
    begin = g_get_monotonic_time ();
    gst_element_set_state (pipeline, GST_STATE_READY);
    g_assert_cmpfloat (
        (g_get_monotonic_time () - begin) * 1e-6, <, gst_test_limit (1));
    gst_test_wait_progress (pipeline, GST_PROGRESS_TYPE_CANCELED, "download");
  }
  gst_test_pipeline_free (pipeline);
}

/* The end of the stream and that of the operation, in any order. */
static void
wait_cancelled (GstElement *pipeline)
{
  gboolean ended = FALSE, cancelled = FALSE;

  while (!ended || !cancelled) {
    g_autoptr (GstMessage) message = gst_test_wait_message (
        pipeline, GST_MESSAGE_PROGRESS | GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
    GstProgressType type;

    g_assert_cmpint (GST_MESSAGE_TYPE (message), !=, GST_MESSAGE_ERROR);
    ended |= GST_MESSAGE_TYPE (message) == GST_MESSAGE_EOS;
    if (GST_MESSAGE_TYPE (message) != GST_MESSAGE_PROGRESS)
      continue;
    gst_message_parse_progress (message, &type, NULL, NULL);
    cancelled |= type == GST_PROGRESS_TYPE_CANCELED;
  }
}

/* The other ways in which a download may be interrupted: the end of the stream
 * comes at once, and a flush changes nothing. */
static void
test_interrupt (void)
{
  for (guint i = 0; i < 2; i++) {
    GstElement *pipeline = new_pipeline ("org/slow", "interrupt", "name=src");
    g_autoptr (GstElement) src =
        gst_bin_get_by_name (GST_BIN (pipeline), "src");
    gint64 begin;

    gst_element_set_state (pipeline, GST_STATE_PLAYING);
    gst_test_wait_progress (pipeline, GST_PROGRESS_TYPE_START, "download");
    begin = g_get_monotonic_time ();
    gst_element_send_event (src, gst_event_new_flush_start ());
    gst_element_send_event (src, gst_event_new_flush_stop (TRUE));
    gst_test_wait_progress (pipeline, GST_PROGRESS_TYPE_CONTINUE, "download");
    if (i == 0)
      gst_element_send_event (pipeline, gst_event_new_eos ());
    else
      g_signal_emit_by_name (src, "cancel");
    wait_cancelled (pipeline);
    g_assert_cmpfloat (
        (g_get_monotonic_time () - begin) * 1e-6, <, gst_test_limit (1.5));
    gst_test_pipeline_free (pipeline);
  }
}

/* What the network is waited for in, and a model of which that takes long. */
typedef struct {
  const char *stage, *model;
} Wait;

static const Wait waits[] = {
  { "resolve", "org/silent" },
  { "download", "org/slow" },
};

/* The change of state that begins it is as quick as ever. */
static void
test_wait (gconstpointer data)
{
  const Wait *wait = data;

  for (guint i = 0; i < N_INTERRUPTIONS; i++) {
    GstElement *pipeline = new_pipeline (wait->model, wait->stage, "name=src");
    const gint64 begin = g_get_monotonic_time ();

    gst_element_set_state (pipeline, GST_STATE_PLAYING);
    g_assert_cmpfloat (
        (g_get_monotonic_time () - begin) * 1e-6, <, gst_test_limit (0.1));
    gst_test_wait_progress (pipeline, GST_PROGRESS_TYPE_START, wait->stage);
    g_usleep (50000); /* the request is on its way */
    interrupt_and_free (pipeline, &interruptions[i]);
  }
}

typedef struct {
  const char *name;
  const char *model;
  const char *more;
  GstResourceError code;
  const char *part; /* of the message */
} Failure;

static const Failure failures[] = {
  { "no-repository", "org/none", "", GST_RESOURCE_ERROR_NOT_FOUND, "org/none" },
  { "no-revision", "org/model", "revision=v9", GST_RESOURCE_ERROR_NOT_FOUND,
      "v9" },
  { "not-cached", "org/model", "local-files-only=true",
      GST_RESOURCE_ERROR_NOT_FOUND, "org/model@main" },
  { "gated", "org/gated", "", GST_RESOURCE_ERROR_NOT_AUTHORIZED, "HF_TOKEN" },
  { "damaged", "org/damaged", "", GST_RESOURCE_ERROR_READ, "org/damaged" },
  { "bad-name", "org/a--b", "", GST_RESOURCE_ERROR_SETTINGS, "a--b" },
  { "path", "no/such/model", "", GST_RESOURCE_ERROR_NOT_FOUND,
      "no/such/model" },
};

static void
test_failure (gconstpointer data)
{
  const Failure *failure = data;
  g_autofree char *launch =
      g_strdup_printf ("opensorasrc model=%s cache-dir=%s/%s %s ! fakesink",
          failure->model, folder, failure->name, failure->more);

  gst_test_expect_error (
      launch, GST_RESOURCE_ERROR, failure->code, failure->part);
}

static void
add_tests (void)
{
  g_test_add_func ("/gst/hub/download", test_download);
  g_test_add_func ("/gst/hub/release", test_release);
  g_test_add_func ("/gst/hub/bytes", test_bytes);
  g_test_add_func ("/gst/hub/cancel", test_cancel);
  g_test_add_func ("/gst/hub/interrupt", test_interrupt);
  for (guint i = 0; i < G_N_ELEMENTS (waits); i++) {
    g_autofree char *path =
        g_strdup_printf ("/gst/hub/waiting/%s", waits[i].stage);

    g_test_add_data_func (path, &waits[i], test_wait);
  }
  for (guint i = 0; i < G_N_ELEMENTS (failures); i++) {
    g_autofree char *path =
        g_strdup_printf ("/gst/hub/failure/%s", failures[i].name);

    g_test_add_data_func (path, &failures[i], test_failure);
  }
}

/* Nothing of the user's environment counts. */
static void
clear_environment (void)
{
  static const char *const names[] = { "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE",
    "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "http_proxy", "HTTP_PROXY",
    "all_proxy", "ALL_PROXY" };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    g_unsetenv (names[i]);
  g_setenv ("HF_HOME", folder, TRUE);
}

int
main (int argc, char **argv)
{
  int failed;

  folder = g_dir_make_tmp ("opensora-test-XXXXXX", NULL);
  clear_environment ();
  start_mock ();
  failed = gst_test_main (argc, argv, add_tests);
  stop_mock ();
  remove_tree (folder);
  g_free (folder);
  return failed;
}
