/* SPDX-License-Identifier: Apache-2.0 */
/* The pickle decoder: the values that opcodes give, bounds, what is refused. */
#include <opensora/opensora.h>
#include <string.h>

#include "weights/pickle.h"

/* Text of a pickle between PROTO and STOP. */
#define BODY(text) text, sizeof (text) - 1

#define STORAGE                                                                \
  "(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\0"                       \
  "0"                                                                          \
  "X\x03\0\0\0"                                                                \
  "cpuK\x08t"
#define REBUILD "ctorch._utils\n_rebuild_tensor_v2\n"
#define ORDERED_DICT "ccollections\nOrderedDict\n)R"

static GByteArray *
wrap (const char *body, gsize length)
{
  GByteArray *bytes = g_byte_array_new ();

  g_byte_array_append (bytes, (const guint8 *) "\x80\x02", 2);
  g_byte_array_append (bytes, (const guint8 *) body, length);
  g_byte_array_append (bytes, (const guint8 *) ".rest", 5);
  return bytes;
}

/* `bytes` has to live as long as the pickle. */
static OsPickle *
decode (GByteArray *bytes)
{
  g_autoptr (GError) error = NULL;
  gsize used = 0;
  OsPickle *pickle =
      os_pickle_decode (bytes->data, bytes->len, "p", &used, &error);

  g_assert_no_error (error);
  g_assert_cmpuint (used, ==, bytes->len - strlen ("rest"));
  return pickle;
}

static void
assert_refused (const char *body, gsize length, int code, const char *hint)
{
  g_autoptr (GByteArray) bytes = wrap (body, length);
  g_autoptr (GError) error = NULL;
  gsize used;

  g_test_message ("%s", hint);
  g_assert_null (
      os_pickle_decode (bytes->data, bytes->len, "p", &used, &error));
  g_assert_error (error, OPENSORA_ERROR, code);
  g_assert_true (g_str_has_prefix (error->message, "p: "));
  g_assert_nonnull (strstr (error->message, hint));
}

/* All integers of a list. */
static void
test_integers (void)
{
  static const gint64 want[] = { 0, 255, 65535, -2, 0, -1, 1, G_MININT64 };
  g_autoptr (GByteArray) bytes = wrap (BODY (
      "](K\0K\xffM\xff\xffJ\xfe\xff\xff\xff\x8a\0\x8a\x01\xff\x8a\x02\x01\0"
      "\x8a\x08\0\0\0\0\0\0\0\x80"
      "e"));
  g_autoptr (OsPickle) pickle = decode (bytes);
  OsPickleValue root = os_pickle_get_root (pickle);
  OsPickleItem item = os_pickle_first_item (pickle, root);

  g_assert_cmpint (os_pickle_get_kind (pickle, root), ==, OS_PICKLE_LIST);
  for (guint i = 0; i < G_N_ELEMENTS (want); i++) {
    OsPickleValue value = os_pickle_get_item (pickle, item);
    g_assert_cmpint (os_pickle_get_kind (pickle, value), ==, OS_PICKLE_INT);
    g_assert_cmpint (os_pickle_get_int (pickle, value), ==, want[i]);
    item = os_pickle_next_item (pickle, item);
  }
  g_assert_cmpuint (item, ==, OS_PICKLE_NO_ITEM);
}

/* A tuple of one value of each other kind. */
static void
test_kinds (void)
{
  static const OsPickleKind want[] = { OS_PICKLE_NONE, OS_PICKLE_BOOL,
    OS_PICKLE_FLOAT, OS_PICKLE_TEXT, OS_PICKLE_TEXT, OS_PICKLE_OPAQUE,
    OS_PICKLE_BIG_INT, OS_PICKLE_DICT, OS_PICKLE_ORDERED_DICT, OS_PICKLE_OPAQUE,
    OS_PICKLE_TUPLE, OS_PICKLE_GLOBAL };
  g_autoptr (GByteArray) bytes = wrap (
      BODY ("(N\x88G\xc0\x04\0\0\0\0\0\0X\x02\0\0\0\xc3\xa9U\x01zU\x01\xff"
            "\x8a\x09\0\0\0\0\0\0\0\0\x01}" ORDERED_DICT "}b"
            "\x8f(K\x01\x90"
            "NK\x01\x86"
            "ctorch\nfloat16\nt"));
  g_autoptr (OsPickle) pickle = decode (bytes);
  OsPickleItem item =
      os_pickle_first_item (pickle, os_pickle_get_root (pickle));

  for (guint i = 0; i < G_N_ELEMENTS (want); i++) {
    OsPickleValue value = os_pickle_get_item (pickle, item);
    gsize length;

    g_assert_cmpint (os_pickle_get_kind (pickle, value), ==, want[i]);
    if (i == 2)
      g_assert_cmpfloat (os_pickle_get_float (pickle, value), ==, -2.5);
    if (i == 3) {
      const char *text = os_pickle_get_text (pickle, value, &length);
      g_assert_cmpmem (text, length, "\xc3\xa9", 2);
    }
    item = os_pickle_next_item (pickle, item);
  }
  g_assert_cmpuint (item, ==, OS_PICKLE_NO_ITEM);
}

static void
test_tensor (void)
{
  g_autoptr (GByteArray) bytes =
      wrap (BODY ("}X\x01\0\0\0w" REBUILD "(" STORAGE
                  "QK\x01K\x02K\x03\x86K\x01K\x02\x86\x89" ORDERED_DICT "tRs"));
  g_autoptr (OsPickle) pickle = decode (bytes);
  OsPickleValue root = os_pickle_get_root (pickle);
  OsPickleItem item =
      os_pickle_next_item (pickle, os_pickle_first_item (pickle, root));
  OsPickleValue value = os_pickle_get_item (pickle, item);
  const OsPickleTensor *tensor;

  g_assert_true (os_pickle_is_dict (pickle, root));
  g_assert_cmpint (os_pickle_get_kind (pickle, value), ==, OS_PICKLE_TENSOR);
  tensor = os_pickle_get_tensor (pickle, value);
  g_assert_cmpint (tensor->dtype, ==, OS_DTYPE_F32);
  g_assert_cmpint (tensor->offset, ==, 1);
  g_assert_cmpint (tensor->n_dims, ==, 2);
  g_assert_cmpint (tensor->shape[1], ==, 3);
  g_assert_cmpint (tensor->stride[1], ==, 2);
  g_assert_cmpuint (os_pickle_get_n_storages (pickle), ==, 1);
  g_assert_cmpstr (os_pickle_get_storage (pickle, 0)->key, ==, "0");
  g_assert_cmpint (os_pickle_get_storage (pickle, 0)->count, ==, 8);
  g_assert_cmpint (os_pickle_get_storage (pickle, 0)->view_size, ==, -1);
}

/* A value that is met twice is one value; a list may hold itself. */
static void
test_memo (void)
{
  g_autoptr (GByteArray) bytes =
      wrap (BODY ("]q\0h\0ar\x01\0\0\0j\x01\0\0\0a"));
  g_autoptr (OsPickle) pickle = decode (bytes);
  OsPickleValue root = os_pickle_get_root (pickle);
  OsPickleItem item = os_pickle_first_item (pickle, root);

  g_assert_cmpuint (os_pickle_get_item (pickle, item), ==, root);
  item = os_pickle_next_item (pickle, item);
  g_assert_cmpuint (os_pickle_get_item (pickle, item), ==, root);
}

static void
test_refused (void)
{
  const int format = OPENSORA_ERROR_FORMAT;

  assert_refused (BODY ("cos\nsystem\n"), format, "os.system");
  assert_refused (BODY ("}X\x01\0\0\0wctorch\nFoo\n"), format,
      "tensor w: it asks Python for torch.Foo");
  assert_refused (BODY ("ctorch._utils\n_rebuild_qtensor\n"),
      OPENSORA_ERROR_UNSUPPORTED, "_rebuild_qtensor");
  assert_refused (BODY ("cos"), format, "a name has no end");
  assert_refused (BODY ("ctorch\nfloat16\n)R"), format, "torch.float16");
  assert_refused (BODY (REBUILD ")\x81"), format, "_rebuild_tensor_v2");
  assert_refused (BODY ("}}b"), format, "state");
  assert_refused (BODY ("K\x05Q"), format, "not a storage");
  assert_refused (BODY ("h\0"), format, "before it is there");
  assert_refused (BODY ("Nr\xff\xff\xff\xff"), format, "memo number");
  assert_refused (BODY ("N("), format, "more values than there are");
  assert_refused (BODY ("N(\x85"), format, "more values than there are");
  assert_refused (BODY ("Nt"), format, "did not begin");
  assert_refused (BODY ("}(Nu"), format, "do not belong");
  assert_refused (BODY ("}]Ns"), format, "key of a dict");
  assert_refused (BODY ("}N]\x86Ns"), format, "key of a dict");
  assert_refused (BODY ("X\xff\xff\xff\xff"), format, "cut off");
  assert_refused (BODY ("X\x01\0\0\0\xff"), format, "UTF-8");
  assert_refused (BODY ("\x80\x04"), format, "0x80");
  assert_refused (
      BODY (REBUILD "(" STORAGE "QK\0)K\x01\x85\x89" ORDERED_DICT "tR"), format,
      "shape and strides");
  assert_refused (BODY (REBUILD "(" STORAGE "QK\0))\x89" ORDERED_DICT
                                "}X\x03\0\0\0neg\x88stR"),
      OPENSORA_ERROR_UNSUPPORTED, "clone()");
}

/* The same opcode, over and over. */
static void
assert_refused_many (
    const char *start, const char *opcode, guint n, const char *hint)
{
  g_autoptr (GString) body = g_string_new (start);

  for (guint i = 0; i < n; i++)
    g_string_append (body, opcode);
  assert_refused (body->str, body->len, OPENSORA_ERROR_FORMAT, hint);
}

static void
test_bounds (void)
{
  assert_refused_many ("", "(", 1001, "nested too deep");
  assert_refused_many ("", "N", 600000, "too many values");
  assert_refused_many ("N", "q\1", 4200000, "too long");
}

/* As deep as it likes: nothing here recurses. */
static void
test_deep (void)
{
  g_autofree char *tuples = g_strnfill (100001, '\x85');
  g_autoptr (GByteArray) bytes = NULL;
  g_autoptr (OsPickle) pickle = NULL;

  *tuples = 'N';
  bytes = wrap (tuples, 100001);
  pickle = decode (bytes);
  g_assert_cmpint (os_pickle_get_kind (pickle, os_pickle_get_root (pickle)), ==,
      OS_PICKLE_TUPLE);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/weights/pickle/integers", test_integers);
  g_test_add_func ("/weights/pickle/kinds", test_kinds);
  g_test_add_func ("/weights/pickle/tensor", test_tensor);
  g_test_add_func ("/weights/pickle/memo", test_memo);
  g_test_add_func ("/weights/pickle/refused", test_refused);
  g_test_add_func ("/weights/pickle/bounds", test_bounds);
  g_test_add_func ("/weights/pickle/deep", test_deep);
  return g_test_run ();
}
