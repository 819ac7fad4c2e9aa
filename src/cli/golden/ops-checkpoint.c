/* SPDX-License-Identifier: Apache-2.0 */
/* Checkpoints as 1.0 and 1.1 load them: checkpoint_adapt, checkpoint_rules. */
#include "cli/golden/golden.h"

#include <glib/gstdio.h>
#include <string.h>

#include "weights/adaptations.h"

/* --- checkpoint_adapt --- */

/* A tensor of the inputs as a network that wants this shape gets it. */
static gboolean
output_adapted (GoldenRun *run, const char *output, GError **error)
{
  const OsTensor *want = golden_wanted (run, output);
  const char *name =
      g_str_has_prefix (output, "length_") ? strchr (output, '/') + 1 : output;
  g_autoptr (OsBinder) binder = os_binder_new (run->of->inputs);
  g_autoptr (GPtrArray) weights = NULL;
  OsWeight *weight;

  os_binder_ignore (binder, "");
  weight = os_binder_weight (binder, name, want->n_dims, want->shape);
  if ((weights = os_binder_finish (binder, error)) == NULL)
    return FALSE;
  golden_output (run, output, os_weight_get (weight, run->compute));
  return TRUE;
}

gboolean
golden_checkpoint_adapt (GoldenRun *run, GError **error)
{
  JsonObjectIter iter;
  const char *name;

  json_object_iter_init (&iter, run->bounds);
  while (json_object_iter_next (&iter, &name, NULL))
    if (!output_adapted (run, name + strlen (run->prefix), error))
      return FALSE;
  return TRUE;
}

/* --- checkpoint_rules: a file like the reference's, written here ---
 *
 * The case has the keys at a file's root and those that 1.0 then looks for. The
 * file here is in PyTorch's format before 1.6: magic number, version, system,
 * object, storages. */

#define LITERAL(file, bytes)                                                   \
  g_byte_array_append (file, (const guint8 *) bytes, sizeof bytes - 1)
#define HEAD                                                                   \
  "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."                  \
  "\x80\x02M\xe9\x03.\x80\x02}.\x80\x02"
/* Two floats, which are all of the only storage. */
#define TENSOR                                                                 \
  "ctorch._utils\n_rebuild_tensor_v2\n((X\x07\0\0\0storage"                    \
  "ctorch\nFloatStorage\nX\x01\0\0\0000X\x03\0\0\0cpuK\x02NtQ"                 \
  "K\0K\x02\x85K\x01\x85\x89"                                                  \
  "ccollections\nOrderedDict\n)RtR"
#define STORAGES ".\x80\x02]X\x01\0\0\0000a.\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"

/* What 1.0 unwraps is the first; the others are those that the library unwraps
 * as well, on purpose: 1.0 loads nothing from such a file and goes on. */
static const char *const wrappers[] = { "ema", "state_dict", "model", "module",
  NULL };

static void
append_key (GByteArray *file, const char *key)
{
  const guint32 length = GUINT32_TO_LE (strlen (key));

  LITERAL (file, "X");
  g_byte_array_append (file, (const guint8 *) &length, sizeof length);
  g_byte_array_append (file, (const guint8 *) key, strlen (key));
}

static void
append_dict (GByteArray *file, const GPtrArray *names)
{
  LITERAL (file, "}(");
  for (guint i = 0; i < names->len; i++) {
    append_key (file, g_ptr_array_index (names, i));
    LITERAL (file, TENSOR);
  }
  LITERAL (file, "u");
}

/* A root with tensors; or, beside a wrapper of tensors, with numbers. */
static GByteArray *
make_file (const GPtrArray *root, const char *wrapper, const GPtrArray *inside)
{
  GByteArray *file = g_byte_array_new ();

  LITERAL (file, HEAD "}(");
  for (guint i = 0; i < root->len; i++) {
    const char *key = g_ptr_array_index (root, i);

    append_key (file, key);
    if (g_strv_contains (wrappers, key))
      append_dict (file, inside);
    else if (wrapper != NULL)
      LITERAL (file, "K\x01");
    else
      LITERAL (file, TENSOR);
  }
  LITERAL (file, "u" STORAGES);
  return file;
}

static OsCheckpoint *
open_file (const GByteArray *file, GError **error)
{
  g_autofree char *path = NULL;
  const int fd = g_file_open_tmp ("opensora-XXXXXX.pth", &path, error);
  OsCheckpoint *checkpoint = NULL;

  if (fd < 0 || !g_close (fd, error))
    return NULL;
  if (g_file_set_contents (path, (const char *) file->data, file->len, error))
    checkpoint = os_checkpoint_open (path, error);
  g_unlink (path);
  return checkpoint;
}

static GPtrArray *
read_names (JsonObject *entry, const char *member)
{
  JsonArray *array = json_object_get_array_member (entry, member);
  GPtrArray *names = g_ptr_array_new ();

  for (guint i = 0; i < json_array_get_length (array); i++)
    g_ptr_array_add (
        names, (gpointer) json_array_get_string_element (array, i));
  return names;
}

static gboolean
contains (const GPtrArray *names, const char *name)
{
  return g_ptr_array_find_with_equal_func (
      (GPtrArray *) names, name, g_str_equal, NULL);
}

/* The same names, but for tables of positions, which the library computes
 * wherever they are; 1.0 does so if they are at the root. */
static gboolean
same_names (const OsCheckpoint *checkpoint, const GPtrArray *want)
{
  const char *const *names = os_checkpoint_get_names (checkpoint);
  guint n_got = 0, n_want = 0;

  for (; *names != NULL; names++) {
    if (os_adapt_is_dropped (*names))
      continue;
    if (!contains (want, *names))
      return FALSE;
    n_got++;
  }
  for (guint i = 0; i < want->len; i++)
    n_want += !os_adapt_is_dropped (g_ptr_array_index (want, i));
  return n_got == n_want;
}

static gboolean
check_rule (GoldenRun *run, JsonObject *entry, GError **error)
{
  g_autoptr (GPtrArray) root = read_names (entry, "root_keys");
  g_autoptr (GPtrArray) loaded = read_names (entry, "loaded_keys");
  g_autoptr (GByteArray) file = NULL;
  g_autoptr (OsCheckpoint) checkpoint = NULL;
  const char *wrapper = NULL;

  for (guint i = 0; wrapper == NULL && wrappers[i] != NULL; i++)
    wrapper = contains (root, wrappers[i]) ? wrappers[i] : NULL;
  /* Of what 1.0 does not unwrap the case does not say what is inside. */
  if (wrapper != NULL && contains (loaded, wrapper)) {
    g_ptr_array_set_size (loaded, 0);
    g_ptr_array_add (loaded, "a");
  }
  file = make_file (root, wrapper, loaded);
  checkpoint = open_file (file, error);
  if (checkpoint == NULL)
    return FALSE;
  golden_check (run,
      g_strcmp0 (os_checkpoint_get_state_dict (checkpoint)[0], wrapper) == 0
          && same_names (checkpoint, loaded),
      "%s: other tensors are loaded",
      json_object_get_string_member (entry, "file"));
  return TRUE;
}

gboolean
golden_checkpoint_rules (GoldenRun *run, GError **error)
{
  JsonArray *cases = json_object_get_array_member (run->json, "cases");

  for (guint i = 0; i < json_array_get_length (cases); i++)
    if (!check_rule (run, json_array_get_object_element (cases, i), error))
      return FALSE;
  return TRUE;
}
