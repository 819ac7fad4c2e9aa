/* SPDX-License-Identifier: Apache-2.0 */
/* Objects come from strangers: they may contain themselves, or the same part a
 * billion times. The walk keeps its own stack, and bounds on depth, steps and
 * bytes of keys. */
#include "weights/state-dict.h"

#include <opensora/opensora.h>
#include <string.h>

#define MAX_DEPTH 100
#define MAX_STEPS 200000
#define MAX_KEY 4096
#define MAX_KEY_BYTES (64 << 20)

/* A list or dict on the way to the current value. */
typedef struct {
  OsPickleItem next;
  gint64 index;    /* of `next` in a list; -1 in a dict */
  gboolean on_way; /* this and all above are the state dict or lead to it */
} Frame;

typedef struct {
  OsCheckpoint *checkpoint;
  OsTorchObject *object;
  const OsPickle *pickle;
  const char *const *keys; /* of the state dict */
  guint n_keys;
  GArray *frames; /* of Frame */
  GArray *path;   /* of OsCheckpointStep: what led to each frame but the root,
                     and to the current value */
  guint steps;
  gsize key_bytes; /* of all paths handed out */
} Walk;

static gboolean
is_container (const OsPickle *pickle, OsPickleValue value)
{
  OsPickleKind kind = os_pickle_get_kind (pickle, value);

  return kind == OS_PICKLE_LIST || kind == OS_PICKLE_TUPLE
         || os_pickle_is_dict (pickle, value);
}

/* Which dict. */

/* Value of a text key; FALSE if there is none. */
static gboolean
look_up (const OsPickle *pickle, OsPickleValue dict, const char *key,
    OsPickleValue *value)
{
  OsPickleItem item = os_pickle_first_item (pickle, dict);

  while (item != OS_PICKLE_NO_ITEM) {
    OsPickleValue name = os_pickle_get_item (pickle, item);
    gsize length;

    item = os_pickle_next_item (pickle, item);
    if (os_pickle_get_kind (pickle, name) == OS_PICKLE_TEXT) {
      const char *text = os_pickle_get_text (pickle, name, &length);
      if (length == strlen (key) && memcmp (text, key, length) == 0) {
        *value = os_pickle_get_item (pickle, item);
        return TRUE;
      }
    }
    item = os_pickle_next_item (pickle, item);
  }
  return FALSE;
}

static gboolean
holds_tensor (const OsPickle *pickle, OsPickleValue dict)
{
  OsPickleItem item = os_pickle_first_item (pickle, dict);

  while (item != OS_PICKLE_NO_ITEM) {
    item = os_pickle_next_item (pickle, item);
    if (os_pickle_get_kind (pickle, os_pickle_get_item (pickle, item))
        == OS_PICKLE_TENSOR)
      return TRUE;
    item = os_pickle_next_item (pickle, item);
  }
  return FALSE;
}

/* Keys of the usual state dict; transfer full. */
static char **
find_usual (const OsPickle *pickle)
{
  static const char *const wrappers[] = { "ema", "state_dict", "model",
    "module" };
  OsPickleValue root = os_pickle_get_root (pickle), value;

  for (guint i = 0;
       os_pickle_is_dict (pickle, root) && i < G_N_ELEMENTS (wrappers); i++) {
    if (look_up (pickle, root, wrappers[i], &value)
        && os_pickle_is_dict (pickle, value) && holds_tensor (pickle, value))
      return g_strsplit (wrappers[i], "/", -1);
  }
  return g_new0 (char *, 1);
}

/* Keys of the state dict that was asked for; NULL if there is none. */
static char **
find_chosen (const OsTorchObject *object, const char *choice, GError **error)
{
  const OsPickle *pickle = os_torch_object_get_pickle (object);
  g_auto (GStrv) keys = g_strsplit (choice, "/", -1);
  OsPickleValue value = os_pickle_get_root (pickle);

  for (guint i = 0; keys[i] != NULL; i++) {
    if (!os_pickle_is_dict (pickle, value)
        || !look_up (pickle, value, keys[i], &value)) {
      g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_SETTINGS,
          "%s: has no state dict \"%s\": there is no %s; name keys that lead "
          "to it, joined by \"/\", as inspecting the file shows them",
          os_torch_object_get_path (object), choice, keys[i]);
      return NULL;
    }
  }
  return g_steal_pointer (&keys);
}

/* The walk. */

static gboolean
fail (const Walk *walk, GError **error, const char *reason)
{
  g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_FORMAT,
      "%s: its object %s, as no checkpoint does; nothing was read",
      os_torch_object_get_path (walk->object), reason);
  return FALSE;
}

/* A key of a dict as text; NULL for integers. */
static char *
key_to_text (const OsPickle *pickle, OsPickleValue key)
{
  char number[G_ASCII_DTOSTR_BUF_SIZE];
  const char *text;
  gsize length;

  switch (os_pickle_get_kind (pickle, key)) {
    case OS_PICKLE_INT:
      return NULL;
    case OS_PICKLE_TEXT:
      text = os_pickle_get_text (pickle, key, &length);
      return g_strndup (text, MIN (length, MAX_KEY + 1));
    case OS_PICKLE_NONE:
      return g_strdup ("None");
    case OS_PICKLE_BOOL:
      return g_strdup (os_pickle_get_int (pickle, key) ? "True" : "False");
    case OS_PICKLE_FLOAT:
      return g_strdup (g_ascii_dtostr (
          number, sizeof number, os_pickle_get_float (pickle, key)));
    default:
      return g_strdup ("?");
  }
}

/* Adds the last step of the path, which leads to the current value. */
static gboolean
step_by_key (Walk *walk, OsPickleValue key, GError **error)
{
  g_autofree char *text = key_to_text (walk->pickle, key);
  gint64 index = text == NULL ? os_pickle_get_int (walk->pickle, key) : 0;

  if (text != NULL && strlen (text) > MAX_KEY)
    return fail (walk, error, "has a key of thousands of letters");
  os_checkpoint_path_append (walk->path, text, index);
  return TRUE;
}

static gboolean
enter (Walk *walk, OsPickleValue container, gboolean on_way, GError **error)
{
  Frame frame = { os_pickle_first_item (walk->pickle, container),
    os_pickle_is_dict (walk->pickle, container) ? -1 : 0, on_way };

  if (walk->frames->len >= MAX_DEPTH)
    return fail (walk, error, "is nested too deep, or contains itself");
  g_array_append_val (walk->frames, frame);
  return TRUE;
}

/* What leads to the current value, from step `first` on. */
static char *
join_name (const Walk *walk, guint first)
{
  GString *name = g_string_new (NULL);

  for (guint i = first; i < walk->path->len; i++) {
    OsCheckpointStep *step = &g_array_index (walk->path, OsCheckpointStep, i);

    if (i > first)
      g_string_append_c (name, '.');
    if (step->key != NULL)
      g_string_append (name, step->key);
    else
      g_string_append_printf (name, "%" G_GINT64_FORMAT, step->index);
  }
  return g_string_free (name, FALSE);
}

static GArray *
copy_path (const Walk *walk)
{
  GArray *copy = os_checkpoint_path_new ();

  for (guint i = 0; i < walk->path->len; i++) {
    OsCheckpointStep *step = &g_array_index (walk->path, OsCheckpointStep, i);
    os_checkpoint_path_append (copy, step->key, step->index);
  }
  return copy;
}

static gboolean
add_tensor (Walk *walk, OsPickleValue value, gboolean inside, GError **error)
{
  g_autofree char *name = NULL;
  OsTensor *tensor;

  for (guint i = 0; i < walk->path->len; i++) {
    OsCheckpointStep *step = &g_array_index (walk->path, OsCheckpointStep, i);
    walk->key_bytes += sizeof *step + (step->key ? strlen (step->key) : 0);
  }
  if (walk->key_bytes > MAX_KEY_BYTES)
    return fail (walk, error, "has too many keys");
  name = join_name (walk, inside ? walk->n_keys : 0);
  tensor = os_torch_object_make_tensor (
      walk->object, os_pickle_get_tensor (walk->pickle, value), name, error);
  return tensor != NULL
         && os_checkpoint_add_at (walk->checkpoint, inside ? name : NULL,
             copy_path (walk), tensor, error);
}

/* Is the last step of the path one of the state dict's keys, or behind them? */
static gboolean
leads_on (const Walk *walk)
{
  guint depth = walk->path->len;
  const OsCheckpointStep *step;

  if (depth > walk->n_keys)
    return TRUE;
  step = &g_array_index (walk->path, OsCheckpointStep, depth - 1);
  return g_strcmp0 (step->key, walk->keys[depth - 1]) == 0;
}

/* The current value, which the path leads to. */
static gboolean
visit (Walk *walk, OsPickleValue value, gboolean on_way, GError **error)
{
  if (++walk->steps > MAX_STEPS)
    return fail (walk, error, "has too many values");
  if (is_container (walk->pickle, value))
    return enter (walk, value, on_way, error);
  if (os_pickle_get_kind (walk->pickle, value) == OS_PICKLE_TENSOR)
    return add_tensor (
        walk, value, on_way && walk->path->len >= walk->n_keys, error);
  return TRUE;
}

/* The next value of the innermost list or dict. */
static gboolean
advance (Walk *walk, GError **error)
{
  Frame *frame = &g_array_index (walk->frames, Frame, walk->frames->len - 1);
  OsPickleItem item = frame->next;

  if (frame->index >= 0) {
    os_checkpoint_path_append (walk->path, NULL, frame->index++);
  } else {
    if (!step_by_key (walk, os_pickle_get_item (walk->pickle, item), error))
      return FALSE;
    item = os_pickle_next_item (walk->pickle, item);
  }
  frame->next = os_pickle_next_item (walk->pickle, item);
  return visit (walk, os_pickle_get_item (walk->pickle, item),
      frame->on_way && leads_on (walk), error);
}

static gboolean
walk_all (Walk *walk, GError **error)
{
  if (!visit (walk, os_pickle_get_root (walk->pickle), TRUE, error))
    return FALSE;
  while (walk->frames->len > 0) {
    guint depth = walk->frames->len;

    /* Frame n lies behind n - 1 steps. */
    g_array_set_size (walk->path, depth - 1);
    if (g_array_index (walk->frames, Frame, depth - 1).next
        == OS_PICKLE_NO_ITEM)
      g_array_set_size (walk->frames, depth - 1);
    else if (!advance (walk, error))
      return FALSE;
  }
  return TRUE;
}

gboolean
os_state_dict_add (OsCheckpoint *checkpoint, OsTorchObject *object,
    const char *state_dict, GError **error)
{
  const OsPickle *pickle = os_torch_object_get_pickle (object);
  g_auto (GStrv) keys = state_dict != NULL
                            ? find_chosen (object, state_dict, error)
                            : find_usual (pickle);
  g_autoptr (GArray) frames = g_array_new (FALSE, FALSE, sizeof (Frame));
  g_autoptr (GArray) path = os_checkpoint_path_new ();
  Walk walk = { checkpoint, object, pickle, NULL, 0, frames, path, 0, 0 };

  if (keys == NULL)
    return FALSE;
  walk.keys = (const char *const *) keys;
  walk.n_keys = g_strv_length (keys);
  os_checkpoint_set_state_dict (checkpoint, walk.keys);
  return walk_all (&walk, error);
}
