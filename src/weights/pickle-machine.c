/* SPDX-License-Identifier: Apache-2.0 */
/* The opcodes of pickle protocol 2 (Python's pickletools.py documents them)
 * that torch.save() writes; any other is an error. Values live on a stack;
 * MARK puts a floor into it, which no opcode but its own can go below. */
#include <opensora/opensora.h>
#include <string.h>

#include "base/text.h"
#include "weights/pickle-private.h"

#define PROTO 0x80
#define STOP '.'
/* Longer lines are no names of anything on the list. */
#define MAX_LINE 128

typedef struct {
  OsPickle *pickle;
  const guint8 *start;
  const guint8 *at;
  const guint8 *end;
  const char *origin;
  GArray *stack; /* of OsPickleValue */
  GArray *marks; /* of guint: lengths of the stack */
  GArray *memo;  /* of OsPickleValue + 1; 0: none */
  guint n_opcodes;
} Machine;

/* `arg`: what tells opcodes of one kind apart. */
typedef struct {
  gboolean (*run) (Machine *machine, int arg, GError **error);
  int arg;
} Opcode;

G_GNUC_PRINTF (3, 4)
static gboolean
fail (const Machine *machine, GError **error, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list args;

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_FORMAT,
      "%s: byte %" G_GSSIZE_FORMAT
      " of its pickle: %s; the file is damaged or no checkpoint",
      machine->origin, machine->at - machine->start, text);
  return FALSE;
}

/* `length` bytes of the pickle, or NULL. */
static const guint8 *
take (Machine *machine, gsize length, GError **error)
{
  const guint8 *bytes = machine->at;

  if (length > (gsize) (machine->end - machine->at)) {
    fail (machine, error, "it is cut off");
    return NULL;
  }
  machine->at += length;
  return bytes;
}

/* An unsigned number of `width` bytes, little endian. */
static gboolean
take_number (Machine *machine, int width, guint32 *number, GError **error)
{
  const guint8 *bytes = take (machine, width, error);

  if (bytes == NULL)
    return FALSE;
  *number = 0;
  for (int i = width; i-- > 0;)
    *number = *number << 8 | bytes[i];
  return TRUE;
}

/* The stack. */

static guint
stack_floor (const Machine *machine)
{
  guint n = machine->marks->len;

  return n > 0 ? g_array_index (machine->marks, guint, n - 1) : 0;
}

static OsPickleValue
peek (const Machine *machine, guint depth)
{
  return g_array_index (
      machine->stack, OsPickleValue, machine->stack->len - 1 - depth);
}

static gboolean
need (const Machine *machine, guint n, GError **error)
{
  if (machine->stack->len - stack_floor (machine) < n)
    return fail (machine, error, "it takes more values than there are");
  return TRUE;
}

static void
drop (Machine *machine, guint n)
{
  g_array_set_size (machine->stack, machine->stack->len - n);
}

static gboolean
push (Machine *machine, OsPickleCell cell, GError **error)
{
  OsPickleValue value = machine->pickle->cells->len;

  if (value >= OS_PICKLE_MAX_VALUES)
    return fail (machine, error, "it has too many values");
  g_array_append_val (machine->pickle->cells, cell);
  g_array_append_val (machine->stack, value);
  return TRUE;
}

static gboolean
push_container (Machine *machine, OsPickleKind kind, GError **error)
{
  OsPickleCell cell = { kind };

  cell.items.first = cell.items.last = OS_PICKLE_NO_ITEM;
  return push (machine, cell, error);
}

static gboolean
push_integer (
    Machine *machine, OsPickleKind kind, gint64 integer, GError **error)
{
  OsPickleCell cell = { kind };

  cell.integer = integer;
  return push (machine, cell, error);
}

/* Ends the last MARK: how many values lie above it. */
static gboolean
pop_mark (Machine *machine, guint *n, GError **error)
{
  if (machine->marks->len == 0)
    return fail (machine, error, "it ends a list that it did not begin");
  *n = machine->stack->len - stack_floor (machine);
  g_array_set_size (machine->marks, machine->marks->len - 1);
  return TRUE;
}

static gboolean
op_mark (Machine *machine, int arg, GError **error)
{
  if (machine->marks->len >= OS_PICKLE_MAX_MARKS)
    return fail (machine, error, "its lists are nested too deep");
  g_array_append_val (machine->marks, machine->stack->len);
  return TRUE;
}

/* Plain values. */

static gboolean
op_none (Machine *machine, int arg, GError **error)
{
  return push_integer (machine, OS_PICKLE_NONE, 0, error);
}

static gboolean
op_bool (Machine *machine, int value, GError **error)
{
  return push_integer (machine, OS_PICKLE_BOOL, value, error);
}

/* One and two bytes are unsigned, four are signed. */
static gboolean
op_int (Machine *machine, int width, GError **error)
{
  guint32 number;

  return take_number (machine, width, &number, error)
         && push_integer (machine, OS_PICKLE_INT,
             width == 4 ? (gint32) number : (gint64) number, error);
}

/* Two's complement of any length. */
static gboolean
op_long (Machine *machine, int arg, GError **error)
{
  const guint8 *bytes;
  guint64 number = 0;
  guint32 length;

  if (!take_number (machine, 1, &length, error)
      || (bytes = take (machine, length, error)) == NULL)
    return FALSE;
  if (length > sizeof number)
    return push_integer (machine, OS_PICKLE_BIG_INT, 0, error);
  if (length > 0 && bytes[length - 1] & 0x80)
    number = G_MAXUINT64;
  for (guint i = length; i-- > 0;)
    number = number << 8 | bytes[i];
  return push_integer (machine, OS_PICKLE_INT, (gint64) number, error);
}

static gboolean
op_float (Machine *machine, int arg, GError **error)
{
  const guint8 *bytes = take (machine, sizeof (guint64), error);
  OsPickleCell cell = { OS_PICKLE_FLOAT };
  guint64 bits;

  if (bytes == NULL)
    return FALSE;
  memcpy (&bits, bytes, sizeof bits);
  bits = GUINT64_FROM_BE (bits);
  memcpy (&cell.real, &bits, sizeof bits);
  return push (machine, cell, error);
}

static gboolean
op_text (Machine *machine, int arg, GError **error)
{
  OsPickleCell cell = { OS_PICKLE_TEXT };

  if (!take_number (machine, 4, &cell.n, error)
      || (cell.text = (const char *) take (machine, cell.n, error)) == NULL)
    return FALSE;
  if (!g_utf8_validate_len (cell.text, cell.n, NULL)) {
    /* NUL is legal, in values that nobody looks at. */
    if (memchr (cell.text, 0, cell.n) == NULL)
      return fail (machine, error, "a text is not UTF-8");
    cell.kind = OS_PICKLE_OPAQUE;
  }
  return push (machine, cell, error);
}

/* Python 2's strings: text if they can be. */
static gboolean
op_bytes (Machine *machine, int arg, GError **error)
{
  OsPickleCell cell = { OS_PICKLE_TEXT };

  if (!take_number (machine, 1, &cell.n, error)
      || (cell.text = (const char *) take (machine, cell.n, error)) == NULL)
    return FALSE;
  if (!g_utf8_validate_len (cell.text, cell.n, NULL))
    cell.kind = OS_PICKLE_OPAQUE;
  return push (machine, cell, error);
}

/* Containers. */

static gboolean
op_container (Machine *machine, int kind, GError **error)
{
  return push_container (machine, kind, error);
}

static gboolean
op_set (Machine *machine, int arg, GError **error)
{
  return push_integer (machine, OS_PICKLE_OPAQUE, 0, error);
}

/* A tuple of the top `n` values, in their place. */
static gboolean
make_tuple (Machine *machine, guint n, GError **error)
{
  OsPickleValue tuple = machine->pickle->cells->len;
  gboolean is_key = TRUE;
  guint first;

  if (!push_container (machine, OS_PICKLE_TUPLE, error))
    return FALSE;
  first = machine->stack->len - 1 - n;
  for (guint i = 0; i < n; i++) {
    OsPickleValue value =
        g_array_index (machine->stack, OsPickleValue, first + i);

    is_key &= os_pickle_is_key (machine->pickle, value);
    os_pickle_append (machine->pickle, tuple, value);
  }
  os_pickle_cell (machine->pickle, tuple)->n = is_key;
  g_array_index (machine->stack, OsPickleValue, first) = tuple;
  drop (machine, n);
  return TRUE;
}

static gboolean
op_short_tuple (Machine *machine, int n, GError **error)
{
  return need (machine, n, error) && make_tuple (machine, n, error);
}

static gboolean
op_tuple (Machine *machine, int arg, GError **error)
{
  guint n = 0;

  return pop_mark (machine, &n, error) && make_tuple (machine, n, error);
}

/* The top `n` values go into the list or dict below them. */
static gboolean
add_items (Machine *machine, guint n, gboolean to_dict, GError **error)
{
  OsPickleValue container;
  guint first = machine->stack->len - n;

  if (!need (machine, n + 1, error))
    return FALSE;
  container = peek (machine, n);
  if (to_dict
          ? !os_pickle_is_dict (machine->pickle, container) || n % 2 != 0
          : os_pickle_get_kind (machine->pickle, container) != OS_PICKLE_LIST)
    return fail (machine, error, "values are put where they do not belong");
  for (guint i = 0; i < n; i++) {
    OsPickleValue value =
        g_array_index (machine->stack, OsPickleValue, first + i);
    if (to_dict && i % 2 == 0 && !os_pickle_is_key (machine->pickle, value))
      return fail (machine, error, "a value cannot be the key of a dict");
    os_pickle_append (machine->pickle, container, value);
  }
  drop (machine, n);
  return TRUE;
}

/* One element, or one key and its value. */
static gboolean
op_add (Machine *machine, int to_dict, GError **error)
{
  return add_items (machine, to_dict ? 2 : 1, to_dict, error);
}

static gboolean
op_add_all (Machine *machine, int to_dict, GError **error)
{
  guint n = 0;

  return pop_mark (machine, &n, error)
         && add_items (machine, n, to_dict, error);
}

/* Elements of a set are not looked at. */
static gboolean
op_add_to_set (Machine *machine, int arg, GError **error)
{
  guint n = 0;

  if (!pop_mark (machine, &n, error) || !need (machine, n + 1, error))
    return FALSE;
  drop (machine, n);
  if (os_pickle_get_kind (machine->pickle, peek (machine, 0))
      != OS_PICKLE_OPAQUE)
    return fail (machine, error, "values are put where they do not belong");
  return TRUE;
}

/* The memo: values that come again. */

static gboolean
op_put (Machine *machine, int width, GError **error)
{
  guint32 index;

  if (!take_number (machine, width, &index, error) || !need (machine, 1, error))
    return FALSE;
  if (index > machine->n_opcodes)
    return fail (machine, error, "a memo number is too large");
  if (index >= machine->memo->len)
    g_array_set_size (machine->memo, index + 1);
  g_array_index (machine->memo, OsPickleValue, index) = peek (machine, 0) + 1;
  return TRUE;
}

static gboolean
op_get (Machine *machine, int width, GError **error)
{
  OsPickleValue value = 0;
  guint32 index;

  if (!take_number (machine, width, &index, error))
    return FALSE;
  if (index < machine->memo->len)
    value = g_array_index (machine->memo, OsPickleValue, index);
  if (value == 0)
    return fail (machine, error, "a value is used before it is there");
  value--;
  g_array_append_val (machine->stack, value);
  return TRUE;
}

/* Names, and what is made with them. */

/* The first element of a persistent id. */
static gboolean
is_storage_tag (const OsPickleCell *cell)
{
  return cell->n == 7 && memcmp (cell->text, "storage", 7) == 0;
}

/* Says which tensor it is about: its key lies on the stack below what it is
 * being made of. */
static gboolean
explain (const Machine *machine, GError **error)
{
  for (guint i = machine->stack->len; i-- > 0;) {
    OsPickleCell *cell = os_pickle_cell (
        machine->pickle, g_array_index (machine->stack, OsPickleValue, i));

    if (cell->kind == OS_PICKLE_TEXT && !is_storage_tag (cell)) {
      g_autofree char *key = os_text_excerpt (cell->text, cell->n);
      g_prefix_error (error, "%s: tensor %s: ", machine->origin, key);
      return FALSE;
    }
    if (cell->kind != OS_PICKLE_GLOBAL && cell->kind != OS_PICKLE_TEXT)
      break;
  }
  g_prefix_error (error, "%s: ", machine->origin);
  return FALSE;
}

/* A line without its end, or NULL. */
static const char *
take_line (Machine *machine, gsize *length, GError **error)
{
  const guint8 *line = machine->at;
  gsize left = MIN (machine->end - line, MAX_LINE);
  const guint8 *newline = memchr (line, '\n', left);

  if (newline == NULL) {
    fail (machine, error, "a name has no end");
    return NULL;
  }
  machine->at = newline + 1;
  *length = newline - line;
  return (const char *) line;
}

static gboolean
op_global (Machine *machine, int arg, GError **error)
{
  OsPickleCell cell = { OS_PICKLE_GLOBAL };
  const char *module, *name;
  gsize module_length, name_length;
  int index;

  if ((module = take_line (machine, &module_length, error)) == NULL
      || (name = take_line (machine, &name_length, error)) == NULL)
    return FALSE;
  index =
      os_pickle_find_global (module, module_length, name, name_length, error);
  if (index < 0)
    return explain (machine, error);
  cell.n = index;
  return push (machine, cell, error);
}

/* `is_new`: NEWOBJ, which makes an object of a class. */
static gboolean
op_call (Machine *machine, int is_new, GError **error)
{
  OsPickleResult result = { FALSE };
  OsPickleValue callable, args;

  if (!need (machine, 2, error))
    return FALSE;
  callable = peek (machine, 1);
  args = peek (machine, 0);
  drop (machine, 2);
  if (!os_pickle_call (machine->pickle, callable, args, is_new, &result, error))
    return explain (machine, error);
  if (!result.exists)
    return push (machine, result.cell, error);
  g_array_append_val (machine->stack, result.value);
  return TRUE;
}

/* State of what is not looked at, or attributes of an ordered dict. */
static gboolean
op_build (Machine *machine, int arg, GError **error)
{
  OsPickleKind kind;

  if (!need (machine, 2, error))
    return FALSE;
  kind = os_pickle_get_kind (machine->pickle, peek (machine, 1));
  if (kind != OS_PICKLE_ORDERED_DICT && kind != OS_PICKLE_OPAQUE)
    return fail (machine, error, "it sets the state of a value that has none");
  drop (machine, 1);
  return TRUE;
}

static gboolean
op_persistent_id (Machine *machine, int arg, GError **error)
{
  OsPickleCell cell = { OS_PICKLE_STORAGE };
  OsPickleValue id;

  if (!need (machine, 1, error))
    return FALSE;
  id = peek (machine, 0);
  drop (machine, 1);
  if (!os_pickle_load_storage (machine->pickle, id, &cell, error))
    return explain (machine, error);
  return push (machine, cell, error);
}

static const Opcode opcodes[256] = {
  ['('] = { op_mark, 0 },
  [')'] = { op_short_tuple, 0 },
  ['G'] = { op_float, 0 },
  ['J'] = { op_int, 4 },
  ['K'] = { op_int, 1 },
  ['M'] = { op_int, 2 },
  ['N'] = { op_none, 0 },
  ['Q'] = { op_persistent_id, 0 },
  ['R'] = { op_call, FALSE },
  ['U'] = { op_bytes, 0 },
  ['X'] = { op_text, 0 },
  [']'] = { op_container, OS_PICKLE_LIST },
  ['a'] = { op_add, FALSE },
  ['b'] = { op_build, 0 },
  ['c'] = { op_global, 0 },
  ['e'] = { op_add_all, FALSE },
  ['h'] = { op_get, 1 },
  ['j'] = { op_get, 4 },
  ['q'] = { op_put, 1 },
  ['r'] = { op_put, 4 },
  ['s'] = { op_add, TRUE },
  ['t'] = { op_tuple, 0 },
  ['u'] = { op_add_all, TRUE },
  ['}'] = { op_container, OS_PICKLE_DICT },
  [0x81] = { op_call, TRUE },
  [0x85] = { op_short_tuple, 1 },
  [0x86] = { op_short_tuple, 2 },
  [0x87] = { op_short_tuple, 3 },
  [0x88] = { op_bool, TRUE },
  [0x89] = { op_bool, FALSE },
  [0x8a] = { op_long, 0 },
  [0x8f] = { op_set, 0 },
  [0x90] = { op_add_to_set, 0 },
};

static gboolean
run (Machine *machine, GError **error)
{
  const guint8 *bytes = take (machine, 2, error);

  if (bytes == NULL)
    return FALSE;
  if (bytes[0] != PROTO || bytes[1] != 2)
    return fail (machine, error, "it is not of protocol 2");
  while ((bytes = take (machine, 1, error)) != NULL) {
    const Opcode *opcode = &opcodes[*bytes];

    if (*bytes == STOP)
      return need (machine, 1, error);
    if (opcode->run == NULL)
      return fail (machine, error,
          "opcode 0x%02x, which a checkpoint of tensors has no use for",
          *bytes);
    if (++machine->n_opcodes > OS_PICKLE_MAX_OPCODES)
      return fail (machine, error, "it is too long");
    if (!opcode->run (machine, opcode->arg, error))
      return FALSE;
  }
  return FALSE;
}

OsPickle *
os_pickle_decode (const guint8 *data, gsize size, const char *origin,
    gsize *used, GError **error)
{
  g_autoptr (OsPickle) pickle = os_pickle_new ();
  g_autoptr (GArray) stack = g_array_new (FALSE, FALSE, sizeof (OsPickleValue));
  g_autoptr (GArray) marks = g_array_new (FALSE, FALSE, sizeof (guint));
  g_autoptr (GArray) memo = g_array_new (FALSE, TRUE, sizeof (OsPickleValue));
  Machine machine = { pickle, data, data, data + size, origin, stack, marks,
    memo, 0 };

  if (!run (&machine, error))
    return NULL;
  pickle->root = peek (&machine, 0);
  *used = machine.at - data;
  return g_steal_pointer (&pickle);
}
