/* SPDX-License-Identifier: Apache-2.0 */
/* opensora inspect: what a checkpoint holds, as a table or as one JSON object
 *
 *   {"file": .., "container": .., "state_dict_path": [..], "metadata": {..},
 *    "tensors": [{"path": [..], "name": .., "dtype": .., "shape": [..],
 *                 "size": .., "file": .., "sha256": ..}, ..]} */

#include "cli.h"

#include <json-glib/json-glib.h>
#include <opensora/opensora.h>
#include <stdio.h>
#include <string.h>

#define MAX_NAME_WIDTH 72

typedef struct {
  gboolean json;
  gboolean sha256;
  char *state_dict;
  OpensoraCheckpoint *checkpoint;
} Inspect;

static void
inspect_clear (Inspect *self)
{
  g_clear_object (&self->checkpoint);
  g_free (self->state_dict);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Inspect, inspect_clear)

static gboolean
parse_options (Inspect *self, char **args, GError **error)
{
  const GOptionEntry entries[] = {
    { "json", 0, 0, G_OPTION_ARG_NONE, &self->json,
        "Print one JSON object instead of a table", NULL },
    { "sha256", 0, 0, G_OPTION_ARG_NONE, &self->sha256,
        "Also the SHA-256 of every tensor's bytes; reads all of them", NULL },
    { "state-dict", 0, 0, G_OPTION_ARG_STRING, &self->state_dict,
        "Take the tensors from this dictionary (keys joined by /; \"\": the "
        "outermost)",
        "KEYS" },
    { NULL },
  };
  g_autoptr (GOptionContext) context = g_option_context_new ("FILE|FOLDER");

  g_option_context_add_main_entries (context, entries, NULL);
  g_option_context_set_summary (context,
      "Lists the tensors and the metadata of a checkpoint: safetensors, "
      "PyTorch's .pth, .pt and .bin,\nor a folder or *.index.json of several.");
  if (!g_option_context_parse_strv (context, &args, error))
    return FALSE;
  if (args[1] == NULL || args[2] != NULL) {
    g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED,
        "one file or folder is needed; see opensora inspect --help");
    return FALSE;
  }
  self->checkpoint =
      opensora_checkpoint_open_at (args[1], self->state_dict, NULL, error);
  return self->checkpoint != NULL;
}

/* Hexadecimal, of the row-major bytes. */
static char *
hash_tensor (OpensoraTensorInfo *tensor, GError **error)
{
  g_autoptr (GBytes) bytes = opensora_tensor_info_get_bytes (tensor, error);

  if (bytes == NULL)
    return NULL;
  return g_compute_checksum_for_bytes (G_CHECKSUM_SHA256, bytes);
}

/* Names of metadata in a fixed order; they belong to the table. */
static GList *
sorted_keys (GHashTable *metadata)
{
  return g_list_sort (g_hash_table_get_keys (metadata), (GCompareFunc) strcmp);
}

/* --- JSON --- */

static void
build_path (JsonBuilder *builder, OpensoraTensorInfo *tensor)
{
  g_autoptr (GVariant) path = opensora_tensor_info_get_path (tensor);
  GVariantIter iter;
  GVariant *step;

  json_builder_set_member_name (builder, "path");
  json_builder_begin_array (builder);
  g_variant_iter_init (&iter, path);
  while (g_variant_iter_loop (&iter, "v", &step)) {
    if (g_variant_is_of_type (step, G_VARIANT_TYPE_INT64))
      json_builder_add_int_value (builder, g_variant_get_int64 (step));
    else
      json_builder_add_string_value (
          builder, g_variant_get_string (step, NULL));
  }
  json_builder_end_array (builder);
}

static void
add_string (JsonBuilder *builder, const char *member, const char *value)
{
  json_builder_set_member_name (builder, member);
  if (value != NULL)
    json_builder_add_string_value (builder, value);
  else
    json_builder_add_null_value (builder);
}

static void
build_tensor (
    JsonBuilder *builder, OpensoraTensorInfo *tensor, const char *sha256)
{
  guint n_dims;
  const gint64 *shape = opensora_tensor_info_get_shape (tensor, &n_dims);
  g_autofree char *file =
      g_path_get_basename (opensora_tensor_info_get_file (tensor));

  json_builder_begin_object (builder);
  build_path (builder, tensor);
  add_string (builder, "name", opensora_tensor_info_get_name (tensor));
  add_string (builder, "dtype", opensora_tensor_info_get_dtype (tensor));
  json_builder_set_member_name (builder, "shape");
  json_builder_begin_array (builder);
  for (guint i = 0; i < n_dims; i++)
    json_builder_add_int_value (builder, shape[i]);
  json_builder_end_array (builder);
  json_builder_set_member_name (builder, "size");
  json_builder_add_int_value (builder, opensora_tensor_info_get_size (tensor));
  add_string (builder, "file", file);
  if (sha256 != NULL)
    add_string (builder, "sha256", sha256);
  json_builder_end_object (builder);
}

static void
build_metadata (JsonBuilder *builder, OpensoraCheckpoint *checkpoint)
{
  GHashTable *metadata = opensora_checkpoint_get_metadata (checkpoint);
  g_autoptr (GList) keys = sorted_keys (metadata);

  json_builder_set_member_name (builder, "metadata");
  json_builder_begin_object (builder);
  for (GList *key = keys; key != NULL; key = key->next)
    add_string (builder, key->data, g_hash_table_lookup (metadata, key->data));
  json_builder_end_object (builder);
}

static gboolean
build_tensors (const Inspect *self, JsonBuilder *builder, GError **error)
{
  guint n = opensora_checkpoint_get_n_tensors (self->checkpoint);

  json_builder_set_member_name (builder, "tensors");
  json_builder_begin_array (builder);
  for (guint i = 0; i < n; i++) {
    g_autoptr (OpensoraTensorInfo) tensor =
        opensora_checkpoint_get_tensor (self->checkpoint, i);
    g_autofree char *sha256 = self->sha256 ? hash_tensor (tensor, error) : NULL;

    if (self->sha256 && sha256 == NULL)
      return FALSE;
    build_tensor (builder, tensor, sha256);
  }
  json_builder_end_array (builder);
  return TRUE;
}

static gboolean
print_json (const Inspect *self, GError **error)
{
  const char *const *state_dict =
      opensora_checkpoint_get_state_dict (self->checkpoint);
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  g_autoptr (JsonNode) root = NULL;
  g_autofree char *text = NULL;

  json_builder_begin_object (builder);
  add_string (builder, "file", opensora_checkpoint_get_path (self->checkpoint));
  add_string (
      builder, "container", opensora_checkpoint_get_format (self->checkpoint));
  json_builder_set_member_name (builder, "state_dict_path");
  json_builder_begin_array (builder);
  for (guint i = 0; state_dict[i] != NULL; i++)
    json_builder_add_string_value (builder, state_dict[i]);
  json_builder_end_array (builder);
  build_metadata (builder, self->checkpoint);
  if (!build_tensors (self, builder, error))
    return FALSE;
  json_builder_end_object (builder);
  root = json_builder_get_root (builder);
  text = json_to_string (root, TRUE);
  /* Not g_print(), which turns it into the character set of the terminal. */
  printf ("%s\n", text);
  return TRUE;
}

/* --- Table --- */

/* What a terminal would act on instead of showing it, as \u escapes. */
static char *
printable (const char *text)
{
  GString *shown = g_string_new (NULL);

  for (const char *at = text; *at != '\0'; at = g_utf8_next_char (at)) {
    gunichar c = g_utf8_get_char (at);

    if (g_unichar_isprint (c))
      g_string_append_unichar (shown, c);
    else
      g_string_append_printf (shown, "\\u%04x", c);
  }
  return g_string_free (shown, FALSE);
}

/* The name; of a tensor without one the path, behind a slash. */
static char *
label_of (OpensoraTensorInfo *tensor)
{
  const char *name = opensora_tensor_info_get_name (tensor);
  g_autoptr (GString) label = g_string_new (name);
  g_autoptr (GVariant) path = opensora_tensor_info_get_path (tensor);
  GVariantIter iter;
  GVariant *step;

  g_variant_iter_init (&iter, path);
  while (name == NULL && g_variant_iter_loop (&iter, "v", &step)) {
    if (g_variant_is_of_type (step, G_VARIANT_TYPE_INT64))
      g_string_append_printf (
          label, "/%" G_GINT64_FORMAT, g_variant_get_int64 (step));
    else
      g_string_append_printf (label, "/%s", g_variant_get_string (step, NULL));
  }
  return printable (label->str);
}

static char *
shape_of (OpensoraTensorInfo *tensor)
{
  guint n_dims;
  const gint64 *shape = opensora_tensor_info_get_shape (tensor, &n_dims);
  GString *text = g_string_new ("[");

  for (guint i = 0; i < n_dims; i++)
    g_string_append_printf (
        text, "%s%" G_GINT64_FORMAT, i > 0 ? ", " : "", shape[i]);
  g_string_append_c (text, ']');
  return g_string_free (text, FALSE);
}

static void
print_head (const Inspect *self)
{
  GHashTable *metadata = opensora_checkpoint_get_metadata (self->checkpoint);
  g_autoptr (GList) keys = sorted_keys (metadata);
  g_autofree char *state_dict = g_strjoinv (
      "/", (char **) opensora_checkpoint_get_state_dict (self->checkpoint));

  g_print ("%s: %s\n", opensora_checkpoint_get_path (self->checkpoint),
      opensora_checkpoint_get_format (self->checkpoint));
  if (*state_dict != '\0')
    g_print ("state dict: %s\n", state_dict);
  for (GList *key = keys; key != NULL; key = key->next) {
    g_autofree char *name = printable (key->data);
    g_autofree char *value =
        printable (g_hash_table_lookup (metadata, key->data));
    g_print ("metadata: %s = %s\n", name, value);
  }
  g_print ("\n");
}

static gboolean
print_row (const Inspect *self, OpensoraTensorInfo *tensor, const char *label,
    int width, GError **error)
{
  g_autofree char *shape = shape_of (tensor);
  g_autofree char *size =
      g_format_size (opensora_tensor_info_get_size (tensor));
  g_autofree char *sha256 =
      self->sha256 ? hash_tensor (tensor, error) : g_strdup ("");

  if (sha256 == NULL)
    return FALSE;
  g_print ("%s%*s  %-7s  %-24s %12s%s%s\n", label,
      MAX (width - (int) g_utf8_strlen (label, -1), 0), "",
      opensora_tensor_info_get_dtype (tensor), shape, size,
      *sha256 != '\0' ? "  " : "", sha256);
  return TRUE;
}

/* The column of names is as wide as the widest, longer ones than that make
 * place in their own line only. */
static gboolean
print_table (const Inspect *self, GError **error)
{
  guint n = opensora_checkpoint_get_n_tensors (self->checkpoint);
  g_autoptr (GPtrArray) labels = g_ptr_array_new_with_free_func (g_free);
  g_autofree char *size = NULL;
  guint64 total = 0;
  int width = 0;

  for (guint i = 0; i < n; i++) {
    g_autoptr (OpensoraTensorInfo) tensor =
        opensora_checkpoint_get_tensor (self->checkpoint, i);
    char *label = label_of (tensor);

    g_ptr_array_add (labels, label);
    width = MAX (width, (int) g_utf8_strlen (label, -1));
    total += opensora_tensor_info_get_size (tensor);
  }
  print_head (self);
  for (guint i = 0; i < n; i++) {
    g_autoptr (OpensoraTensorInfo) tensor =
        opensora_checkpoint_get_tensor (self->checkpoint, i);

    if (!print_row (self, tensor, g_ptr_array_index (labels, i),
            MIN (width, MAX_NAME_WIDTH), error))
      return FALSE;
  }
  size = g_format_size (total);
  g_print ("\n%u tensors, %s\n", n, size);
  return TRUE;
}

int
cli_inspect (char **args)
{
  g_auto (Inspect) self = { FALSE };
  g_autoptr (GError) error = NULL;

  if (!parse_options (&self, args, &error)
      || (self.sha256
          && !opensora_checkpoint_verify (self.checkpoint, NULL, &error))
      || !(
          self.json ? print_json (&self, &error) : print_table (&self, &error)))
    return cli_fail ("%s", error->message);
  if (fflush (stdout) != 0 || ferror (stdout))
    return cli_fail ("standard output cannot be written");
  return 0;
}
